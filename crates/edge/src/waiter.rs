//! A poll that waits for something new.

use std::net::TcpStream;

use bytes::Bytes;
use hub::Start;
use hyper::HeaderMap;

use crate::{
    asker::Asker,
    census::{Permit, Visit},
    client::Client,
    load::Load,
    request::Wanted,
};

/// A poll whose socket has left hyper, with nothing written to it, and goes back there when it is
/// answered.
pub(crate) struct Waiter<S = TcpStream> {
    pub(crate) socket: S,
    /// What came in behind the request.
    pub(crate) unread: Bytes,
    /// Whose connection it is ...
    pub(crate) connected: Client,
    /// ... and who asks: it may be somebody else behind it.
    pub(crate) client: Client,
    pub(crate) asker: Asker,
    pub(crate) wanted: Wanted,
    /// After what it waits.
    pub(crate) start: Start,
    /// The other side keeps the connection after the answer.
    pub(crate) keep_alive: bool,
    pub(crate) cors: Option<HeaderMap>,
    pub(crate) load: Load,
    /// The place of its connection.
    pub(crate) visit: Option<Visit>,
    /// Its place among all that the gateway may hold.
    pub(crate) permit: Permit,
}

impl<S> Waiter<S> {
    /// The same with its socket watched by other means.
    pub(crate) fn map<T>(self, change: impl FnOnce(S) -> T) -> Waiter<T> {
        let Self {
            socket,
            unread,
            connected,
            client,
            asker,
            wanted,
            start,
            keep_alive,
            cors,
            load,
            visit,
            permit,
        } = self;
        let socket = change(socket);
        Waiter {
            socket,
            unread,
            connected,
            client,
            asker,
            wanted,
            start,
            keep_alive,
            cors,
            load,
            visit,
            permit,
        }
    }
}
