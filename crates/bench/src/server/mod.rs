//! The servers that are compared, each started fresh for every measurement.

mod admin;
mod counter;
mod fanfare;
mod floor;
mod nchan;
mod node;
mod redis;

use std::fmt;
use std::net::SocketAddrV4;
use std::path::Path;

pub(crate) use admin::{Outcomes, outcomes};
pub(crate) use counter::Counter;
pub(crate) use redis::{Redis, SubscriberLimit};

use crate::Result;
use crate::child::Child;
use crate::publisher::Door;

/// Who is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Contender {
    /// The gateway.
    Fanfare,
    /// The least that any server must do.
    Floor,
    /// nginx with Nchan.
    Nchan,
    /// Node with http and ioredis.
    Node,
}

/// A server that is ready for sessions.
pub(crate) struct Server {
    /// Where sessions connect.
    pub(crate) public: SocketAddrV4,
    /// The gateway's admin port.
    pub(crate) admin: Option<SocketAddrV4>,
    /// The process that does the work.
    pub(crate) pid: u32,
    contender: Contender,
    _child: Child,
}

/// What a server needs to start.
pub(crate) struct Place<'a> {
    /// Files of this run; removed with it.
    pub(crate) directory: &'a Path,
    /// Files that may stay for the next run.
    pub(crate) cache: &'a Path,
    /// The gateway's binary.
    pub(crate) fanfare: &'a Path,
    /// The Redis to read from.
    pub(crate) redis: SocketAddrV4,
}

impl Contender {
    /// Starts it and waits until it is ready.
    pub(crate) fn start(self, place: &Place<'_>) -> Result<Server> {
        match self {
            Contender::Fanfare => fanfare::start(place),
            Contender::Floor => floor::start(place),
            Contender::Nchan => nchan::start(place),
            Contender::Node => node::start(place),
        }
    }

    /// Why it cannot take part on this machine, if so.
    pub(crate) fn obstacle(self, place: &Place<'_>) -> Option<String> {
        match self {
            Contender::Fanfare => fanfare::obstacle(place),
            Contender::Floor => None,
            Contender::Nchan => nchan::obstacle(),
            Contender::Node => node::obstacle(place),
        }
    }
}

impl fmt::Display for Contender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Contender::Fanfare => "fanfare",
            Contender::Floor => "floor",
            Contender::Nchan => "nchan",
            Contender::Node => "node",
        })
    }
}

impl Server {
    /// Whether a session is live only with `fanfare.open`; Nchan sends nothing of the kind.
    pub(crate) fn sends_open(&self) -> bool {
        self.contender != Contender::Nchan
    }

    /// Where to publish at a moderate rate: with a client.
    pub(crate) fn steady_door(&self, redis: SocketAddrV4) -> Door {
        match self.contender {
            Contender::Nchan => Door::Nchan(self.public),
            _ => Door::Fred(redis),
        }
    }

    /// Where to publish as fast as possible.
    pub(crate) fn fast_door(&self, redis: SocketAddrV4) -> Door {
        match self.contender {
            Contender::Nchan => Door::Nchan(self.public),
            _ => Door::Raw(redis),
        }
    }
}
