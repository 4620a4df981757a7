//! From what a client sends to messages, fragment by fragment.

use super::{
    header::{Header, Kind, MAX_HEAD},
    violation::Violation,
};

/// Frames of one message that bring nothing: its length does not bound how many there are.
const MAX_EMPTY_FRAMES: u16 = 1_000;

/// Reads the frames of one connection. It keeps what has come of a message, and nothing between two.
#[derive(Default)]
pub(crate) struct Reader {
    head: [u8; MAX_HEAD],
    /// How many bytes of the head have come.
    headed: u8,
    /// The frame whose payload is being read.
    frame: Option<Frame>,
    /// What has come of the message.
    message: Vec<u8>,
    /// The message is UTF-8 up to here.
    checked: usize,
    /// A message has begun, and its last frame has not.
    fragmented: bool,
    /// Frames of the message that brought nothing.
    empty_frames: u16,
    /// What has come of the control frame.
    control: Vec<u8>,
}

struct Frame {
    kind: Kind,
    last: bool,
    /// Turned so that its first byte is for the payload's next.
    mask: [u8; 4],
    left: u64,
}

/// What came.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Incoming {
    Message(String),
    Ping(Vec<u8>),
    Pong,
    /// The other side ends the connection, with this code if with any.
    Close(Option<u16>),
}

impl Reader {
    /// Whether it is in the middle of a frame or of a message.
    pub(crate) fn has_begun(&self) -> bool {
        self.headed > 0 || self.fragmented
    }

    /// Reads on in `input`, and takes from it what is read. `None` if all is read and nothing is
    /// whole yet.
    ///
    /// # Errors
    /// The first thing that may not be sent. Nothing is to be read after that.
    pub(crate) fn next(&mut self, input: &mut &[u8], max: usize) -> Result<Option<Incoming>, Violation> {
        loop {
            let Some(frame) = &mut self.frame else {
                match self.read_head(input)? {
                    Some(header) => self.begin(&header, max)?,
                    None => return Ok(None),
                }
                continue;
            };
            let count = input.len().min(usize::try_from(frame.left).unwrap_or(usize::MAX));
            let (payload, rest) = input.split_at(count);
            *input = rest;
            frame.left -= count as u64;
            let into = if frame.kind.is_control() { &mut self.control } else { &mut self.message };
            let start = into.len();
            into.extend_from_slice(payload);
            unmask(&mut into[start..], &mut frame.mask);
            let Frame { kind, last, left, .. } = *frame;
            if !kind.is_control() {
                self.check(last && left == 0)?;
            }
            if left > 0 {
                return Ok(None);
            }
            (self.frame, self.headed) = (None, 0);
            if let Some(incoming) = self.end(kind, last)? {
                return Ok(Some(incoming));
            }
        }
    }

    fn read_head(&mut self, input: &mut &[u8]) -> Result<Option<Header>, Violation> {
        loop {
            let headed = usize::from(self.headed);
            let size = if headed < 2 { 2 } else { Header::size([self.head[0], self.head[1]])? };
            if headed == size && size > 2 {
                return Header::parse(&self.head[..size]).map(Some);
            }
            let Some((byte, rest)) = input.split_first() else { return Ok(None) };
            self.head[headed] = *byte;
            (self.headed, *input) = (self.headed + 1, rest);
        }
    }

    fn begin(&mut self, header: &Header, max: usize) -> Result<(), Violation> {
        let Header { kind, last, mask, length } = *header;
        match (kind, self.fragmented) {
            (Kind::Text | Kind::Binary, true) => {
                return Err(Violation::Protocol("a message begins before the one before it has ended"));
            }
            (Kind::Continuation, false) => {
                return Err(Violation::Protocol("there is no message to be continued"));
            }
            (Kind::Binary, false) => return Err(Violation::Binary),
            _ => {}
        }
        if !kind.is_control() {
            let room = max.saturating_sub(self.message.len()) as u64;
            if length > room {
                return Err(Violation::TooBig(max));
            }
            self.fragmented = true;
            self.empty_frames += u16::from(length == 0);
            if self.empty_frames > MAX_EMPTY_FRAMES {
                return Err(Violation::EmptyFrames(MAX_EMPTY_FRAMES));
            }
        }
        self.frame = Some(Frame { kind, last, mask, left: length });
        Ok(())
    }

    /// Looks whether the message can be UTF-8 as far as it has come.
    fn check(&mut self, whole: bool) -> Result<(), Violation> {
        match str::from_utf8(&self.message[self.checked..]) {
            Ok(text) => self.checked += text.len(),
            Err(error) if error.error_len().is_some() || whole => return Err(Violation::NotUtf8),
            Err(error) => self.checked += error.valid_up_to(),
        }
        Ok(())
    }

    /// A frame has ended.
    fn end(&mut self, kind: Kind, last: bool) -> Result<Option<Incoming>, Violation> {
        Ok(match kind {
            Kind::Text | Kind::Binary | Kind::Continuation if last => {
                (self.fragmented, self.empty_frames, self.checked) = (false, 0, 0);
                let text = String::from_utf8(std::mem::take(&mut self.message));
                Some(Incoming::Message(text.map_err(|_| Violation::NotUtf8)?))
            }
            Kind::Text | Kind::Binary | Kind::Continuation => None,
            Kind::Ping => Some(Incoming::Ping(std::mem::take(&mut self.control))),
            Kind::Pong => {
                self.control = Vec::new();
                Some(Incoming::Pong)
            }
            Kind::Close => Some(Incoming::Close(close_code(&std::mem::take(&mut self.control))?)),
        })
    }
}

fn unmask(payload: &mut [u8], mask: &mut [u8; 4]) {
    for (byte, key) in payload.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= key;
    }
    mask.rotate_left(payload.len() % 4);
}

/// The code in a close frame's payload (RFC 6455, sections 5.5.1 and 7.4).
fn close_code(payload: &[u8]) -> Result<Option<u16>, Violation> {
    let [high, low, words @ ..] = payload else {
        return match payload {
            [] => Ok(None),
            _ => Err(Violation::Protocol("a close code has two bytes")),
        };
    };
    let code = u16::from_be_bytes([*high, *low]);
    if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
        return Err(Violation::Protocol("this close code may not be sent"));
    }
    str::from_utf8(words).map_err(|_| Violation::NotUtf8)?;
    Ok(Some(code))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MAX: usize = 1_000;

    /// A client's frame.
    fn frame(first: u8, payload: &[u8], mask: [u8; 4]) -> Vec<u8> {
        let mut out = vec![first];
        match payload.len() {
            short @ 0..126 => out.push(0x80 | short as u8),
            medium => {
                out.push(0x80 | 126);
                out.extend_from_slice(&(medium as u16).to_be_bytes());
            }
        }
        out.extend_from_slice(&mask);
        out.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, key)| byte ^ key));
        out
    }

    /// All that comes of these bytes when they come in pieces of this size.
    fn read(bytes: &[u8], piece: usize) -> (Vec<Incoming>, Option<Violation>) {
        let (mut reader, mut came) = (Reader::default(), Vec::new());
        for mut input in bytes.chunks(piece) {
            loop {
                match reader.next(&mut input, MAX) {
                    Ok(Some(incoming)) => came.push(incoming),
                    Ok(None) => break,
                    Err(violation) => return (came, Some(violation)),
                }
            }
            assert!(input.is_empty());
        }
        (came, None)
    }

    proptest! {
        /// However a text is cut into frames, with pings between them, and however the bytes come:
        /// it arrives whole.
        #[test]
        fn a_message_arrives_however_it_is_cut(
            parts in prop::collection::vec("\\PC{0,60}", 1..6),
            mask: [u8; 4],
            piece in 1usize..40,
            cut in 0usize..4,
        ) {
            let text = parts.concat();
            let bytes = text.as_bytes();
            let mut ends: Vec<_> = parts.iter().scan(0, |end, part| { *end += part.len(); Some(*end) }).collect();
            if let [.., end, _] = &mut ends[..] {
                // Also in the middle of a character.
                *end = (*end + cut).min(bytes.len());
            }
            let (mut sent, mut begin) = (Vec::new(), 0);
            for (index, end) in ends.iter().enumerate() {
                let opcode = if index == 0 { 0x1 } else { 0x0 };
                let last = if index + 1 == ends.len() { 0x80 } else { 0 };
                let end = (*end).max(begin);
                sent.extend(frame(last | opcode, &bytes[begin..end], mask));
                begin = end;
                if last == 0 {
                    sent.extend(frame(0x89, b"here?", mask));
                }
            }
            let mut expected: Vec<_> = ends[1..].iter().map(|_| Incoming::Ping(b"here?".to_vec())).collect();
            expected.push(Incoming::Message(text));
            prop_assert_eq!(read(&sent, piece), (expected, None));
        }

        #[test]
        fn any_bytes_are_read_or_refused_alike_in_whatever_pieces(bytes: Vec<u8>, piece in 1usize..10) {
            prop_assert_eq!(read(&bytes, piece), read(&bytes, usize::MAX));
        }

        #[test]
        fn text_is_refused_exactly_if_it_is_not_utf8(bytes in prop::collection::vec(any::<u8>(), 0..20), piece in 1usize..10) {
            let (came, violation) = read(&frame(0x81, &bytes, [7, 0, 1, 255]), piece);
            match String::from_utf8(bytes) {
                Ok(text) => prop_assert_eq!((came, violation), (vec![Incoming::Message(text)], None)),
                Err(_) => prop_assert_eq!((came, violation), (vec![], Some(Violation::NotUtf8))),
            }
        }
    }

    #[test]
    fn a_message_has_a_limit_over_all_its_frames() {
        let half = "x".repeat(MAX / 2);
        let mut bytes = frame(0x01, half.as_bytes(), [0; 4]);
        bytes.extend(frame(0x00, half.as_bytes(), [0; 4]));
        assert_eq!(read(&bytes, 100), (vec![], None));
        bytes.extend(frame(0x80, b"x", [0; 4]));
        assert_eq!(read(&bytes, 100), (vec![], Some(Violation::TooBig(MAX))));
    }

    #[test]
    fn a_message_has_a_limit_of_frames_that_bring_nothing() {
        let mut bytes = frame(0x01, b"x", [0; 4]);
        bytes.extend((0..MAX_EMPTY_FRAMES).flat_map(|_| frame(0x00, b"", [0; 4])));
        assert_eq!(read(&bytes, 100), (vec![], None));
        bytes.extend(frame(0x80, b"", [0; 4]));
        assert_eq!(read(&bytes, 100), (vec![], Some(Violation::EmptyFrames(MAX_EMPTY_FRAMES))));
    }
}
