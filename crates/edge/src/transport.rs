//! How publications travel to the reader.

/// The three roads; all else is the same on each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    Sse,
    Poll,
    WebSocket,
}

impl Transport {
    /// All of them, for metrics.
    pub(crate) const ALL: [Self; 3] = [Self::Sse, Self::Poll, Self::WebSocket];

    /// The word in metrics.
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Sse => "sse",
            Self::Poll => "poll",
            Self::WebSocket => "websocket",
        }
    }
}
