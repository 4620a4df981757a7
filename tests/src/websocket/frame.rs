//! One frame (RFC 6455, section 5), as right or as wrong as a test wants it.

use serde_json::Value;

/// The mask of every frame: the one of the standard's examples.
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// One frame, of either direction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// What kind of frame it is, such as [`Frame::TEXT`].
    pub opcode: u8,
    /// Whether it is the last of its message.
    pub fin: bool,
    /// The payload, without its mask.
    pub payload: Vec<u8>,
}

/// How the length of a frame is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// In the second byte itself.
    Seven,
    /// In two more bytes.
    Sixteen,
    /// In eight more bytes.
    SixtyFour,
}

impl Frame {
    /// More of a message that another frame began.
    pub const CONTINUATION: u8 = 0;
    /// Text, or the beginning of one.
    pub const TEXT: u8 = 1;
    /// A binary message, or the beginning of one.
    pub const BINARY: u8 = 2;
    /// The last frame of its side.
    pub const CLOSE: u8 = 8;
    /// What is to be answered with a pong.
    pub const PING: u8 = 9;
    /// The answer to a ping.
    pub const PONG: u8 = 10;

    /// A frame that is a message by itself.
    #[must_use]
    pub fn new(opcode: u8, payload: impl AsRef<[u8]>) -> Self {
        Self { opcode, fin: true, payload: payload.as_ref().to_vec() }
    }

    /// A frame that closes, with a code and a reason.
    #[must_use]
    pub fn close(code: u16, reason: impl AsRef<[u8]>) -> Self {
        Self::new(Self::CLOSE, [&code.to_be_bytes(), reason.as_ref()].concat())
    }

    /// The same, with more to follow.
    #[must_use]
    pub fn unfinished(self) -> Self {
        Self { fin: false, ..self }
    }

    /// The first frame that a server sent, if all of it is here, and how many bytes it took.
    pub(super) fn read(bytes: &[u8]) -> Option<(Self, usize)> {
        let [first, second] = *bytes.first_chunk()?;
        let (opcode, fin) = (first & 0x0f, first & 0x80 != 0);
        assert_eq!(first & 0x70, 0, "no extension was agreed on: {first:02x}");
        assert!(matches!(opcode, 0..=2 | 8..=10), "opcode {opcode} is reserved");
        assert_eq!(second & 0x80, 0, "a server does not mask");
        let (width, start) = match second {
            126 => (Width::Sixteen, 4),
            127 => (Width::SixtyFour, 10),
            _ => (Width::Seven, 2),
        };
        let length = match width {
            Width::Seven => second.into(),
            _ => bytes.get(2..start)?.iter().fold(0, |length, byte| length << 8 | u64::from(*byte)),
        };
        assert_eq!(width, Width::of(length), "{length} is not written in the shortest way");
        assert!(opcode < Self::CLOSE || (fin && width == Width::Seven), "a control frame is small and whole");
        let end = start + usize::try_from(length).expect("a length that memory can hold");
        let payload = bytes.get(start..end)?.to_vec();
        Some((Self { opcode, fin, payload }, end))
    }

    /// Its bytes as a client sends them.
    #[must_use]
    pub fn masked(&self) -> Vec<u8> {
        self.masked_as(0, Width::of(self.payload.len() as u64))
    }

    /// Its bytes with these reserved bits (RSV1 is 4, RSV3 is 1) and a length of this width.
    #[must_use]
    pub fn masked_as(&self, reserved: u8, width: Width) -> Vec<u8> {
        let mut bytes = vec![u8::from(self.fin) << 7 | reserved << 4 | self.opcode];
        bytes.extend(width.write(self.payload.len() as u64));
        bytes[1] |= 0x80;
        bytes.extend(MASK);
        bytes.extend(self.payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        bytes
    }

    /// Its bytes as only a server may send them.
    #[must_use]
    pub fn unmasked(&self) -> Vec<u8> {
        let length = self.payload.len() as u64;
        let head = u8::from(self.fin) << 7 | self.opcode;
        [&[head], &*Width::of(length).write(length), &self.payload].concat()
    }

    /// The payload as JSON.
    ///
    /// # Panics
    /// It is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.payload).unwrap_or_else(|_| panic!("this should be JSON: {self:?}"))
    }

    /// The code and the reason of a close.
    ///
    /// # Panics
    /// The payload is none of a close.
    #[must_use]
    pub fn closing(&self) -> (Option<u16>, String) {
        assert_ne!(self.payload.len(), 1, "half a code");
        let code = self.payload.first_chunk().map(|code| u16::from_be_bytes(*code));
        let reason = self.payload.get(2..).unwrap_or_default().to_vec();
        (code, String::from_utf8(reason).expect("a reason is UTF-8"))
    }
}

impl Width {
    /// The only one that is right for a length.
    #[must_use]
    pub fn of(length: u64) -> Self {
        match length {
            0..=125 => Self::Seven,
            126..=0xffff => Self::Sixteen,
            _ => Self::SixtyFour,
        }
    }

    /// The second byte of a frame, without its mask bit, and those of the length that follow it.
    #[must_use]
    pub fn write(self, length: u64) -> Vec<u8> {
        let bytes = length.to_be_bytes();
        match self {
            Self::Seven => vec![bytes[7]],
            Self::Sixteen => [&[126], &bytes[6..]].concat(),
            Self::SixtyFour => [&[127], &bytes[..]].concat(),
        }
    }
}
