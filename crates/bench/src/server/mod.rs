//! The servers that are compared, each started fresh for every measurement.

mod admin;
mod counter;
mod fanfare;
mod floor;
mod nchan;
mod nginx;
mod node;
mod redis;
mod tokens;

use std::fmt;
use std::net::SocketAddrV4;
use std::path::Path;

pub(crate) use admin::{Outcomes, outcomes, refusals, stream_reads};
pub(crate) use counter::Counter;
pub(crate) use fanfare::SHORT_MEMORY;
pub(crate) use nginx::FILE_TARGET;
pub(crate) use redis::{Redis, SubscriberLimit};

use identity::Signer;

use crate::Result;
use crate::child::Child;
use crate::publisher::{Door, Way};
use crate::transport::Transport;

/// Who is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Contender {
    /// The gateway, on redis-pubsub.
    Fanfare,
    /// The same, its sessions on WebSockets.
    WebSocket,
    /// The same as the first, and everybody shows a token that is signed with a secret.
    Hs256,
    /// The same, signed with a key of the curve P-256.
    Es256,
    /// The same, with bounds for what one address may have and for how long a head may take.
    Guarded,
    /// The gateway, on redis-stream.
    Stream,
    /// The gateway on redis-stream, its memory so short that returning sessions are read back for.
    ShortMemory,
    /// The least that any server must do.
    Floor,
    /// nginx with Nchan.
    Nchan,
    /// nginx with a small file.
    Nginx,
    /// Node with http and ioredis.
    Node,
    /// Node with ws and ioredis.
    Ws,
    /// Node with Socket.IO and its Redis adapter.
    SocketIo,
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
    /// Signs the tokens that it asks for.
    signer: Option<Signer>,
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
    /// Somebody else's software.
    pub(crate) const PEERS: [Contender; 5] =
        [Contender::Nchan, Contender::Nginx, Contender::Node, Contender::Ws, Contender::SocketIo];

    /// Those that can or cannot take part for the same reason; npm installs for all at once.
    pub(crate) const TOGETHER: [&[Contender]; 4] = [
        &[Contender::Fanfare],
        &[Contender::Nchan],
        &[Contender::Nginx],
        &[Contender::Node, Contender::Ws, Contender::SocketIo],
    ];

    /// Starts it and waits until it is ready.
    pub(crate) fn start(self, place: &Place<'_>) -> Result<Server> {
        match self {
            Contender::Floor => floor::start(place),
            Contender::Nchan => nchan::start(place),
            Contender::Nginx => nginx::start(place),
            Contender::Node => node::start(place, self, &node::SSE),
            Contender::Ws => node::start(place, self, &node::WS),
            Contender::SocketIo => node::start(place, self, &node::SOCKET_IO),
            _ => fanfare::start(place, self),
        }
    }

    /// The program that it runs, named after its first appearance.
    pub(crate) fn program(self) -> Contender {
        match self {
            Contender::WebSocket
            | Contender::Hs256
            | Contender::Es256
            | Contender::Guarded
            | Contender::Stream
            | Contender::ShortMemory => Contender::Fanfare,
            other => other,
        }
    }

    /// By which command it is published to in Redis.
    pub(crate) fn way(self) -> Way {
        match self {
            Contender::Stream | Contender::ShortMemory => Way::Add,
            _ => Way::Publish,
        }
    }

    /// What its sessions speak.
    pub(crate) fn transport(self) -> Transport {
        match self {
            Contender::WebSocket | Contender::Ws => Transport::WebSocket,
            Contender::SocketIo => Transport::SocketIo,
            _ => Transport::Sse,
        }
    }

    /// Why it cannot take part on this machine, if so.
    pub(crate) fn obstacle(self, place: &Place<'_>) -> Option<String> {
        match self.program() {
            Contender::Floor => None,
            Contender::Nchan => nchan::obstacle(),
            Contender::Nginx => nginx::obstacle(),
            Contender::Node | Contender::Ws | Contender::SocketIo => node::obstacle(place),
            _ => fanfare::obstacle(place),
        }
    }
}

impl fmt::Display for Contender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Contender::Fanfare => "fanfare",
            Contender::WebSocket => "fanfare websocket",
            Contender::Hs256 => "HS256",
            Contender::Es256 => "ES256",
            Contender::Guarded => "guarded",
            Contender::Stream => "redis-stream",
            Contender::ShortMemory => "redis-stream with a short memory",
            Contender::Floor => "floor",
            Contender::Nchan => "nchan",
            Contender::Nginx => "nginx",
            Contender::Node => "node",
            Contender::Ws => "ws",
            Contender::SocketIo => "socket.io",
        })
    }
}

impl Server {
    /// A token for the subscriber of this number, if it asks for one.
    pub(crate) fn token(&self, number: u32) -> Result<Option<String>> {
        self.signer.as_ref().map(|signer| tokens::sign(signer, number)).transpose()
    }

    /// What its sessions speak.
    pub(crate) fn transport(&self) -> Transport {
        self.contender.transport()
    }

    /// Whether a session is live only with `fanfare.open`; Nchan sends nothing of the kind.
    pub(crate) fn sends_open(&self) -> bool {
        self.contender != Contender::Nchan
    }

    /// Where to publish at a moderate rate: with a client.
    pub(crate) fn steady_door(&self, redis: SocketAddrV4) -> Door {
        match self.contender {
            Contender::Nchan => Door::Nchan(self.public),
            contender => Door::Fred(redis, contender.way()),
        }
    }

    /// Where to publish as fast as possible.
    pub(crate) fn fast_door(&self, redis: SocketAddrV4) -> Door {
        match self.contender {
            Contender::Nchan => Door::Nchan(self.public),
            contender => Door::Raw(redis, contender.way()),
        }
    }
}
