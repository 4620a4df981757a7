//! The public name that publishers publish to and sessions subscribe to.

use std::{borrow::Borrow, fmt, ops::Deref};

/// The longest channel name or event type, in bytes of UTF-8.
pub const MAX_NAME_BYTES: usize = 255;

/// A valid channel name: 1 to 255 bytes of UTF-8 without control characters and without `*`
/// (which marks patterns), not starting with `@` (those names are the gateway's own).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChannelName(Box<str>);

/// Why a text is no channel name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameError {
    /// No bytes at all.
    Empty,
    /// More than [`MAX_NAME_BYTES`].
    TooLong,
    /// Not UTF-8.
    NotUtf8,
    /// A control character, such as a line break.
    Control,
    /// A `*` where none is allowed: a pattern has one, at its very end.
    Star,
    /// Starts with `@`: reserved for the gateways.
    Reserved,
}

impl ChannelName {
    /// Checks `text` and keeps it.
    ///
    /// # Errors
    /// The first rule of the type that `text` breaks.
    pub fn new(text: &str) -> Result<Self, NameError> {
        Self::check(text)?;
        Ok(Self(text.into()))
    }

    /// Checks `text` against the rules of the type without keeping it.
    ///
    /// # Errors
    /// The first rule that `text` breaks.
    pub fn check(text: &str) -> Result<(), NameError> {
        check_length(text)?;
        if text.starts_with('@') {
            return Err(NameError::Reserved);
        }
        for byte in text.bytes() {
            if byte == b'*' {
                return Err(NameError::Star);
            }
            // C1 controls (U+0080 to U+009F) are two bytes that start with C2.
            if byte < 0x20 || byte == 0x7f || byte == 0xc2 {
                return check_characters(text);
            }
        }
        Ok(())
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Checks the length rule that names, prefixes and event types share.
pub(crate) fn check_length(text: &str) -> Result<(), NameError> {
    match text.len() {
        0 => Err(NameError::Empty),
        1..=MAX_NAME_BYTES => Ok(()),
        _ => Err(NameError::TooLong),
    }
}

/// The slow, exact look at a name in which the quick one saw a suspicious byte.
fn check_characters(text: &str) -> Result<(), NameError> {
    if text.contains('*') {
        Err(NameError::Star)
    } else if text.chars().any(char::is_control) {
        Err(NameError::Control)
    } else {
        Ok(())
    }
}

impl Deref for ChannelName {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for ChannelName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ChannelName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl fmt::Display for NameError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Empty => "it is empty",
            Self::TooLong => "it is longer than 255 bytes",
            Self::NotUtf8 => "it is not UTF-8",
            Self::Control => "it holds a control character",
            Self::Star => "it holds a `*`, which is allowed only at the end of a pattern",
            Self::Reserved => "names that start with `@` are the gateway's own",
        })
    }
}

impl std::error::Error for NameError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_refused_for_the_rule_they_break() {
        let check = |text: &str, expected| assert_eq!(ChannelName::check(text), expected, "{text:?}");
        check("alerts", Ok(()));
        check("monitors/42", Ok(()));
        check("größe 🎺", Ok(()));
        check("Â and Ã", Ok(()));
        check(&"x".repeat(255), Ok(()));
        check("", Err(NameError::Empty));
        check(&"x".repeat(256), Err(NameError::TooLong));
        check("a*b", Err(NameError::Star));
        check("a\n*", Err(NameError::Star));
        check("a\nb", Err(NameError::Control));
        check("a\u{7f}b", Err(NameError::Control));
        check("a\u{85}b", Err(NameError::Control));
        check("@json", Err(NameError::Reserved));
    }
}
