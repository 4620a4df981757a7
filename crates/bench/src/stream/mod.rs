//! What a server sends to a session, read incrementally: head, chunks, events.

mod chunks;
mod events;
mod response;

pub(crate) use events::Event;
pub(crate) use response::Response;

/// Bytes that no well-behaved server sends; says which rule they break.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed(pub(crate) &'static str);
