//! Reads the entries of a stream out of the read buffer, as XREAD and XRANGE answer them.
//!
//! A reply of many entries is never put together: each is lent as soon as it is whole, and one
//! that has very many strings, or a very long one, is looked at as it comes.

use publication::EntryId;

use super::{Fields, ProtocolError, Read, Reader, long_entry::LongEntry};

/// The pairs of an entry that is read whole.
const MAX_PAIRS: usize = 64;

/// The next thing in a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part<'a> {
    /// An entry.
    Entry(EntryId, Fields<&'a [u8]>),
    /// An entry of which a known field is too long; it has been thrown away.
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
    long: Option<LongEntry>,
}

impl Entries {
    /// A reply whose entries have strings of at most `max_value` bytes, of those that are known.
    #[must_use]
    pub fn new(max_value: usize) -> Self {
        Self { max_value, left: None, long: None }
    }

    /// The next part at the beginning of `bytes` and its length, or `None` if more are needed.
    ///
    /// # Errors
    /// The bytes are no such reply.
    pub fn next<'a>(&'a mut self, bytes: &'a [u8]) -> Result<Option<(Part<'a>, usize)>, ProtocolError> {
        let mut reader = Reader { bytes, at: 0 };
        // One that is over was lent by the last call.
        self.long.take_if(|long| long.is_over());
        if self.long.is_some() {
            return self.read_long(reader);
        }
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

    fn read_long<'a>(
        &'a mut self,
        mut reader: Reader<'a>,
    ) -> Result<Option<(Part<'a>, usize)>, ProtocolError> {
        let Some(long) = &mut self.long else { return Ok(None) };
        some!(long.read(&mut reader));
        Ok(Some((if long.is_over() { long.part() } else { Part::Between }, reader.at)))
    }

    /// What comes before the entries: of XREAD the name of the stream, of both their number.
    fn head<'a>(&mut self, reader: &mut Reader<'a>) -> Read<Part<'a>> {
        let start = reader.at;
        match some!(reader.line()) {
            b"_" | b"*-1" => return Ok(Some(Part::End)),
            [b'-', error @ ..] => return Ok(Some(Part::Refused(error))),
            b"%1" => {
                some!(reader.bulk());
            }
            _ => reader.at = start,
        }
        self.left = Some(some!(array(reader)));
        Ok(Some(Part::Between))
    }

    fn entry<'a>(&mut self, reader: &mut Reader<'a>) -> Read<Part<'a>> {
        if some!(array(reader)) != 2 {
            return Err(ProtocolError("an entry is no pair"));
        }
        let id = some!(reader.bulk());
        let id = str::from_utf8(id).ok().and_then(|id| id.parse().ok());
        let id = id.ok_or(ProtocolError("an entry's id is none"))?;
        let strings = some!(array(reader));
        if strings > 2 * MAX_PAIRS {
            self.long = Some(LongEntry::new(id, strings, self.max_value));
            return Ok(Some(Part::Between));
        }
        let (mut fields, mut name, first) = (Fields::default(), None, reader.at);
        for _ in 0..strings {
            let length = some!(reader.bulk_length());
            if length > self.max_value {
                self.long = Some(LongEntry::new(id, strings, self.max_value));
                reader.at = first;
                return Ok(Some(Part::Between));
            }
            let string = some!(reader.take(length));
            match name.take() {
                None => name = Some(string),
                Some(name) => {
                    if let Some(slot) = fields.slot(name) {
                        *slot = Some(string);
                    }
                }
            }
        }
        Ok(Some(Part::Entry(id, fields)))
    }
}

fn array(reader: &mut Reader<'_>) -> Read<usize> {
    reader.length_of(b'*', ProtocolError("a list of entries is none"))
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
    fn what_is_not_known_may_be_as_much_and_as_long_as_it_likes() {
        let data = || (b"data".to_vec(), b"x".to_vec());
        let many = [vec![(b"other".to_vec(), b"y".to_vec()); MAX_PAIRS], vec![data()]].concat();
        let long_value = vec![data(), (b"other".to_vec(), vec![b'y'; 100])];
        let long_name = vec![(vec![b'y'; 100], b"z".to_vec()), data()];
        let entries: Vec<_> = (1..).zip([many, long_value, long_name, vec![data()]]).collect();
        for step in 1..30 {
            let seen = read(&reply(&entries), step, 9);
            let expected = (1..=4).map(|seq| (EntryId { ms: 7, seq }, Some(b"x".to_vec())));
            assert_eq!(seen, expected.collect::<Vec<_>>(), "{step}");
        }
    }

    #[test]
    fn nothing_and_refusals_are_read() {
        assert_eq!(Entries::new(9).next(b"_\r\n"), Ok(Some((Part::End, 3))));
        let mut entries = Entries::new(9);
        let refused = entries.next(b"-NOPERM no\r\n");
        assert_eq!(refused, Ok(Some((Part::Refused(b"NOPERM no"), 12))));
    }
}
