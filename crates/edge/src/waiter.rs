//! A poll that waits for something new.

use std::net::TcpStream;

use bytes::Bytes;

use crate::{client::Client, close::CloseReason, load::Load, taken::Taken};

/// A poll whose socket has left hyper, with nothing written to it, and goes back there when it is
/// answered.
pub(crate) struct Waiter<S = TcpStream> {
    pub(crate) socket: S,
    /// What came in behind the request.
    pub(crate) unread: Bytes,
    /// Whose connection it is; who asks may be somebody else behind it.
    pub(crate) connected: Client,
    pub(crate) asked: Taken,
    pub(crate) load: Load,
    /// Why it may not wait, if so.
    pub(crate) refused: Option<CloseReason>,
}

impl<S> Waiter<S> {
    /// The same with its socket watched by other means.
    pub(crate) fn map<T>(self, change: impl FnOnce(S) -> T) -> Waiter<T> {
        let Self { socket, unread, connected, asked, load, refused } = self;
        Waiter { socket: change(socket), unread, connected, asked, load, refused }
    }
}
