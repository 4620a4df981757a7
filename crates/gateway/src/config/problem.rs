//! What is wrong with a configuration, for the person who wrote it.

use std::fmt;

/// One problem: where, what stands there, and why that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    /// The key, such as `sessions.heartbeat`; empty if it concerns the whole file.
    pub(crate) key: String,
    /// What was written, if anything.
    pub(crate) value: Option<String>,
    pub(crate) reason: String,
}

impl Problem {
    pub(crate) fn new(key: impl Into<String>, value: Option<String>, reason: impl ToString) -> Self {
        Self { key: key.into(), value, reason: reason.to_string() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&*self.key, &self.value) {
            ("", _) => out.write_str(&self.reason),
            (key, Some(value)) => write!(out, "{key} = {value}: {}", self.reason),
            (key, None) => write!(out, "{key}: {}", self.reason),
        }
    }
}
