//! The mark of a request whose socket is to leave hyper.

use hyper::HeaderMap;

use crate::{census::Permit, subscriber::Subscriber};

/// What it asks for.
pub(crate) struct Taken {
    pub(crate) subscriber: Subscriber,
    pub(crate) reply: Reply,
}

/// What its socket is to carry.
pub(crate) enum Reply {
    /// An event stream.
    Events {
        /// The other side understands chunks.
        chunked: bool,
        cors: Option<HeaderMap>,
    },
    /// A conversation.
    WebSocket {
        /// The value of `Sec-WebSocket-Accept`.
        accept: String,
        permit: Permit,
    },
    /// An answer, when there is something new.
    Poll(PollReply),
}

/// How a poll that waits is answered.
pub(crate) struct PollReply {
    /// The other side keeps the connection afterwards.
    pub(crate) keep_alive: bool,
    pub(crate) cors: Option<HeaderMap>,
    /// Its place among all that the gateway may hold.
    pub(crate) permit: Permit,
}
