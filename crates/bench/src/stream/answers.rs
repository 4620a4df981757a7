//! Answers over a connection that stays open: each with a length, and one at a time.

use super::Malformed;
use super::head::{Head, HeadReader};

/// Reads answers, piece by piece.
#[derive(Debug, Default)]
pub(crate) struct AnswerReader {
    head: HeadReader,
    /// An answer whose body is not whole.
    begun: Option<Head>,
}

impl AnswerReader {
    /// Takes the next bytes; gives the answer once it is whole: its head, with the body as rest.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> Result<Option<Head>, Malformed> {
        let answer = match self.begun.take() {
            Some(begun) => begun.with(bytes),
            None => match self.head.take(bytes)? {
                Some(head) => head,
                None => return Ok(None),
            },
        };
        let wanted = body_bytes(&answer)?;
        match answer.rest().len() {
            length if length > wanted => Err(Malformed("an answer is longer than it says")),
            length if length < wanted => {
                self.begun = Some(answer);
                Ok(None)
            }
            _ => Ok(Some(answer)),
        }
    }
}

fn body_bytes(head: &Head) -> Result<usize, Malformed> {
    if head.status() == 304 {
        return Ok(0);
    }
    let length = head.header("Content-Length").and_then(|digits| str::from_utf8(digits).ok()?.parse().ok());
    length.ok_or(Malformed("an answer does not say how long it is"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_cut_at_every_byte_are_the_same() {
        for (whole, status, body) in [
            (&b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"[..], 200, &b"hello"[..]),
            (b"HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\n\r\n", 304, b""),
        ] {
            let mut reader = AnswerReader::default();
            for cut in 0..whole.len() {
                assert!(reader.take(&whole[..cut]).expect("well-formed").is_none());
                let answer = reader.take(&whole[cut..]).expect("well-formed").expect("whole");
                assert_eq!((answer.status(), answer.rest()), (status, body), "cut at {cut}");
            }
        }
    }

    #[test]
    fn an_answer_without_length_or_beyond_it_is_refused() {
        for whole in [&b"HTTP/1.1 200 OK\r\n\r\n"[..], b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nab"] {
            assert!(AnswerReader::default().take(whole).is_err());
        }
    }
}
