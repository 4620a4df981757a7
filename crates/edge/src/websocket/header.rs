//! The head of a frame (RFC 6455, section 5.2).

use super::violation::Violation;

pub(super) const FIN: u8 = 0x80;
const RESERVED: u8 = 0x70;
const OPCODE: u8 = 0x0f;
const MASKED: u8 = 0x80;

const CONTINUATION: u8 = 0x0;
pub(super) const TEXT: u8 = 0x1;
const BINARY: u8 = 0x2;
pub(super) const CLOSE: u8 = 0x8;
pub(super) const PING: u8 = 0x9;
pub(super) const PONG: u8 = 0xa;

/// The longest payload of a control frame.
pub(super) const MAX_CONTROL: usize = 125;
/// The longest head that a client sends.
pub(super) const MAX_HEAD: usize = 14;

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Binary,
    Continuation,
    Close,
    Ping,
    Pong,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) kind: Kind,
    /// The last frame of its message.
    pub(super) last: bool,
    pub(super) mask: [u8; 4],
    /// Of the payload, in bytes.
    pub(super) length: u64,
}

impl Header {
    /// How many bytes the head of a client's frame has that begins with these two.
    ///
    /// # Errors
    /// The two bytes alone show that no frame may begin so.
    pub(super) fn size([first, second]: [u8; 2]) -> Result<usize, Violation> {
        if first & RESERVED != 0 {
            return Err(Violation::Protocol("a reserved bit is set, and no extension was agreed on"));
        }
        let kind = Kind::of(first & OPCODE)?;
        if second & MASKED == 0 {
            return Err(Violation::Protocol("a client's frames must be masked"));
        }
        let length = second & !MASKED;
        if kind.is_control() && (usize::from(length) > MAX_CONTROL || first & FIN == 0) {
            return Err(Violation::Protocol("a control frame has at most 125 bytes and is not fragmented"));
        }
        Ok(match length {
            127 => MAX_HEAD,
            126 => MAX_HEAD - 6,
            _ => MAX_HEAD - 8,
        })
    }

    /// Reads a whole head, as long as [`Header::size`] says.
    ///
    /// # Errors
    /// It is none that a client may send.
    pub(super) fn parse(head: &[u8]) -> Result<Self, Violation> {
        let [first, second, rest @ ..] = head else {
            return Err(Violation::Protocol("a head has two bytes"));
        };
        let (length, mask) = rest.split_at(rest.len() - 4);
        // Big-endian; of the short form, the seven bits.
        let wide = length.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
        let short = u64::from(second & !MASKED);
        let (length, least) = match length.len() {
            0 => (short, 0),
            2 => (wide, 126),
            _ => (wide, 1 << 16),
        };
        if length < least {
            return Err(Violation::Protocol("a length must be written in its shortest form"));
        }
        if length >> 63 != 0 {
            return Err(Violation::Protocol("the highest bit of a length must be zero"));
        }
        let mask = [mask[0], mask[1], mask[2], mask[3]];
        Ok(Self { kind: Kind::of(first & OPCODE)?, last: first & FIN != 0, mask, length })
    }
}

impl Kind {
    fn of(opcode: u8) -> Result<Self, Violation> {
        match opcode {
            CONTINUATION => Ok(Self::Continuation),
            TEXT => Ok(Self::Text),
            BINARY => Ok(Self::Binary),
            CLOSE => Ok(Self::Close),
            PING => Ok(Self::Ping),
            PONG => Ok(Self::Pong),
            _ => Err(Violation::Protocol("the opcode is reserved")),
        }
    }

    pub(super) fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }
}
