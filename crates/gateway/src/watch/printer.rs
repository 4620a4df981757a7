//! What would be published, as lines of JSON on standard output.

use std::io::{self, Write};

use broker::Lease;
use serde_json::{Value, json};
use watcher::{Change, Fingerprint, Heard, Outlet};

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

    async fn shown(&self, query: &str) -> Result<Vec<(String, Fingerprint)>, String> {
        match &self.remembered {
            Some(lease) => lease.shown(query).await.map(read).map_err(|error| error.to_string()),
            None => Ok(Vec::new()),
        }
    }

    async fn publish(&self, query: &str, changes: &[Change]) -> Result<Heard, String> {
        let mut out = io::stdout().lock();
        let mut print = || {
            changes.iter().try_for_each(|change| writeln!(out, "{}", line(query, change)))?;
            out.flush()
        };
        print().map(|()| Heard::Yes).map_err(|error| format!("standard output: {error}"))
    }
}

fn line(query: &str, change: &Change) -> Value {
    let mut line = json!({ "query": query, "kind": change.kind.label(), "channel": change.channel() });
    if let Some(event) = change.publication.event() {
        line["event"] = event.into();
    }
    if change.fingerprint.is_some() {
        line["data"] = serde_json::from_str(change.publication.data()).unwrap_or_default();
    }
    line
}
