//! A reply of which long strings are of no interest, however long they are.

use super::{MAX_DEPTH, MAX_ITEMS, ProtocolError, Read, Reader, Reply, length};

/// Strings up to here are kept.
const MAX_TEXT_BYTES: usize = 1_024;

/// Puts one reply together as it comes; in the place of each long string stands [`Reply::Null`].
#[derive(Default)]
pub(crate) struct Abridged {
    /// Lists that have begun, and how many of their items are still to come.
    open: Vec<(Vec<Reply>, usize)>,
    /// Bytes to be thrown away before the next item.
    skip: usize,
}

impl Abridged {
    /// Reads on at the beginning of `bytes`: how many of them are read, and the reply if it has ended.
    /// `None` if more are needed.
    ///
    /// # Errors
    /// The bytes are not RESP3, or a list is longer or deeper than any expected.
    pub(crate) fn next(&mut self, bytes: &[u8]) -> Read<(Option<Reply>, usize)> {
        let mut reader = Reader { bytes, at: 0 };
        if self.skip > 0 {
            let skipped = self.skip.min(bytes.len());
            self.skip -= skipped;
            let ended = if self.skip == 0 { self.put(Reply::Null) } else { None };
            return Ok((skipped > 0).then_some((ended, skipped)));
        }
        let line = some!(reader.line());
        let (&kind, rest) = line.split_first().ok_or(ProtocolError("an empty line"))?;
        match kind {
            b'$' | b'=' | b'!' if rest != b"-1" && length(rest)? > MAX_TEXT_BYTES => {
                self.skip = length(rest)? + 2;
                return Ok(Some((None, reader.at)));
            }
            b'*' | b'>' | b'~' if rest != b"-1" => self.open(length(rest)?)?,
            b'%' => self.open(length(rest)?.saturating_mul(2))?,
            _ => {
                reader.at = 0;
                let item = some!(reader.reply(0));
                return Ok(Some((self.put(item), reader.at)));
            }
        }
        let empty = self.open.pop_if(|(_, left)| *left == 0);
        Ok(Some((empty.and_then(|(list, _)| self.put(Reply::List(list))), reader.at)))
    }

    fn open(&mut self, items: usize) -> Result<(), ProtocolError> {
        if items > MAX_ITEMS || self.open.len() >= MAX_DEPTH {
            return Err(ProtocolError("a reply is larger or deeper than any expected"));
        }
        self.open.push((Vec::new(), items));
        Ok(())
    }

    /// Puts an item where it belongs; returns it if that is nowhere: it is the reply.
    fn put(&mut self, mut item: Reply) -> Option<Reply> {
        while let Some((mut list, left)) = self.open.pop() {
            list.push(item);
            if left > 1 {
                self.open.push((list, left - 1));
                return None;
            }
            item = Reply::List(list);
        }
        Some(item)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a reply in pieces of so many bytes.
    fn read(text: &[u8], step: usize) -> Reply {
        let (mut abridged, mut at, mut come) = (Abridged::default(), 0, 0);
        loop {
            match abridged.next(&text[at..come]).expect("it is a reply") {
                None => {
                    assert!(come < text.len(), "the reply ends in time");
                    come = (come + step).min(text.len());
                }
                Some((ended, length)) => {
                    at += length;
                    if let Some(reply) = ended {
                        assert_eq!(at, text.len());
                        return reply;
                    }
                }
            }
        }
    }

    #[test]
    fn long_strings_are_left_out_and_all_else_is_there() {
        let long = "x".repeat(MAX_TEXT_BYTES + 1);
        let entry = format!("*2\r\n$3\r\n1-0\r\n*2\r\n$4\r\ndata\r\n${}\r\n{long}\r\n", long.len());
        let reply = format!("%3\r\n+length\r\n:1\r\n$5\r\nfirst\r\n{entry}+none\r\n*0\r\n");
        let text = |text: &str| Reply::Text(text.into());
        let expected = Reply::List(vec![
            text("length"),
            text("1"),
            text("first"),
            Reply::List(vec![text("1-0"), Reply::List(vec![text("data"), Reply::Null])]),
            text("none"),
            Reply::List(vec![]),
        ]);
        for step in [1, 2, 3, 7, 100, 5_000] {
            assert_eq!(read(reply.as_bytes(), step), expected, "{step}");
            assert_eq!(
                read(format!("*1\r\n${}\r\n{long}\r\n", long.len()).as_bytes(), step),
                Reply::List(vec![Reply::Null])
            );
            assert_eq!(read(b"-ERR no such key\r\n", step), Reply::Error("ERR no such key".into()));
            assert_eq!(read(b"*0\r\n", step), Reply::List(vec![]));
        }
    }
}
