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

/// Delivery starts after this place: behind the beacon and the number of arrivals since it.
///
/// Written `GATEWAY-COUNTER-NUMBER`, the gateway in 16 hexadecimal digits. Clients must treat the
/// text as opaque: it is URL-safe and at most [`MAX_CURSOR_BYTES`] long, nothing more is promised.
/// Two cursors can mean the same place, so compare places, not texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cursor {
    /// The newest beacon at or before the place.
    pub beacon: BeaconId,
    /// How many arrivals lie between that beacon and the place.
    pub number: u32,
}

/// The text is no cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CursorError;

impl fmt::Display for Cursor {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { beacon, number } = self;
        write!(out, "{:016x}-{}-{number}", beacon.gateway, beacon.counter)
    }
}

impl FromStr for Cursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, CursorError> {
        let mut parts = text.split('-');
        let (Some(gateway), Some(counter), Some(number), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(CursorError);
        };
        if gateway.len() != 16 || gateway.bytes().any(|byte| !matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(CursorError);
        }
        let gateway = u64::from_str_radix(gateway, 16).map_err(|_| CursorError)?;
        let beacon = BeaconId { gateway, counter: decimal(counter)? };
        Ok(Self { beacon, number: decimal(number)? })
    }
}

/// Reads a number in the one way that it is written: no sign, no leading zero.
fn decimal(text: &str) -> Result<u32, CursorError> {
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

    proptest! {
        #[test]
        fn a_cursor_is_read_back_as_it_was_written(gateway: u64, counter: u32, number: u32) {
            let cursor = Cursor { beacon: BeaconId { gateway, counter }, number };
            let text = cursor.to_string();
            prop_assert!(text.len() <= MAX_CURSOR_BYTES);
            prop_assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'));
            prop_assert_eq!(text.parse(), Ok(cursor));
        }

        #[test]
        fn whatever_parses_is_written_in_one_way_only(text in "[0-9a-f]{15,17}-[+0-9]{1,11}-[0-9]{1,11}|.*") {
            if let Ok(cursor) = text.parse::<Cursor>() {
                prop_assert_eq!(cursor.to_string(), text);
            }
        }
    }
}
