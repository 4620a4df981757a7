//! SQL in, publications out: runs queries at intervals and publishes what changed.
//!
//! One process asks the database, and however many look on cost it nothing. Each row is a channel, and its
//! publication the whole row, so that the latest is the state; a row that is gone is retracted. This crate does not
//! know where publications go: that is an [`Outlet`].

mod change;
mod comparison;
mod database;
mod metrics;
mod outlet;
mod postgres;
mod query;
mod reading;
mod schedule;
mod shown;
mod sqlite;
mod table;
mod template;
mod value;
mod watch;

pub use change::{Change, Kind};
pub use database::Database;
pub use metrics::Metrics;
pub use outlet::{Heard, Outlet, Refusals};
pub use query::Query;
pub use reading::DatabaseError;
pub use shown::Fingerprint;
pub use template::{Template, TemplateError};
pub use watch::{run_once, watch};
