//! A place in the order of publications, as text that every gateway understands.

use std::{fmt, str::FromStr};

/// The longest text that can be a cursor, in bytes.
pub const MAX_CURSOR_BYTES: usize = 64;

/// Names one beacon among all that all gateways ever sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BeaconId {
    /// The sender: random, drawn anew by each start of a gateway.
    pub gateway: u64,
    /// Counts the sender's beacons.
    pub counter: u32,
}

/// Names an entry of a Redis stream: the milliseconds of its time, and its number within them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryId {
    /// Milliseconds since 1970, by the clock of Redis.
    pub ms: u64,
    /// Counts the entries of one millisecond.
    pub seq: u64,
}

impl EntryId {
    /// The id right before this one; nothing lies before 0-0.
    #[must_use]
    pub const fn before(self) -> Self {
        match (self.ms, self.seq) {
            (0, 0) => self,
            (ms, 0) => Self { ms: ms - 1, seq: u64::MAX },
            (ms, seq) => Self { ms, seq: seq - 1 },
        }
    }
}

/// Delivery starts after this place.
///
/// Clients must treat the text as opaque: it is URL-safe and at most [`MAX_CURSOR_BYTES`] long,
/// nothing more is promised. Two cursors can mean the same place, so compare places, not texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cursor {
    /// Where nothing has an id of its own: behind a beacon and so many arrivals. Written
    /// `GATEWAY-COUNTER-NUMBER`, the gateway in 16 hexadecimal digits.
    Counted {
        /// The newest beacon at or before the place.
        beacon: BeaconId,
        /// How many arrivals lie between that beacon and the place.
        number: u32,
    },
    /// On a stream: behind this entry. Written `MS-SEQ`, as Redis does.
    After(EntryId),
    /// On a stream: right before this entry, which need not exist; behind a loss, and before the
    /// oldest entry that is held. Written `MS-SEQb`.
    Before(EntryId),
}

impl Cursor {
    /// What orders the cursors of a stream; `None` for one of another kind.
    #[must_use]
    pub const fn on_stream(self) -> Option<(EntryId, bool)> {
        match self {
            Self::Before(id) => Some((id, false)),
            Self::After(id) => Some((id, true)),
            Self::Counted { .. } => None,
        }
    }
}

/// The text is no cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CursorError;

impl fmt::Display for EntryId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}-{}", self.ms, self.seq)
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Counted { beacon: BeaconId { gateway, counter }, number } => {
                write!(out, "{gateway:016x}-{counter}-{number}")
            }
            Self::After(entry) => entry.fmt(out),
            Self::Before(entry) => write!(out, "{entry}b"),
        }
    }
}

impl FromStr for EntryId {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, CursorError> {
        let (ms, seq) = text.split_once('-').ok_or(CursorError)?;
        Ok(Self { ms: decimal(ms)?, seq: decimal(seq)? })
    }
}

impl FromStr for Cursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, CursorError> {
        if let Some(before) = text.strip_suffix('b')
            && let Ok(entry) = before.parse()
        {
            return Ok(Self::Before(entry));
        }
        let mut parts = text.split('-');
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(_), Some(_), None, None) => text.parse().map(Self::After),
            (Some(gateway), Some(counter), Some(number), None) => {
                let beacon = BeaconId { gateway: hexadecimal(gateway)?, counter: decimal(counter)? };
                Ok(Self::Counted { beacon, number: decimal(number)? })
            }
            _ => Err(CursorError),
        }
    }
}

/// Reads 16 lower-case digits.
fn hexadecimal(text: &str) -> Result<u64, CursorError> {
    if text.len() != 16 || text.bytes().any(|byte| !matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
        return Err(CursorError);
    }
    u64::from_str_radix(text, 16).map_err(|_| CursorError)
}

/// Reads a number in the one way that it is written: no sign, no leading zero.
fn decimal<N: FromStr>(text: &str) -> Result<N, CursorError> {
    let canonical = !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_digit())
        && (text.len() == 1 || !text.starts_with('0'));
    if !canonical {
        return Err(CursorError);
    }
    text.parse().map_err(|_| CursorError)
}

impl fmt::Display for CursorError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("it is not a cursor that a gateway gave out")
    }
}

impl std::error::Error for CursorError {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_cursor() -> impl Strategy<Value = Cursor> {
        prop_oneof![
            any::<(u64, u32, u32)>().prop_map(|(gateway, counter, number)| {
                Cursor::Counted { beacon: BeaconId { gateway, counter }, number }
            }),
            any::<(u64, u64)>().prop_map(|(ms, seq)| Cursor::After(EntryId { ms, seq })),
            any::<(u64, u64)>().prop_map(|(ms, seq)| Cursor::Before(EntryId { ms, seq })),
        ]
    }

    proptest! {
        #[test]
        fn a_cursor_is_read_back_as_it_was_written(cursor in any_cursor()) {
            let text = cursor.to_string();
            prop_assert!(text.len() <= MAX_CURSOR_BYTES);
            prop_assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'));
            prop_assert_eq!(text.parse(), Ok(cursor));
        }

        #[test]
        fn whatever_parses_is_written_in_one_way_only(
            text in "[0-9a-f]{15,17}-[+0-9]{1,11}-[0-9]{1,11}|[0-9]{1,4}-[0-9]{1,4}[-b]?|.*",
        ) {
            if let Ok(cursor) = text.parse::<Cursor>() {
                prop_assert_eq!(cursor.to_string(), text);
            }
        }
    }
}
