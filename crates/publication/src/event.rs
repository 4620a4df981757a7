//! The event type of a publication.

use std::fmt;

use crate::channel::{MAX_NAME_BYTES, NameError, check_length};

/// A valid event type: 1 to 255 bytes without control characters, and none that an EventSource
/// would take for its own (`open`, `error`) or for the gateway's (`fanfare.*`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventType(Box<str>);

/// Why a text is no event type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventError {
    /// It breaks a rule that channel names have too.
    Text(NameError),
    /// `open`, `error` or `fanfare.*`.
    Reserved,
}

impl EventType {
    /// Checks `text` and keeps it.
    ///
    /// # Errors
    /// The first rule of the type that `text` breaks.
    pub fn new(text: &str) -> Result<Self, EventError> {
        Self::check(text)?;
        Ok(Self(text.into()))
    }

    /// Checks `text` against the rules of the type without keeping it.
    ///
    /// # Errors
    /// The first rule that `text` breaks.
    pub fn check(text: &str) -> Result<(), EventError> {
        check_length(text).map_err(EventError::Text)?;
        if text.chars().any(char::is_control) {
            return Err(EventError::Text(NameError::Control));
        }
        if text == "open" || text == "error" || text.starts_with("fanfare.") {
            return Err(EventError::Reserved);
        }
        Ok(())
    }

    /// The type as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EventError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(NameError::TooLong) => write!(out, "it is longer than {MAX_NAME_BYTES} bytes"),
            Self::Text(error) => error.fmt(out),
            Self::Reserved => out.write_str(
                "`open`, `error` and `fanfare.*` would be taken for the browser's or the gateway's own events",
            ),
        }
    }
}

impl std::error::Error for EventError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_that_a_browser_would_mistake_are_refused() {
        for text in ["open", "error", "fanfare.gap", "fanfare."] {
            assert_eq!(EventType::new(text), Err(EventError::Reserved), "{text}");
        }
        for text in ["opened", "Error", "fanfare", "message", "a b", "*"] {
            assert_eq!(EventType::new(text).map(|event| event.as_str().to_owned()), Ok(text.to_owned()));
        }
        assert_eq!(EventType::new("a\nb"), Err(EventError::Text(NameError::Control)));
        assert_eq!(EventType::new(""), Err(EventError::Text(NameError::Empty)));
    }
}
