//! Reads the entries of a stream out of the read buffer, as XREAD and XRANGE answer them.
//!
//! A reply of many entries is never put together: each is lent as soon as it is whole, and one
//! that is too long is thrown away as it comes.

use publication::EntryId;

use super::{ProtocolError, Read, Reader, length};

/// The pairs that one entry may have; of more, nothing is known to be of use.
const MAX_PAIRS: usize = 64;

/// What an entry says of its publication; unknown fields are left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fields<'a> {
    /// One channel.
    pub channel: Option<&'a [u8]>,
    /// Several, as a JSON array.
    pub channels: Option<&'a [u8]>,
    /// The event type.
    pub event: Option<&'a [u8]>,
    /// The data.
    pub data: Option<&'a [u8]>,
    /// Whether it retracts the latest value.
    pub retract: Option<&'a [u8]>,
    /// How long it is the latest value.
    pub ttl: Option<&'a [u8]>,
}

/// The next thing in a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part<'a> {
    /// An entry.
    Entry(EntryId, Fields<'a>),
    /// An entry too long to be one of ours; it has been thrown away.
    TooLong(EntryId),
    /// Something in between.
    Between,
    /// The reply has ended.
    End,
    /// The server refused the command.
    Refused(&'a [u8]),
}

/// How far the reading of one reply has come.
pub struct Entries {
    max_value: usize,
    /// Entries still to come, once their number is known.
    left: Option<usize>,
    dropping: Option<Dropping>,
}

/// An entry that is thrown away.
struct Dropping {
    id: EntryId,
    /// Strings still to come.
    strings: usize,
    /// Bytes of the one at hand still to come.
    skip: usize,
}

impl Entries {
    /// A reply whose entries have strings of at most `max_value` bytes.
    #[must_use]
    pub fn new(max_value: usize) -> Self {
        Self { max_value, left: None, dropping: None }
    }

    /// The next part at the beginning of `bytes` and its length, or `None` if more are needed.
    ///
    /// # Errors
    /// The bytes are no such reply.
    pub fn next<'a>(&mut self, bytes: &'a [u8]) -> Result<Option<(Part<'a>, usize)>, ProtocolError> {
        if let Some(dropping) = &mut self.dropping {
            let next = dropping.next(bytes)?;
            if let Some((Part::TooLong(_), _)) = next {
                self.dropping = None;
            }
            return Ok(next);
        }
        let mut reader = Reader { bytes, at: 0 };
        let part = match self.left {
            Some(0) => Some(Part::End),
            Some(left) => {
                let part = self.entry(&mut reader)?;
                self.left = Some(if part.is_some() { left - 1 } else { left });
                part
            }
            None => self.head(&mut reader)?,
        };
        Ok(part.map(|part| (part, reader.at)))
    }

    /// What comes before the entries: of XREAD the name of the stream, of both their number.
    fn head<'a>(&mut self, reader: &mut Reader<'a>) -> Read<Part<'a>> {
        let line = some!(reader.line());
        match line {
            b"_" | b"*-1" => return Ok(Some(Part::End)),
            [b'-', error @ ..] => return Ok(Some(Part::Refused(error))),
            b"%1" => {
                some!(reader.bulk());
                let line = some!(reader.line());
                self.left = Some(array(line)?);
            }
            line => self.left = Some(array(line)?),
        }
        Ok(Some(Part::Between))
    }

    fn entry<'a>(&mut self, reader: &mut Reader<'a>) -> Read<Part<'a>> {
        if array(some!(reader.line()))? != 2 {
            return Err(ProtocolError("an entry is no pair"));
        }
        let id = some!(reader.bulk());
        let id = str::from_utf8(id).ok().and_then(|id| id.parse().ok());
        let id = id.ok_or(ProtocolError("an entry's id is none"))?;
        let strings = array(some!(reader.line()))?;
        let mut fields = Fields::default();
        if strings > 2 * MAX_PAIRS {
            self.dropping = Some(Dropping { id, strings, skip: 0 });
            return Ok(Some(Part::Between));
        }
        let mut name: Option<&[u8]> = None;
        for left in (0..strings).rev() {
            let start = reader.at;
            let length = some!(reader.bulk_length());
            if length > self.max_value {
                self.dropping = Some(Dropping { id, strings: left, skip: length + 2 });
                return Ok(Some(Part::Between));
            }
            reader.at = start;
            let string = some!(reader.bulk());
            match name.take() {
                None => name = Some(string),
                Some(b"channel") => fields.channel = Some(string),
                Some(b"channels") => fields.channels = Some(string),
                Some(b"event") => fields.event = Some(string),
                Some(b"data") => fields.data = Some(string),
                Some(b"retract") => fields.retract = Some(string),
                Some(b"ttl") => fields.ttl = Some(string),
                Some(_) => {}
            }
        }
        Ok(Some(Part::Entry(id, fields)))
    }
}

impl Dropping {
    fn next<'a>(&mut self, bytes: &'a [u8]) -> Result<Option<(Part<'a>, usize)>, ProtocolError> {
        if self.skip > 0 {
            let skipped = self.skip.min(bytes.len());
            self.skip -= skipped;
            return Ok((skipped > 0).then_some((Part::Between, skipped)));
        }
        if self.strings == 0 {
            return Ok(Some((Part::TooLong(self.id), 0)));
        }
        let mut reader = Reader { bytes, at: 0 };
        let Some(length) = reader.bulk_length()? else { return Ok(None) };
        self.strings -= 1;
        self.skip = length + 2;
        Ok(Some((Part::Between, reader.at)))
    }
}

fn array(line: &[u8]) -> Result<usize, ProtocolError> {
    match line.split_first() {
        Some((b'*', digits)) => length(digits),
        _ => Err(ProtocolError("a list of entries is none")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bulk(out: &mut Vec<u8>, text: &[u8]) {
        out.extend(format!("${}\r\n", text.len()).into_bytes());
        out.extend(text);
        out.extend(b"\r\n");
    }

    /// An entry's number and its fields.
    type Written = (u64, Vec<(Vec<u8>, Vec<u8>)>);

    /// An XREAD's reply, as a server writes it.
    fn reply(entries: &[Written]) -> Vec<u8> {
        let mut out = b"%1\r\n$1\r\ns\r\n".to_vec();
        out.extend(format!("*{}\r\n", entries.len()).into_bytes());
        for (seq, pairs) in entries {
            out.extend(b"*2\r\n");
            bulk(&mut out, format!("7-{seq}").as_bytes());
            out.extend(format!("*{}\r\n", 2 * pairs.len()).into_bytes());
            for (name, value) in pairs {
                bulk(&mut out, name);
                bulk(&mut out, value);
            }
        }
        out
    }

    /// Reads it in pieces of `step` bytes, as a connection does; the data of each entry, or `None`.
    fn read(bytes: &[u8], step: usize, max: usize) -> Vec<(EntryId, Option<Vec<u8>>)> {
        let (mut entries, mut seen) = (Entries::new(max), Vec::new());
        let (mut at, mut come) = (0, 0);
        loop {
            match entries.next(&bytes[at..come]).expect("it is a reply") {
                None => {
                    assert!(come < bytes.len(), "the reply ends in time");
                    come = (come + step).min(bytes.len());
                }
                Some((part, length)) => {
                    match part {
                        Part::Entry(id, fields) => {
                            seen.push((id, Some(fields.data.unwrap_or_default().to_vec())));
                        }
                        Part::TooLong(id) => seen.push((id, None)),
                        Part::Between => {}
                        Part::End => return seen,
                        Part::Refused(_) => panic!("nothing is refused"),
                    }
                    at += length;
                }
            }
        }
    }

    proptest! {
        #[test]
        fn entries_are_read_however_they_are_cut(
            data in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..30), 0..8),
            step in 1usize..40,
        ) {
            let max = 20;
            let entries: Vec<_> = data
                .iter()
                .zip(1..)
                .map(|(data, seq)| (seq, vec![(b"x".to_vec(), b"y".to_vec()), (b"data".to_vec(), data.clone())]))
                .collect();
            let expected: Vec<_> = data
                .iter()
                .zip(1..)
                .map(|(data, seq)| (EntryId { ms: 7, seq }, (data.len() <= max).then(|| data.clone())))
                .collect();
            prop_assert_eq!(read(&reply(&entries), step, max), expected);
        }

        #[test]
        fn garbage_is_refused_or_incomplete_but_never_a_panic(bytes in "[-*%$_0-9a\r\n]{0,40}", more: Vec<u8>) {
            let mut entries = Entries::new(9);
            let _ = entries.next(bytes.as_bytes());
            let _ = entries.next(&more);
            let _ = entries.next(bytes.as_bytes());
        }
    }

    #[test]
    fn an_entry_with_very_many_fields_is_thrown_away_and_the_next_is_read() {
        let many = vec![(b"data".to_vec(), b"x".to_vec()); MAX_PAIRS + 1];
        let one = vec![(b"data".to_vec(), b"x".to_vec())];
        let seen = read(&reply(&[(1, many), (2, one)]), 10, 9);
        let id = |seq| EntryId { ms: 7, seq };
        assert_eq!(seen, [(id(1), None), (id(2), Some(b"x".to_vec()))]);
    }

    #[test]
    fn nothing_and_refusals_are_read() {
        assert_eq!(Entries::new(9).next(b"_\r\n"), Ok(Some((Part::End, 3))));
        let refused = Entries::new(9).next(b"-NOPERM no\r\n");
        assert_eq!(refused, Ok(Some((Part::Refused(b"NOPERM no"), 12))));
    }
}
