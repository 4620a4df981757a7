//! Takes the chunked transfer coding (RFC 9112, 7.1) off a stream without copying it.

use super::Malformed;

/// A chunk this long is not a chunk of ours or of a peer but a lost thread.
const MAX_CHUNK_BYTES: u64 = 64 * 1024 * 1024;

/// Where in the coding a stream stands; a few bytes a session.
#[derive(Debug)]
pub(crate) struct ChunkReader {
    stage: Stage,
    left: u64,
}

#[derive(Debug)]
enum Stage {
    Size,
    Extension,
    Payload,
    PayloadEnd,
    Trailer,
}

impl ChunkReader {
    pub(crate) fn new() -> ChunkReader {
        ChunkReader { stage: Stage::Size, left: 0 }
    }

    /// The next piece of payload in `input`, which is advanced past it; nothing
    /// when the input is used up.
    pub(crate) fn next<'a>(&mut self, input: &mut &'a [u8]) -> Result<Option<&'a [u8]>, Malformed> {
        while !input.is_empty() {
            match self.stage {
                Stage::Size => self.read_size(input)?,
                Stage::Extension => {
                    if skip_line(input) {
                        self.begin_payload();
                    }
                }
                Stage::Payload => return Ok(Some(self.take_payload(input))),
                Stage::PayloadEnd => {
                    let byte = take_byte(input);
                    match byte {
                        b'\r' => {}
                        b'\n' => self.stage = Stage::Size,
                        _ => return Err(Malformed("a chunk is longer than its size")),
                    }
                }
                Stage::Trailer => *input = &[],
            }
        }
        Ok(None)
    }

    fn read_size(&mut self, input: &mut &[u8]) -> Result<(), Malformed> {
        while !input.is_empty() {
            let byte = take_byte(input);
            let digit = match byte {
                b'0'..=b'9' => byte - b'0',
                b'a'..=b'f' => byte - b'a' + 10,
                b'A'..=b'F' => byte - b'A' + 10,
                b'\r' => continue,
                b'\n' => {
                    self.begin_payload();
                    return Ok(());
                }
                b';' => {
                    self.stage = Stage::Extension;
                    return Ok(());
                }
                _ => return Err(Malformed("a chunk's size is not a number")),
            };
            self.left = self.left * 16 + u64::from(digit);
            if self.left > MAX_CHUNK_BYTES {
                return Err(Malformed("a chunk's size is out of all reason"));
            }
        }
        Ok(())
    }

    fn begin_payload(&mut self) {
        self.stage = if self.left == 0 { Stage::Trailer } else { Stage::Payload };
    }

    fn take_payload<'a>(&mut self, input: &mut &'a [u8]) -> &'a [u8] {
        let take = self.left.min(input.len() as u64) as usize;
        let (payload, rest) = input.split_at(take);
        *input = rest;
        self.left -= take as u64;
        if self.left == 0 {
            self.stage = Stage::PayloadEnd;
        }
        payload
    }
}

fn take_byte(input: &mut &[u8]) -> u8 {
    let byte = input[0];
    *input = &input[1..];
    byte
}

/// Skips to the end of the line; false if the input ended before it.
fn skip_line(input: &mut &[u8]) -> bool {
    match memchr::memchr(b'\n', input) {
        Some(end) => {
            *input = &input[end + 1..];
            true
        }
        None => {
            *input = &[];
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payload(pieces: &[&[u8]]) -> Result<Vec<u8>, Malformed> {
        let mut chunks = ChunkReader::new();
        let mut payload = Vec::new();
        for mut piece in pieces.iter().copied() {
            while let Some(part) = chunks.next(&mut piece)? {
                payload.extend_from_slice(part);
            }
        }
        Ok(payload)
    }

    #[test]
    fn chunks_cut_at_every_byte_give_the_same_payload() {
        let coded = b"5\r\nhello\r\n1;x=y\r\n,\r\n0010\r\n sixteen letters\r\n0\r\n\r\n";
        for cut in 0..=coded.len() {
            let (head, tail) = coded.split_at(cut);
            let got = payload(&[head, tail]).expect("well-formed");
            assert_eq!(got, b"hello, sixteen letters", "cut at {cut}");
        }
    }

    #[test]
    fn broken_chunks_are_refused() {
        assert!(payload(&[b"zz\r\n"]).is_err());
        assert!(payload(&[b"1\r\nab\r\n"]).is_err());
        assert!(payload(&[b"ffffffffffff\r\n"]).is_err());
    }
}
