//! `[watch]`: what a watcher asks, and as whom.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::span::Span;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Watch {
    pub(crate) name: String,
    pub(crate) admin: SocketAddr,
    pub(crate) database: String,
    pub(crate) lease: Span,
    pub(crate) to: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) queries: Vec<WatchQuery>,
}

/// What a watcher asks.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct WatchQuery {
    pub(crate) name: String,
    pub(crate) database: String,
    pub(crate) sql: String,
    pub(crate) interval: Span,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) jitter: Option<Span>,
    pub(crate) timeout: Span,
    pub(crate) key: String,
    pub(crate) channel: String,
    pub(crate) event: String,
    pub(crate) json: Vec<String>,
    pub(crate) refresh: Span,
    pub(crate) max_rows: usize,
}

impl Default for Watch {
    fn default() -> Self {
        Self {
            name: "main".to_owned(),
            admin: SocketAddr::from(([127, 0, 0, 1], 9280)),
            database: String::new(),
            lease: Span::seconds(3),
            to: String::new(),
            queries: Vec::new(),
        }
    }
}

impl Default for WatchQuery {
    fn default() -> Self {
        Self {
            name: String::new(),
            database: String::new(),
            sql: String::new(),
            interval: Span::seconds(5),
            jitter: None,
            timeout: Span::seconds(10),
            key: String::new(),
            channel: String::new(),
            event: String::new(),
            json: Vec::new(),
            refresh: Span::seconds(60 * 60),
            max_rows: 1_000_000,
        }
    }
}
