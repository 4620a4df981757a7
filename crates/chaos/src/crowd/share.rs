//! What became of the clients of a crowd, by what they speak.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::oracle::Findings;

/// What became of clients of one taste.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Share {
    pub(crate) clients: u64,
    /// Connections that ended, but for those that clients ended to turn to another transport ...
    pub(crate) reconnects: u64,
    /// ... which are these.
    pub(crate) moves: u64,
    pub(crate) findings: Findings,
}

/// Shares by their tastes' labels.
pub(crate) type Shares = BTreeMap<String, Share>;

impl Share {
    /// Adds what became of others.
    pub(crate) fn add(&mut self, other: &Self) {
        self.clients += other.clients;
        self.reconnects += other.reconnects;
        self.moves += other.moves;
        self.findings.add(&other.findings);
    }
}
