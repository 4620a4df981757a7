//! The mark of a request whose socket is to leave hyper.

use hub::Start;
use hyper::HeaderMap;

use crate::{client::Client, request::Wanted};

/// What it asks for: a session, or a poll that waits.
pub(crate) struct Taken {
    pub(crate) client: Client,
    pub(crate) wanted: Wanted,
    /// Where it begins.
    pub(crate) start: Start,
    /// The other side understands chunks.
    pub(crate) chunked: bool,
    /// The other side keeps the connection after an answer that ends.
    pub(crate) keep_alive: bool,
    pub(crate) cors: Option<HeaderMap>,
}
