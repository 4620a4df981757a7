//! The frames of a WebSocket (RFC 6455, section 5), on the client's side.

use super::Malformed;

pub(super) const FIN: u8 = 0x80;
const MASKED: u8 = 0x80;
pub(super) const TEXT: u8 = 0x1;
const CLOSE: u8 = 0x8;
pub(super) const PING: u8 = 0x9;
pub(super) const PONG: u8 = 0xa;
/// No message of a benchmark comes near this; more is a lost thread.
const MAX_PAYLOAD_BYTES: u64 = 1024 * 1024;

/// A frame of the server, borrowed from the bytes that it came in.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Frame<'a> {
    Text(&'a [u8]),
    Ping(&'a [u8]),
    Pong,
    Close,
}

/// What has come of a frame whose end is not here yet. Empty, and without memory, for as long as
/// pieces end where frames end.
#[derive(Debug, Default)]
pub(super) struct FrameReader {
    partial: Vec<u8>,
}

impl FrameReader {
    /// Hands every frame that ends in `bytes` to `each`, and keeps the rest.
    pub(super) fn feed(
        &mut self,
        mut bytes: &[u8],
        mut each: impl FnMut(Frame<'_>) -> Result<(), Malformed>,
    ) -> Result<(), Malformed> {
        if !self.partial.is_empty() {
            bytes = self.complete(bytes, &mut each)?;
        }
        while let Some(size) = size(bytes)?
            && let Some((frame, rest)) = bytes.split_at_checked(size.head + size.payload)
        {
            each(parse(frame, size.head)?)?;
            bytes = rest;
        }
        self.partial.extend_from_slice(bytes);
        Ok(())
    }

    /// Appends to the partial frame what it lacks; returns what follows it.
    fn complete<'a>(
        &mut self,
        mut bytes: &'a [u8],
        each: &mut impl FnMut(Frame<'_>) -> Result<(), Malformed>,
    ) -> Result<&'a [u8], Malformed> {
        while !bytes.is_empty() {
            // A head is completed byte by byte: it says only then how long it is.
            let wanted = size(&self.partial)?.map_or(self.partial.len() + 1, |size| size.head + size.payload);
            let (part, rest) = bytes.split_at(bytes.len().min(wanted - self.partial.len()));
            self.partial.extend_from_slice(part);
            bytes = rest;
            if let Some(size) = size(&self.partial)?
                && self.partial.len() == size.head + size.payload
            {
                each(parse(&self.partial, size.head)?)?;
                self.partial.clear();
                break;
            }
        }
        Ok(bytes)
    }
}

struct Size {
    head: usize,
    payload: usize,
}

/// How long the first frame is, once its head has come.
fn size(bytes: &[u8]) -> Result<Option<Size>, Malformed> {
    let (head, payload) = match bytes {
        [_, second, ..] if second & MASKED != 0 => return Err(Malformed("a server's frame is masked")),
        [_, 126, high, low, ..] => (4, u64::from(u16::from_be_bytes([*high, *low]))),
        [_, 127, rest @ ..] if rest.len() >= 8 => {
            (10, rest[..8].iter().fold(0, |sum, &byte| sum << 8 | u64::from(byte)))
        }
        [_, 126 | 127, ..] => return Ok(None),
        [_, short, ..] => (2, u64::from(*short)),
        _ => return Ok(None),
    };
    if payload > MAX_PAYLOAD_BYTES {
        return Err(Malformed("a frame's length is out of all reason"));
    }
    Ok(Some(Size { head, payload: payload as usize }))
}

/// A whole frame. Fragments do not occur, and no extension was agreed on.
fn parse(frame: &[u8], head: usize) -> Result<Frame<'_>, Malformed> {
    let (head, payload) = frame.split_at(head);
    match head[0] ^ FIN {
        TEXT => Ok(Frame::Text(payload)),
        PING => Ok(Frame::Ping(payload)),
        PONG => Ok(Frame::Pong),
        CLOSE => Ok(Frame::Close),
        _ => Err(Malformed("a frame is neither whole text nor control")),
    }
}

/// Adds a message as a client sends it.
pub(super) fn write_text(out: &mut Vec<u8>, payload: &[u8]) {
    write(out, TEXT, payload);
}

/// Adds the answer to a ping with this payload.
pub(super) fn write_pong(out: &mut Vec<u8>, payload: &[u8]) {
    write(out, PONG, payload);
}

fn write(out: &mut Vec<u8>, opcode: u8, payload: &[u8]) {
    out.push(FIN | opcode);
    match payload.len() {
        short @ ..126 => out.push(MASKED | short as u8),
        length => {
            let medium = u16::try_from(length).expect("no message of a benchmark has 64 KiB");
            out.push(MASKED | 126);
            out.extend_from_slice(&medium.to_be_bytes());
        }
    }
    let mask: [u8; 4] = rand::random();
    out.extend_from_slice(&mask);
    out.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, key)| byte ^ key));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pieces: &[&[u8]]) -> Result<Vec<String>, Malformed> {
        let mut reader = FrameReader::default();
        let mut frames = Vec::new();
        for piece in pieces {
            reader.feed(piece, |frame| {
                frames.push(match frame {
                    Frame::Text(text) => format!("text of {}: {}", text.len(), text[0]),
                    Frame::Ping(payload) => format!("ping {}", payload.escape_ascii()),
                    Frame::Pong => "pong".to_owned(),
                    Frame::Close => "close".to_owned(),
                });
                Ok(())
            })?;
        }
        Ok(frames)
    }

    #[test]
    fn frames_cut_at_every_byte_are_the_same() {
        let mut stream = b"\x81\x01a\x89\x02hi\x8a\x00\x81\x7e\x00\x80".to_vec();
        stream.extend([7; 128]);
        stream.extend(b"\x81\x7f\x00\x00\x00\x00\x00\x00\x01\x00");
        stream.extend([8; 256]);
        stream.extend(b"\x88\x00");
        let wanted = ["text of 1: 97", "ping hi", "pong", "text of 128: 7", "text of 256: 8", "close"];
        for cut in 0..=stream.len() {
            let (first, second) = stream.split_at(cut);
            assert_eq!(read(&[first, second]).expect("well-formed"), wanted, "cut at {cut}");
        }
        let bytes: Vec<&[u8]> = stream.chunks(1).collect();
        assert_eq!(read(&bytes).expect("well-formed"), wanted);
    }

    #[test]
    fn what_no_server_may_send_is_refused() {
        for (bytes, what) in [
            (&b"\x81\x81\x00\x00\x00\x00a"[..], "masked"),
            (b"\x01\x01a", "a fragment"),
            (b"\xc1\x01a", "a reserved bit"),
            (b"\x82\x01a", "binary"),
            (b"\x81\x7f\x00\x00\x00\x01\x00\x00\x00\x00", "endless"),
        ] {
            assert!(read(&[bytes]).is_err(), "{what}");
        }
    }

    #[test]
    fn a_client_masks_what_it_sends() {
        for length in [0, 5, 125, 126, 300] {
            let payload: Vec<u8> = (0..length).map(|byte| byte as u8).collect();
            let mut out = Vec::new();
            write_text(&mut out, &payload);
            let head = if length < 126 { 2 } else { 4 };
            let (head, rest) = out.split_at(head);
            assert_eq!((head[0], head[1] & MASKED), (0x81, MASKED));
            let (mask, masked) = rest.split_at(4);
            let plain: Vec<u8> = masked.iter().zip(mask.iter().cycle()).map(|(a, b)| a ^ b).collect();
            assert_eq!(plain, payload);
        }
    }
}
