//! What would be published, as lines of JSON on standard output.

use std::io::{self, Write};

use broker::Lease;
use serde::Serialize;
use serde_json::value::RawValue;
use watcher::{Change, Fingerprint, Heard, Outlet, Query};

use super::term::read;

/// Prints.
pub(super) struct Printer {
    /// Where it is remembered what is shown; without it, all is new.
    remembered: Option<Lease>,
}

impl Printer {
    pub(super) fn new(remembered: Option<Lease>) -> Self {
        Self { remembered }
    }
}

impl Outlet for Printer {
    type Ended = String;

    async fn shown(&self, query: &Query) -> Result<Vec<(String, Fingerprint)>, String> {
        match &self.remembered {
            Some(lease) => lease.shown(&query.name).await.map(read).map_err(|error| error.to_string()),
            None => Ok(Vec::new()),
        }
    }

    async fn publish(&self, query: &Query, changes: &[Change]) -> Result<Heard, String> {
        let mut out = io::stdout().lock();
        let mut print = || {
            changes.iter().try_for_each(|change| writeln!(out, "{}", line(&query.name, change)?))?;
            out.flush()
        };
        print().map(|()| Heard::Yes).map_err(|error| format!("standard output: {error}"))
    }
}

/// A line of output.
#[derive(Serialize)]
struct Line<'a> {
    query: &'a str,
    kind: &'static str,
    channel: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<&'a str>,
    /// To the letter as it would be published.
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a RawValue>,
}

fn line(query: &str, change: &Change) -> serde_json::Result<String> {
    let data = change.fingerprint.map(|_| serde_json::from_str(change.publication.data())).transpose()?;
    let (kind, event) = (change.kind.label(), change.publication.event());
    serde_json::to_string(&Line { query, kind, channel: change.channel(), event, data })
}
