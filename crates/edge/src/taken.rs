//! The mark of a request whose socket is to leave hyper.

use hyper::HeaderMap;

use crate::{client::Client, request::Wanted};

/// What its session is to be.
pub(crate) struct Taken {
    pub(crate) client: Client,
    pub(crate) wanted: Wanted,
    pub(crate) chunked: bool,
    pub(crate) cors: Option<HeaderMap>,
}
