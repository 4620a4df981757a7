//! A connection, as it goes from hand to hand.

use bytes::Bytes;

use crate::{census::Visit, client::Client, load::Load};

/// A connection as hyper gets it, and as it comes back from there.
pub(crate) struct Visitor<S> {
    pub(crate) socket: S,
    /// What was read from it already, behind what has been heard.
    pub(crate) unread: Bytes,
    /// Whose connection it is: who asks over it may be somebody else behind it.
    pub(crate) connected: Client,
    pub(crate) load: Load,
    /// Its place among those of its address.
    pub(crate) visit: Option<Visit>,
}

impl<S> Visitor<S> {
    /// The same with its socket watched by other means.
    pub(crate) fn map<T>(self, change: impl FnOnce(S) -> T) -> Visitor<T> {
        let Self { socket, unread, connected, load, visit } = self;
        Visitor { socket: change(socket), unread, connected, load, visit }
    }
}
