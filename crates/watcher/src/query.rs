//! What is asked, how often, and where its rows go.

use std::time::Duration;

use crate::{database::Database, template::Template};

/// A query.
#[derive(Clone, Debug)]
pub struct Query {
    /// Its name, in logs and metrics, and under which it is remembered what was published.
    pub name: String,
    /// Who is asked.
    pub database: Database,
    /// What.
    pub sql: String,
    /// How often. Runs are aligned: they begin at multiples of it since 1970.
    pub interval: Duration,
    /// By how much at the most a run begins later, at random, so that many queries do not ask at once.
    pub jitter: Duration,
    /// The longest wait for the whole result.
    pub timeout: Duration,
    /// The channel of each row; without columns, that of the result as a whole.
    pub channel: Template,
    /// The event type.
    pub event: Option<String>,
    /// Columns of text that hold JSON.
    pub json: Vec<String>,
    /// After which time what has not changed is published again, since what kept it may have forgotten it.
    pub refresh: Option<Duration>,
    /// The most rows of a result.
    pub max_rows: usize,
    /// The longest data of a publication, in bytes.
    pub max_data_bytes: usize,
}
