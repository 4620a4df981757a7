//! What a session may ask for: one channel, or all channels that start with a prefix.

use std::fmt;

use crate::channel::{ChannelName, MAX_NAME_BYTES, NameError};

/// One channel by name, or, written with a trailing `*`, every channel with that prefix.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Pattern {
    /// Exactly this channel.
    Channel(ChannelName),
    /// Every channel that starts with this; empty for `*`, which means all.
    Prefix(Box<str>),
}

impl Pattern {
    /// Reads `monitors/7`, `monitors/*` or `*`.
    ///
    /// # Errors
    /// The rule of [`ChannelName`] that the text without its trailing `*` breaks.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let Some(prefix) = text.strip_suffix('*') else {
            return ChannelName::new(text).map(Self::Channel);
        };
        if prefix.len() > MAX_NAME_BYTES {
            return Err(NameError::TooLong);
        }
        if !prefix.is_empty() {
            ChannelName::check(prefix)?;
        }
        Ok(Self::Prefix(prefix.into()))
    }

    /// The channel, if it means a single one.
    #[must_use]
    pub fn channel(&self) -> Option<&ChannelName> {
        match self {
            Self::Channel(name) => Some(name),
            Self::Prefix(_) => None,
        }
    }

    /// Whether publications on `channel` are meant.
    #[must_use]
    pub fn matches(&self, channel: &str) -> bool {
        match self {
            Self::Channel(name) => name.as_str() == channel,
            Self::Prefix(prefix) => channel.starts_with(&**prefix),
        }
    }

    /// Whether there can be a channel that both patterns mean.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Channel(name), pattern) | (pattern, Self::Channel(name)) => pattern.matches(name),
            (Self::Prefix(one), Self::Prefix(two)) => one.starts_with(&**two) || two.starts_with(&**one),
        }
    }

    /// Whether every channel that `other` means is meant by this pattern too.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (pattern, Self::Channel(name)) => pattern.matches(name),
            (Self::Prefix(wide), Self::Prefix(narrow)) => narrow.starts_with(&**wide),
            (Self::Channel(_), Self::Prefix(_)) => false,
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Channel(name) => name.fmt(out),
            Self::Prefix(prefix) => write!(out, "{prefix}*"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_star_is_allowed_at_the_end_only() {
        let check = |text: &str, expected: Result<&str, NameError>| {
            let parsed = Pattern::parse(text).map(|pattern| pattern.to_string());
            assert_eq!(parsed, expected.map(str::to_owned), "{text:?}");
        };
        check("a", Ok("a"));
        check("a/*", Ok("a/*"));
        check("*", Ok("*"));
        check("a*b", Err(NameError::Star));
        check("**", Err(NameError::Star));
        check("@json", Err(NameError::Reserved));
        check("@*", Err(NameError::Reserved));
        check("", Err(NameError::Empty));
    }

    proptest! {
        #[test]
        fn overlap_and_cover_agree_with_matching(one in "[ab]{0,3}[*]?", two in "[ab]{0,3}[*]?", name in "[ab]{1,4}") {
            let (Ok(one), Ok(two)) = (Pattern::parse(&one), Pattern::parse(&two)) else { return Ok(()) };
            if one.matches(&name) && two.matches(&name) {
                prop_assert!(one.overlaps(&two) && two.overlaps(&one));
            }
            if one.covers(&two) && two.matches(&name) {
                prop_assert!(one.matches(&name));
            }
        }
    }
}
