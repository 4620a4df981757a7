//! The floor: what any server must do, and nothing else.
//!
//! An epoll loop that reads the same pushes from Redis as the gateway and writes the same bytes
//! to the same sockets, one write(2) for each socket and publication. It keeps no history, no
//! cursors and no limits; it is what the gateway is measured against.

mod frame;
mod resp;
mod session;

use std::net::{SocketAddrV4, TcpListener, TcpStream};

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::fd::{AsFd, OwnedFd};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType};
use slab::Slab;

use crate::Result;
use frame::Frame;
use resp::{Push, RedisLink};
use session::{Readiness, Session};

const REDIS: u64 = u64::MAX;
const LISTENER: u64 = u64::MAX - 1;
/// As the gateway's: a burst of connections must not overflow the queue.
const BACKLOG: i32 = 4_096;
const MAX_EVENTS_PER_TURN: usize = 1_024;

/// Where the floor listens and what it reads.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct FloorOptions {
    /// Where sessions arrive.
    #[arg(long)]
    listen: SocketAddrV4,
    /// The Redis server to subscribe to.
    #[arg(long)]
    redis: SocketAddrV4,
    /// The prefix of channels in Redis.
    #[arg(long, default_value = crate::publisher::PREFIX)]
    prefix: String,
}

/// The sockets of each channel.
type Channels = HashMap<Vec<u8>, Vec<usize>, FixedState>;

/// The whole state of the floor.
struct Floor {
    epoll: OwnedFd,
    listener: OwnedFd,
    redis: RedisLink,
    sessions: Slab<Session>,
    channels: Channels,
    frame: Frame,
}

/// Serves until Redis hangs up.
pub(crate) fn run(options: &FloorOptions) -> Result<()> {
    // Only a floor that is subscribed listens: whoever can connect misses nothing.
    let redis = RedisLink::subscribe(TcpStream::connect(options.redis)?, &options.prefix)?;
    let listener = listen(options.listen)?;
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    epoll::add(&epoll, &listener, EventData::new_u64(LISTENER), EventFlags::IN)?;
    epoll::add(&epoll, redis.socket(), EventData::new_u64(REDIS), EventFlags::IN)?;
    let mut floor = Floor {
        epoll,
        listener,
        redis,
        sessions: Slab::new(),
        channels: Channels::default(),
        frame: Frame::new(),
    };
    let mut events = Vec::with_capacity(MAX_EVENTS_PER_TURN);
    loop {
        match epoll::wait(&floor.epoll, spare_capacity(&mut events), None) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        for event in events.drain(..) {
            match event.data.u64() {
                REDIS => floor.deliver()?,
                LISTENER => floor.accept()?,
                key => floor.serve(key as usize, event.flags)?,
            }
        }
    }
}

fn listen(address: SocketAddrV4) -> Result<OwnedFd> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = rustix::net::socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)?;
    rustix::net::sockopt::set_socket_reuseaddr(&socket, true)?;
    rustix::net::bind(&socket, &address)?;
    rustix::net::listen(&socket, BACKLOG)?;
    Ok(TcpListener::from(socket).into())
}

impl Floor {
    /// Writes what Redis has pushed to all who subscribed to it.
    fn deliver(&mut self) -> Result<()> {
        let Floor { epoll, redis, sessions, channels, frame, .. } = self;
        redis.read(|Push { channel, data }| {
            let Some(keys) = channels.get(channel) else {
                return Ok(());
            };
            let bytes = frame.encode(data);
            for &key in keys {
                sessions[key].write(bytes, epoll, key)?;
            }
            Ok(())
        })
    }

    fn accept(&mut self) -> Result<()> {
        loop {
            let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
            match rustix::net::accept_with(&self.listener, flags) {
                Ok(socket) => {
                    let entry = self.sessions.vacant_entry();
                    let token = EventData::new_u64(entry.key() as u64);
                    epoll::add(&self.epoll, socket.as_fd(), token, EventFlags::IN)?;
                    entry.insert(Session::new(socket)?);
                }
                Err(Errno::AGAIN | Errno::INTR) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn serve(&mut self, key: usize, flags: EventFlags) -> Result<()> {
        let Some(session) = self.sessions.get_mut(key) else {
            return Ok(());
        };
        if flags.contains(EventFlags::OUT) {
            session.flush(&self.epoll, key)?;
        }
        if flags.intersects(EventFlags::IN | EventFlags::HUP | EventFlags::ERR) {
            match session.read() {
                Readiness::Nothing => {}
                Readiness::Subscribed => {
                    for channel in session.channels() {
                        self.channels.entry_ref(channel.as_slice()).or_default().push(key);
                    }
                    session.write(self.frame.head(), &self.epoll, key)?;
                }
                Readiness::Closed => self.close(key),
            }
        }
        Ok(())
    }

    fn close(&mut self, key: usize) {
        let session = self.sessions.remove(key);
        for channel in session.channels() {
            if let Some(keys) = self.channels.get_mut(channel)
                && let Some(at) = keys.iter().position(|&other| other == key)
            {
                keys.swap_remove(at);
            }
        }
    }
}
