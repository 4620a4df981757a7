//! Frames of a WebSocket (RFC 6455, section 5), as a client reads and writes them.

const FIN: u8 = 0x80;
const RESERVED: u8 = 0x70;
const MASKED: u8 = 0x80;

pub(super) const CONTINUATION: u8 = 0;
pub(super) const TEXT: u8 = 1;
pub(super) const CLOSE: u8 = 8;
pub(super) const PING: u8 = 9;
pub(super) const PONG: u8 = 10;

/// The longest payload of a control frame.
const MAX_CONTROL_BYTES: usize = 125;
/// No gateway here sends a longer frame; more is a lost thread.
const MAX_PAYLOAD_BYTES: usize = 16 * 1024 * 1024;

/// One frame that has come whole.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) opcode: u8,
    /// It is the last of its message.
    pub(super) is_last: bool,
    pub(super) payload: Vec<u8>,
}

/// What no server may send, in words.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Violation(pub(super) &'static str);

impl Frame {
    /// Takes the first frame off these bytes, if all of it has come.
    pub(super) fn take(bytes: &mut Vec<u8>) -> Result<Option<Self>, Violation> {
        let Some(&[first, second]) = bytes.first_chunk() else { return Ok(None) };
        if first & RESERVED != 0 || second & MASKED != 0 {
            return Err(Violation("a frame with a reserved bit or a mask"));
        }
        let start = match second {
            126 => 4,
            127 => 10,
            _ => 2,
        };
        let Some(wide) = bytes.get(2..start) else { return Ok(None) };
        let length = match wide {
            [] => usize::from(second),
            wide => wide.iter().fold(0, |length, &byte| length << 8 | usize::from(byte)),
        };
        let (opcode, is_last) = (first & 0x0f, first & FIN != 0);
        if length > MAX_PAYLOAD_BYTES
            || (opcode >= CLOSE && (usize::from(second) > MAX_CONTROL_BYTES || !is_last))
        {
            return Err(Violation("a frame that is too long, or a control frame in parts"));
        }
        let Some(payload) = bytes.get(start..start + length) else { return Ok(None) };
        let frame = Self { opcode, is_last, payload: payload.to_vec() };
        bytes.drain(..start + length);
        Ok(Some(frame))
    }

    /// A control frame as a client sends it.
    pub(super) fn masked(opcode: u8, payload: &[u8]) -> Vec<u8> {
        let payload = &payload[..payload.len().min(MAX_CONTROL_BYTES)];
        let mask: [u8; 4] = rand::random();
        let mut bytes = vec![FIN | opcode, MASKED | payload.len() as u8];
        bytes.extend(mask);
        bytes.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        bytes
    }

    /// The code of a close.
    pub(super) fn code(&self) -> Option<u16> {
        self.payload.first_chunk().map(|code| u16::from_be_bytes(*code))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_one_after_the_other_however_long() {
        for (length, head) in [
            (5, vec![0x81, 5]),
            (300, vec![0x81, 126, 1, 44]),
            (70_000, { vec![0x81, 127, 0, 0, 0, 0, 0, 1, 0x11, 0x70] }),
        ] {
            let mut bytes = [head, vec![b'x'; length]].concat();
            bytes.extend([0x89, 0]);
            let partial = bytes[..bytes.len() - 3].to_vec();
            assert_eq!(Frame::take(&mut partial.clone()), Ok(None));
            let frame = Frame::take(&mut bytes).unwrap().unwrap();
            assert_eq!((frame.opcode, frame.payload.len()), (TEXT, length));
            assert_eq!(Frame::take(&mut bytes).unwrap().unwrap().opcode, PING);
            assert_eq!(Frame::take(&mut bytes), Ok(None));
        }
    }

    #[test]
    fn what_no_server_sends_is_refused() {
        for bytes in [[0x81, 0x85], [0xc1, 5], [0x09, 0], [0x89, 126]] {
            let mut bytes = [&bytes[..], &[0; 200]].concat();
            assert!(Frame::take(&mut bytes).is_err(), "{bytes:02x?}");
        }
    }

    #[test]
    fn what_a_client_sends_is_masked() {
        let bytes = Frame::masked(PONG, b"hello");
        assert_eq!(bytes[..2], [0x8a, 0x85]);
        let unmasked: Vec<u8> =
            bytes[6..].iter().zip(bytes[2..6].iter().cycle()).map(|(a, b)| a ^ b).collect();
        assert_eq!(unmasked, b"hello");
    }
}
