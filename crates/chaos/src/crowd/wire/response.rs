//! One answer to a client, read incrementally: its head, then its body without the framing.

/// No head and no chunk size is longer; more is a lost thread.
const MAX_HEAD_BYTES: usize = 16 * 1024;

/// The head of an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) status: u16,
    /// Names in lower case.
    fields: Vec<(String, String)>,
}

/// An answer as far as it has come.
#[derive(Debug, Default)]
pub(super) struct Response {
    raw: Vec<u8>,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    Head,
    /// The body ends when the connection does.
    UntilClose,
    /// So many bytes are to come.
    Length(u64),
    ChunkSize,
    /// So many bytes of a chunk are to come.
    Chunk(u64),
    ChunkEnd,
    /// Lines behind the last chunk, up to an empty one.
    Trailer,
    Ended,
}

/// What the next bytes of an answer are.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Part {
    Head(Head),
    Body(Vec<u8>),
    /// The answer is over, though the connection may stay.
    End,
}

/// Bytes that are no HTTP.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Malformed;

impl Head {
    /// The value of a field, by its name in lower case; empty if it is not there.
    pub(super) fn field(&self, name: &str) -> &str {
        self.fields.iter().find(|(own, _)| own == name).map_or("", |(_, value)| value)
    }

    /// The gateway that answered, where the balancer adds its name.
    pub(super) fn gateway(&self) -> &str {
        self.field("chaos-gateway")
    }
}

impl Response {
    /// Takes bytes from the socket.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        self.raw.extend_from_slice(bytes);
    }

    /// The next part, as far as it has come; nothing if more bytes are needed.
    pub(super) fn next(&mut self) -> Result<Option<Part>, Malformed> {
        loop {
            match self.stage {
                Stage::Head => {
                    let Some(head) = self.take_until(b"\r\n\r\n")? else { return Ok(None) };
                    let (head, stage) = parse_head(&head).ok_or(Malformed)?;
                    self.stage = stage;
                    return Ok(Some(Part::Head(head)));
                }
                Stage::UntilClose => {
                    let body = std::mem::take(&mut self.raw);
                    return Ok((!body.is_empty()).then_some(Part::Body(body)));
                }
                Stage::Length(0) => self.stage = Stage::Ended,
                Stage::Chunk(0) => self.stage = Stage::ChunkEnd,
                Stage::Length(left) => return Ok(self.take_body(left, Stage::Length)),
                Stage::Chunk(left) => return Ok(self.take_body(left, Stage::Chunk)),
                Stage::ChunkSize => {
                    let Some(line) = self.take_until(b"\r\n")? else { return Ok(None) };
                    self.stage = match parse_size(&line).ok_or(Malformed)? {
                        0 => Stage::Trailer,
                        size => Stage::Chunk(size),
                    };
                }
                Stage::ChunkEnd => {
                    let Some(line) = self.take_until(b"\r\n")? else { return Ok(None) };
                    if !line.is_empty() {
                        return Err(Malformed);
                    }
                    self.stage = Stage::ChunkSize;
                }
                Stage::Trailer => {
                    let Some(line) = self.take_until(b"\r\n")? else { return Ok(None) };
                    if line.is_empty() {
                        self.stage = Stage::Ended;
                    }
                }
                Stage::Ended => return Ok(Some(Part::End)),
            }
        }
    }

    fn take_body(&mut self, left: u64, stage: fn(u64) -> Stage) -> Option<Part> {
        if self.raw.is_empty() {
            return None;
        }
        let take = left.min(self.raw.len() as u64);
        self.stage = stage(left - take);
        let rest = self.raw.split_off(take as usize);
        Some(Part::Body(std::mem::replace(&mut self.raw, rest)))
    }

    /// What comes before `end`, which is dropped.
    fn take_until(&mut self, end: &[u8]) -> Result<Option<Vec<u8>>, Malformed> {
        let Some(length) = self.raw.windows(end.len()).position(|window| window == end) else {
            return if self.raw.len() > MAX_HEAD_BYTES { Err(Malformed) } else { Ok(None) };
        };
        let rest = self.raw.split_off(length + end.len());
        let mut taken = std::mem::replace(&mut self.raw, rest);
        taken.truncate(length);
        Ok(Some(taken))
    }
}

fn parse_head(bytes: &[u8]) -> Option<(Head, Stage)> {
    let text = String::from_utf8_lossy(bytes);
    let mut lines = text.split("\r\n");
    let status = lines.next()?.strip_prefix("HTTP/1.")?.split(' ').nth(1)?.parse().ok()?;
    let mut fields = Vec::new();
    for line in lines.filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':')?;
        fields.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let head = Head { status, fields };
    let stage = match (status, head.field("transfer-encoding"), head.field("content-length")) {
        // These have no body, whatever they say of its length.
        (204 | 304, ..) => Stage::Ended,
        (_, "chunked", _) => Stage::ChunkSize,
        (_, _, "") => Stage::UntilClose,
        (_, _, length) => Stage::Length(length.parse().ok()?),
    };
    Some((head, stage))
}

fn parse_size(line: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(line).ok()?;
    u64::from_str_radix(text.split(';').next()?.trim(), 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The head, the whole body, and whether it has ended.
    fn read(pieces: &[&[u8]]) -> (Head, String, bool) {
        let (mut response, mut head, mut body, mut ended) = (Response::default(), None, Vec::new(), false);
        for piece in pieces {
            response.feed(piece);
            while let Some(part) = response.next().unwrap() {
                match part {
                    Part::Head(new) => head = Some(new),
                    Part::Body(bytes) => body.extend(bytes),
                    Part::End => {
                        ended = true;
                        break;
                    }
                }
            }
        }
        (head.unwrap_or_default(), String::from_utf8(body).unwrap(), ended)
    }

    #[test]
    fn answers_cut_at_every_byte_are_the_same() {
        let whole: [(&[u8], bool); 3] = [
            (b"HTTP/1.1 200 OK\r\nContent-Type: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;x\r\nllo\r\n0\r\n\r\n", true),
            (b"HTTP/1.1 200 OK\r\nContent-Type: a\r\nContent-Length: 5\r\n\r\nhello", true),
            (b"HTTP/1.0 200 OK\r\nContent-Type: a\r\n\r\nhello", false),
        ];
        for (bytes, ends) in whole {
            for cut in 0..=bytes.len() {
                let (head, body, ended) = read(&[&bytes[..cut], &bytes[cut..]]);
                assert_eq!((head.status, head.field("content-type")), (200, "a"));
                assert_eq!((&*body, ended), ("hello", ends), "cut at {cut}");
            }
        }
    }

    #[test]
    fn an_answer_ends_with_its_last_byte() {
        let bytes = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
        assert!(!read(&[&bytes[..bytes.len() - 1]]).2);
        assert!(read(&[b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n"]).2);
    }

    #[test]
    fn what_is_no_http_is_refused() {
        for bytes in [&b"hello\r\n\r\n"[..], b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"] {
            let mut response = Response::default();
            response.feed(bytes);
            let mut parts = std::iter::from_fn(|| response.next().transpose()).take(3);
            assert!(parts.any(|part| part.is_err()));
        }
    }
}
