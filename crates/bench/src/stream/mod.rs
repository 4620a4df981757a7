//! What a server sends to a session, read incrementally, whatever the transport.

mod answers;
mod chunks;
mod envelope;
mod event_stream;
mod events;
mod frames;
mod head;
mod packets;
mod socket;

pub(crate) use answers::AnswerReader;
pub(crate) use event_stream::EventStream;
pub(crate) use head::Head;
pub(crate) use socket::{Dialect, Socket};

/// What a server sends to one session, as far as it has come.
#[derive(Debug)]
pub(crate) enum Stream {
    /// Server-Sent Events.
    Events(EventStream),
    /// The messages of a WebSocket.
    Messages(Socket),
}

/// One thing that a server said, borrowed from the bytes that it came in.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Event<'a> {
    /// Empty for a publication without type, or a comment.
    pub(crate) name: &'a [u8],
    pub(crate) id: Option<&'a [u8]>,
    /// Of an event stream the last `data:` line; publications of the benchmark have exactly one.
    pub(crate) data: Option<&'a [u8]>,
}

/// The session is live.
pub(crate) const OPEN: &[u8] = b"fanfare.open";
/// What the session asked for was done.
pub(crate) const DONE: &[u8] = b"done";
/// What the session asked for was refused.
pub(crate) const REFUSED: &[u8] = b"refused";

/// Bytes that no well-behaved server sends; says which rule they break.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed(pub(crate) &'static str);

impl Stream {
    /// Whether the server has agreed to send anything.
    pub(crate) fn has_begun(&self) -> bool {
        match self {
            Stream::Events(events) => events.has_begun(),
            Stream::Messages(socket) => socket.has_begun(),
        }
    }

    /// Takes the next bytes from the socket and hands the events that end in them to `each`. What
    /// the server wants to hear at once is added to `answers`.
    pub(crate) fn feed(
        &mut self,
        bytes: &[u8],
        answers: &mut Vec<u8>,
        each: &mut impl FnMut(Event<'_>),
    ) -> Result<(), Malformed> {
        match self {
            Stream::Events(events) => events.feed(bytes, each),
            Stream::Messages(socket) => socket.feed(bytes, answers, each),
        }
    }
}
