//! What is to be published once, however often it is asked for.

use std::{fmt, num::ParseIntError, str::FromStr};

use crate::published::Published;

/// By which it is known that something was asked for before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Once {
    /// The key that whoever publishes chose; each channel has its own keys.
    pub key: Box<str>,
    /// Of what was asked for: the same key with another one is a mistake.
    pub fingerprint: u64,
}

/// What is remembered of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remembered {
    /// Of what was asked for.
    pub fingerprint: u64,
    /// What became of it; `None` while that is not known.
    pub published: Option<Published>,
}

/// A text that is nothing remembered.
#[derive(Debug, PartialEq, Eq)]
pub struct NotRemembered;

impl fmt::Display for Remembered {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:016x}", self.fingerprint)?;
        match self.published {
            None => Ok(()),
            Some(Published::At(cursor)) => write!(out, " at {cursor}"),
            Some(Published::Subscribers(count)) => write!(out, " to {count}"),
        }
    }
}

impl FromStr for Remembered {
    type Err = NotRemembered;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut words = text.split(' ');
        let (fingerprint, kind, value) = (words.next(), words.next(), words.next());
        let fingerprint = u64::from_str_radix(fingerprint.ok_or(NotRemembered)?, 16)?;
        let published = match (kind, value) {
            (None, None) => None,
            (Some("at"), Some(cursor)) => Some(Published::At(cursor.parse().map_err(|_| NotRemembered)?)),
            (Some("to"), Some(count)) => Some(Published::Subscribers(count.parse()?)),
            _ => return Err(NotRemembered),
        };
        Ok(Self { fingerprint, published })
    }
}

impl From<ParseIntError> for NotRemembered {
    fn from(_: ParseIntError) -> Self {
        Self
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::cursor::{Cursor, EntryId};

    proptest! {
        #[test]
        fn what_is_remembered_is_read_back_as_it_was_written(
            fingerprint in any::<u64>(),
            ms in any::<u64>(),
            seq in any::<u64>(),
            kind in 0..3,
        ) {
            let published = match kind {
                0 => None,
                1 => Some(Published::At(Cursor::After(EntryId { ms, seq }))),
                _ => Some(Published::Subscribers(seq)),
            };
            let remembered = Remembered { fingerprint, published };
            prop_assert_eq!(remembered.to_string().parse(), Ok(remembered));
        }

        #[test]
        fn any_other_text_is_read_without_harm(text: String) {
            let _ = text.parse::<Remembered>();
        }
    }
}
