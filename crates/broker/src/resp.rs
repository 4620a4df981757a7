//! Reads RESP3, the protocol of Redis, as far as a subscriber meets it.
//!
//! A client library hands each message over as a tree of its own; at a million messages a second
//! that is most of the work. This parser lends the message out of the read buffer instead.

use std::fmt;

use memchr::memchr;

/// Takes the value out of a read, or passes on that more bytes are needed.
macro_rules! some {
    ($read:expr) => {
        match $read? {
            Some(value) => value,
            None => return Ok(None),
        }
    };
}

mod abridged;
mod entries;
mod fields;
mod long_entry;

pub(crate) use self::abridged::Abridged;
pub use self::{
    entries::{Entries, Part},
    fields::Fields,
};

/// One complete thing that the server sent.
#[derive(Debug, PartialEq, Eq)]
pub enum Frame<'a> {
    /// A publication through the pattern subscription.
    Message {
        /// The full name of the Redis channel.
        channel: &'a [u8],
        /// What was published.
        payload: &'a [u8],
    },
    /// A publication whose payload is longer than the limit; the payload still follows, and is to
    /// be skipped.
    Oversized {
        /// The full name of the Redis channel.
        channel: &'a [u8],
        /// How many bytes to skip behind this frame.
        skip: usize,
    },
    /// Anything else: a reply or another push.
    Reply(Reply),
}

/// A reply, in as few kinds as a subscriber needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// A simple, bulk or verbatim string, a number, a boolean: as text.
    Text(Vec<u8>),
    /// An error, such as `NOPERM ...`.
    Error(String),
    /// An array, set, push or map (keys and values in turn).
    List(Vec<Self>),
    /// Nothing.
    Null,
}

/// The server sent something that is not RESP3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProtocolError(&'static str);

/// Limits of what a reply may be; publications have their own.
const MAX_LINE_BYTES: usize = 64 * 1024;
const MAX_REPLY_BYTES: usize = 16 * 1024 * 1024;
const MAX_ITEMS: usize = 1024 * 1024;
const MAX_DEPTH: usize = 8;
/// Of a length: far more than Redis allows, and too few to overflow.
const MAX_DIGITS: usize = 15;

const MESSAGE_HEAD: &[u8] = b">4\r\n$8\r\npmessage\r\n";

/// The first frame of `bytes` and its length, or `None` if more bytes are needed.
///
/// # Errors
/// The bytes are not RESP3; nothing after them can be trusted.
pub fn parse(bytes: &[u8], max_payload: usize) -> Result<Option<(Frame<'_>, usize)>, ProtocolError> {
    let mut reader = Reader { bytes, at: 0 };
    let frame = if bytes.starts_with(MESSAGE_HEAD) {
        reader.at = MESSAGE_HEAD.len();
        reader.message(max_payload)?
    } else {
        reader.reply(0)?.map(Frame::Reply)
    };
    Ok(frame.map(|frame| (frame, reader.at)))
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// `None` means that more bytes are needed.
type Read<T> = Result<Option<T>, ProtocolError>;

impl<'a> Reader<'a> {
    /// What follows the head of a message: pattern, channel, payload.
    fn message(&mut self, max_payload: usize) -> Read<Frame<'a>> {
        some!(self.bulk());
        let channel = some!(self.bulk());
        let start = self.at;
        let length = some!(self.bulk_length());
        if length > max_payload {
            return Ok(Some(Frame::Oversized { channel, skip: length + 2 }));
        }
        self.at = start;
        let payload = some!(self.bulk());
        Ok(Some(Frame::Message { channel, payload }))
    }

    fn bulk_length(&mut self) -> Read<usize> {
        self.length_of(b'$', ProtocolError("what should be a string is none"))
    }

    /// A line of this kind that holds a length, read in one go: these are most of what is parsed.
    fn length_of(&mut self, kind: u8, error: ProtocolError) -> Read<usize> {
        let rest = &self.bytes[self.at..];
        let Some((&first, digits)) = rest.split_first() else { return Ok(None) };
        if first != kind {
            return Err(error);
        }
        let count = digits.iter().take(MAX_DIGITS + 1).take_while(|byte| byte.is_ascii_digit()).count();
        let length = digits[..count].iter().fold(0, |sum, digit| sum * 10 + usize::from(digit - b'0'));
        match &digits[count..] {
            [b'\r', b'\n', ..] if (1..=MAX_DIGITS).contains(&count) => {
                self.at += 1 + count + 2;
                Ok(Some(length))
            }
            [] | [b'\r'] if count <= MAX_DIGITS => Ok(None),
            _ => Err(error),
        }
    }

    fn bulk(&mut self) -> Read<&'a [u8]> {
        let length = some!(self.bulk_length());
        self.take(length)
    }

    fn reply(&mut self, depth: usize) -> Read<Reply> {
        let line = some!(self.line());
        let (&kind, rest) = line.split_first().ok_or(ProtocolError("an empty line"))?;
        match kind {
            b'+' | b':' | b',' | b'#' | b'(' => Ok(Some(Reply::Text(rest.to_vec()))),
            b'-' => Ok(Some(Reply::Error(String::from_utf8_lossy(rest).into_owned()))),
            b'_' => Ok(Some(Reply::Null)),
            b'$' | b'=' | b'!' if rest == b"-1" => Ok(Some(Reply::Null)),
            b'$' | b'=' | b'!' => self.text(kind, length(rest)?),
            b'*' if rest == b"-1" => Ok(Some(Reply::Null)),
            b'*' | b'>' | b'~' => self.list(length(rest)?, depth),
            b'%' => self.list(length(rest)?.saturating_mul(2), depth),
            // Attributes come before what they describe and are of no interest here.
            b'|' => {
                some!(self.list(length(rest)?.saturating_mul(2), depth));
                self.reply(depth + 1)
            }
            _ => Err(ProtocolError("an unknown kind of reply")),
        }
    }

    fn text(&mut self, kind: u8, length: usize) -> Read<Reply> {
        if length > MAX_REPLY_BYTES {
            return Err(ProtocolError("a reply is longer than 16 MiB"));
        }
        let text = some!(self.take(length));
        Ok(Some(match kind {
            b'!' => Reply::Error(String::from_utf8_lossy(text).into_owned()),
            b'=' => Reply::Text(text.get(4..).unwrap_or_default().to_vec()),
            _ => Reply::Text(text.to_vec()),
        }))
    }

    fn list(&mut self, items: usize, depth: usize) -> Read<Reply> {
        if items > MAX_ITEMS || depth >= MAX_DEPTH {
            return Err(ProtocolError("a reply is larger or deeper than any expected"));
        }
        let mut list = Vec::new();
        for _ in 0..items {
            list.push(some!(self.reply(depth + 1)));
        }
        Ok(Some(Reply::List(list)))
    }

    /// Up to the next line break, without it.
    fn line(&mut self) -> Read<&'a [u8]> {
        let rest = &self.bytes[self.at..];
        let Some(end) = memchr(b'\n', &rest[..rest.len().min(MAX_LINE_BYTES)]) else {
            let endless = rest.len() >= MAX_LINE_BYTES;
            return if endless { Err(ProtocolError("a line is longer than 64 KiB")) } else { Ok(None) };
        };
        let line = rest[..end].strip_suffix(b"\r").ok_or(ProtocolError("a line ends without CR"))?;
        self.at += end + 1;
        Ok(Some(line))
    }

    /// `length` bytes and the line break behind them.
    fn take(&mut self, length: usize) -> Read<&'a [u8]> {
        let end = self.at.saturating_add(length);
        if self.bytes.len() < end.saturating_add(2) {
            return Ok(None);
        }
        if &self.bytes[end..end + 2] != b"\r\n" {
            return Err(ProtocolError("a string is longer than it says"));
        }
        let taken = &self.bytes[self.at..end];
        self.at = end + 2;
        Ok(Some(taken))
    }
}

fn length(digits: &[u8]) -> Result<usize, ProtocolError> {
    let error = ProtocolError("a length is no number");
    if digits.is_empty() || digits.len() > MAX_DIGITS {
        return Err(error);
    }
    digits.iter().try_fold(0, |sum, digit| match digit {
        b'0'..=b'9' => Ok(sum * 10 + usize::from(digit - b'0')),
        _ => Err(error),
    })
}

impl Reply {
    /// The text of a string, lossy.
    #[must_use]
    pub fn text(&self) -> Option<String> {
        match self {
            Self::Text(text) => Some(String::from_utf8_lossy(text).into_owned()),
            _ => None,
        }
    }
}

impl fmt::Display for ProtocolError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "this does not speak RESP3: {}", self.0)
    }
}

impl std::error::Error for ProtocolError {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn message(channel: &[u8], payload: &[u8]) -> Vec<u8> {
        let mut bytes = b">4\r\n$8\r\npmessage\r\n$2\r\nf*\r\n".to_vec();
        for part in [channel, payload] {
            bytes.extend(format!("${}\r\n", part.len()).into_bytes());
            bytes.extend(part);
            bytes.extend(b"\r\n");
        }
        bytes
    }

    #[test]
    fn replies_of_every_kind_are_read() {
        let check = |text: &str, expected: Reply| {
            let parsed = parse(text.as_bytes(), 9);
            assert_eq!(parsed, Ok(Some((Frame::Reply(expected), text.len()))), "{text:?}");
        };
        let text = |text: &str| Reply::Text(text.into());
        check("+OK\r\n", text("OK"));
        check(":3\r\n", text("3"));
        check("$2\r\nhi\r\n", text("hi"));
        check("=6\r\ntxt:hi\r\n", text("hi"));
        check("$-1\r\n", Reply::Null);
        check("_\r\n", Reply::Null);
        check("-NOPERM no\r\n", Reply::Error("NOPERM no".into()));
        check("!4\r\noops\r\n", Reply::Error("oops".into()));
        check("*2\r\n+a\r\n:1\r\n", Reply::List(vec![text("a"), text("1")]));
        check("%1\r\n+a\r\n:1\r\n", Reply::List(vec![text("a"), text("1")]));
        check("|1\r\n+a\r\n:1\r\n+b\r\n", text("b"));
    }

    #[test]
    fn an_oversized_payload_is_announced_before_it_has_come() {
        let bytes = message(b"fanfare:a", b"0123456789");
        let (frame, used) = parse(&bytes[..bytes.len() - 12], 9).unwrap().unwrap();
        assert_eq!(frame, Frame::Oversized { channel: b"fanfare:a", skip: 12 });
        assert_eq!(used, bytes.len() - 12);
    }

    proptest! {
        #[test]
        fn a_message_is_read_once_it_is_whole(channel: Vec<u8>, payload: Vec<u8>, behind: Vec<u8>) {
            let mut bytes = message(&channel, &payload);
            let whole = bytes.len();
            for cut in 0..whole {
                prop_assert_eq!(parse(&bytes[..cut], 1000), Ok(None));
            }
            bytes.extend(behind);
            let expected = Frame::Message { channel: &channel, payload: &payload };
            prop_assert_eq!(parse(&bytes, 1000), Ok(Some((expected, whole))));
        }

        #[test]
        fn garbage_is_refused_or_incomplete_but_never_a_panic(bytes in "[-+:$*%>=!|_0-9a\r\n]{0,40}") {
            let _ = parse(bytes.as_bytes(), 9);
        }

        #[test]
        fn random_bytes_do_no_harm(bytes: Vec<u8>) {
            let _ = parse(&bytes, 9);
            let _ = parse(&[MESSAGE_HEAD, &bytes].concat(), 9);
        }
    }
}
