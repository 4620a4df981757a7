//! A poll that waits for something new.

use std::net::TcpStream;

use crate::{subscriber::Subscriber, taken::PollReply, visitor::Visitor};

/// A poll whose socket has left hyper, with nothing written to it, and goes back there when it is
/// answered.
pub(crate) struct Waiter<S = TcpStream> {
    pub(crate) visitor: Visitor<S>,
    pub(crate) subscriber: Subscriber,
    pub(crate) reply: PollReply,
}

impl<S> Waiter<S> {
    /// The same with its socket watched by other means.
    pub(crate) fn map<T>(self, change: impl FnOnce(S) -> T) -> Waiter<T> {
        let Self { visitor, subscriber, reply } = self;
        Waiter { visitor: visitor.map(change), subscriber, reply }
    }
}
