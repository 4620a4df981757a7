//! The two Redis brokers of the gateway, measured beside each other.

use std::fmt;

use crate::pairs::Peer;
use crate::publisher::Way;
use crate::server::Contender;

/// Which of them.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Broker {
    Stream,
    PubSub,
}

/// Both, the one that is judged first.
pub(super) const BOTH: [Broker; 2] = [Broker::Stream, Broker::PubSub];

impl Broker {
    /// The gateway on this broker.
    pub(super) fn contender(self) -> Contender {
        match self {
            Broker::Stream => Contender::Stream,
            Broker::PubSub => Contender::Fanfare,
        }
    }

    pub(super) fn way(self) -> Way {
        self.contender().way()
    }
}

impl Peer for Broker {}

impl fmt::Display for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Broker::Stream => "redis-stream",
            Broker::PubSub => "redis-pubsub",
        })
    }
}
