//! `[probe]`: what a prober looks at.

use serde::{Deserialize, Serialize};

use super::span::Span;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Probe {
    pub(crate) database: String,
    pub(crate) interval: Span,
    pub(crate) timeout: Span,
    pub(crate) slow_after: Span,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) targets: Vec<ProbeTarget>,
}

/// What a prober looks at.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ProbeTarget {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) url: String,
}

impl Default for Probe {
    fn default() -> Self {
        Self {
            database: String::new(),
            interval: Span::seconds(10),
            timeout: Span::seconds(5),
            slow_after: Span::seconds(1),
            targets: Vec::new(),
        }
    }
}
