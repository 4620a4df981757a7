//! The mark of a request whose socket is to leave hyper.

use hub::Start;
use hyper::HeaderMap;

use crate::{asker::Asker, census::Permit, client::Client, request::Wanted};

/// What it asks for.
pub(crate) struct Taken {
    pub(crate) client: Client,
    pub(crate) asker: Asker,
    pub(crate) wanted: Wanted,
    /// Where it begins.
    pub(crate) start: Start,
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
    Poll {
        /// The other side keeps the connection afterwards.
        keep_alive: bool,
        cors: Option<HeaderMap>,
        permit: Permit,
    },
}
