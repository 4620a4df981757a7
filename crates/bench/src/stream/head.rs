//! The head of an HTTP answer (RFC 9112), as far as it has come.

use memchr::memmem;

use super::Malformed;

const MAX_HEAD_BYTES: usize = 8 * 1024;
const END: &[u8] = b"\r\n\r\n";

/// Collects a head, piece by piece.
#[derive(Debug, Default)]
pub(crate) struct HeadReader {
    partial: Vec<u8>,
}

/// A whole head, and what came behind it.
#[derive(Debug)]
pub(crate) struct Head {
    bytes: Vec<u8>,
    end: usize,
}

impl HeadReader {
    /// Takes the next bytes; gives the head once it is whole, and is empty again then.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> Result<Option<Head>, Malformed> {
        self.partial.extend_from_slice(bytes);
        match memmem::find(&self.partial, END) {
            Some(end) => Ok(Some(Head { bytes: std::mem::take(&mut self.partial), end })),
            None if self.partial.len() < MAX_HEAD_BYTES => Ok(None),
            None => Err(Malformed("a head does not end")),
        }
    }
}

impl Head {
    /// The status code; 0 if this is no answer of HTTP/1.
    pub(crate) fn status(&self) -> u16 {
        let code = match &self.bytes[..self.end] {
            [b'H', b'T', b'T', b'P', b'/', b'1', b'.', _, b' ', code @ ..] => code.get(..3),
            _ => None,
        };
        code.and_then(|code| str::from_utf8(code).ok()?.parse().ok()).unwrap_or(0)
    }

    /// The value of the first header of this name.
    pub(crate) fn header(&self, name: &str) -> Option<&[u8]> {
        let lines = self.bytes[..self.end].split(|&byte| byte == b'\n').skip(1);
        lines.into_iter().find_map(|line| {
            let (key, value) = line.split_at_checked(name.len())?;
            let value = value.strip_prefix(b":")?;
            key.eq_ignore_ascii_case(name.as_bytes()).then(|| value.trim_ascii())
        })
    }

    /// The same, with more of what comes behind it.
    pub(crate) fn with(mut self, more: &[u8]) -> Head {
        self.bytes.extend_from_slice(more);
        self
    }

    /// What came behind the head.
    pub(crate) fn rest(&self) -> &[u8] {
        &self.bytes[self.end + END.len()..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &[u8] = b"HTTP/1.1 304 Not Modified\r\nETagged: no\r\netag:  \"a\"\r\n\r\nrest";

    #[test]
    fn a_head_is_understood_when_it_is_whole() {
        for cut in 0..ANSWER.len() - b"rest".len() {
            let mut reader = HeadReader::default();
            let (first, second) = ANSWER.split_at(cut);
            assert!(reader.take(first).expect("well-formed").is_none());
            let head = reader.take(second).expect("well-formed").expect("whole");
            assert_eq!((head.status(), head.rest()), (304, &b"rest"[..]));
            assert_eq!(head.header("ETag"), Some(&b"\"a\""[..]));
            assert_eq!(head.header("Vary"), None);
        }
    }

    #[test]
    fn what_is_no_answer_has_no_status() {
        for bytes in [&b"\r\n\r\n"[..], b"HTTP/1.1 \r\n\r\n", b"SSH-2.0-x\r\n\r\n"] {
            let head = HeadReader::default().take(bytes).expect("short").expect("whole");
            assert_eq!(head.status(), 0);
        }
    }

    #[test]
    fn a_head_without_end_is_refused() {
        let mut reader = HeadReader::default();
        assert!(reader.take(&[b'x'; MAX_HEAD_BYTES]).is_err());
    }
}
