//! What a client may not send.

/// Why a connection is closed from this side at once (RFC 6455, section 7.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Violation {
    /// Against the protocol, in these words.
    Protocol(&'static str),
    /// Messages are text.
    Binary,
    /// Text that is not UTF-8.
    NotUtf8,
    /// A message of more bytes than this.
    TooBig(usize),
    /// A message with more frames than this that bring nothing.
    EmptyFrames(u16),
    /// A message that does not come to its end.
    Dawdling,
}

impl Violation {
    /// The close code.
    pub(crate) const fn code(self) -> u16 {
        match self {
            Self::Protocol(_) => 1002,
            Self::Binary => 1003,
            Self::NotUtf8 => 1007,
            Self::Dawdling => 1008,
            Self::TooBig(_) | Self::EmptyFrames(_) => 1009,
        }
    }

    /// For people.
    pub(crate) fn words(self) -> String {
        match self {
            Self::Protocol(words) => words.to_owned(),
            Self::Binary => "messages are text frames of JSON, not binary".to_owned(),
            Self::NotUtf8 => "text must be UTF-8".to_owned(),
            Self::Dawdling => "a message took too long to come in".to_owned(),
            Self::TooBig(limit) => format!("a message has at most {limit} bytes"),
            Self::EmptyFrames(limit) => format!("a message has at most {limit} empty frames"),
        }
    }
}
