//! Why something was not published, and whether that is certain.

use std::fmt;

/// With these Redis refuses a command before it has done anything.
const REFUSALS: [&str; 8] =
    ["OOM", "NOPERM", "NOAUTH", "READONLY", "MISCONF", "NOREPLICAS", "LOADING", "MASTERDOWN"];

/// The broker did not take the publication; trying again later may help.
#[derive(Debug)]
pub struct PublishError {
    why: String,
    refused: bool,
}

impl PublishError {
    pub(crate) fn new(why: impl fmt::Display) -> Self {
        Self { why: why.to_string(), refused: false }
    }

    /// There was no answer in time.
    pub(crate) fn late() -> Self {
        Self::new("Redis does not answer")
    }

    /// Whether it is certain that it was not published.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        self.refused
    }
}

impl From<redis::RedisError> for PublishError {
    fn from(error: redis::RedisError) -> Self {
        let Some(code) = error.code() else { return Self::new(error) };
        // As Redis writes it, and not as its client does.
        let why = error.to_string().replacen(&format!("\"{code}\": "), &format!("{code} "), 1);
        Self { why, refused: REFUSALS.contains(&code) }
    }
}

impl fmt::Display for PublishError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.why)
    }
}

impl std::error::Error for PublishError {}
