//! The loop of the clients: connects those whose time has come, and reads from those who are there.

use std::{
    net::{Ipv4Addr, SocketAddrV4},
    time::{Duration, Instant},
};

use rand::Rng;
use rustix::{
    buffer::spare_capacity,
    event::epoll::{self, EventData, EventFlags},
    fd::{AsFd, OwnedFd},
    io::Errno,
    net::{AddressFamily, SocketFlags, SocketType, sockopt},
    time::Timespec,
};

use super::{Clients, Recovery, leave};
use crate::crowd::{client::Link, wire::Outcome};

/// Connections come from this many loopback addresses, so that ports never run out.
const SOURCE_ADDRESSES: usize = 32;
const MAX_EVENTS_PER_TURN: usize = 1_024;
/// How often the loop looks at what time has done to the clients.
const SWEEP: Duration = Duration::from_millis(20);
/// Connects in one sweep, so that those who are live are read on meanwhile.
const MAX_CONNECTS_PER_SWEEP: usize = 1_000;

impl Clients {
    /// Serves what is ready, after at most a sweep's time.
    pub(in crate::crowd) fn turn(&mut self) {
        let now = Instant::now();
        if now >= self.next_sweep {
            self.next_sweep = now + SWEEP;
            self.sweep(now);
        }
        let timeout = Timespec::try_from(SWEEP).unwrap_or_default();
        let mut events = Vec::with_capacity(MAX_EVENTS_PER_TURN);
        // An interrupted wait is an empty one; any other error would be a bug of this loop's.
        if !matches!(
            epoll::wait(&self.epoll, spare_capacity(&mut events), Some(&timeout)),
            Ok(_) | Err(Errno::INTR)
        ) {
            unreachable!("epoll serves descriptors that are open");
        }
        for event in events {
            self.serve(event.data.u64() as usize);
        }
    }

    fn sweep(&mut self, now: Instant) {
        if let Recovery { last_end: Some(end), took: None } = self.recovery
            && self.clients.iter().all(|client| client.is_live() || client.death().is_some())
        {
            self.recovery.took = Some(now.duration_since(end));
        }
        let mut connects = 0;
        // From anywhere, so that nobody always comes first.
        let (count, start) = (self.clients.len(), rand::rng().next_u32() as usize);
        for step in 0..count {
            let index = start.wrapping_add(step) % count;
            let client = &mut self.clients[index];
            if client.is_forsaken(now) {
                self.leave(index, now);
            } else if client.wants_to_move(now) {
                client.change(now);
            } else if client.is_due(now) && connects < MAX_CONNECTS_PER_SWEEP {
                match std::mem::replace(&mut client.link, Link::Away) {
                    Link::Kept(socket) => self.ask(index, socket, now),
                    _ => {
                        connects += 1;
                        self.connect(index, now);
                    }
                }
            }
        }
    }

    fn connect(&mut self, index: usize, now: Instant) {
        let source = Ipv4Addr::new(127, 0, 0, 2 + (index % SOURCE_ADDRESSES) as u8);
        match self.open_socket(source, index) {
            Ok(socket) => self.clients[index].connect(socket, now),
            Err(_) => self.leave(index, now),
        }
    }

    /// A socket that connects, watched for when it has.
    fn open_socket(&self, source: Ipv4Addr, index: usize) -> Result<OwnedFd, Errno> {
        let socket = new_socket(source, self.habits.receive_buffer_bytes)?;
        match rustix::net::connect(&socket, &self.habits.server) {
            Ok(()) | Err(Errno::INPROGRESS) => {}
            Err(error) => return Err(error),
        }
        epoll::add(&self.epoll, &socket, EventData::new_u64(index as u64), EventFlags::OUT)?;
        Ok(socket)
    }

    fn serve(&mut self, index: usize) {
        let now = Instant::now();
        let client = &mut self.clients[index];
        match std::mem::replace(&mut client.link, Link::Away) {
            Link::Connecting(socket) => match self.watch(index, &socket) {
                Ok(()) => self.ask(index, socket, now),
                Err(_) => self.leave(index, now),
            },
            Link::Asked(socket) => {
                let outcome = match rustix::io::read(&socket, &mut self.buffer[..]) {
                    Ok(0) => Outcome::Ended,
                    Ok(length) => client.receive(&self.buffer[..length], &self.ledger, now),
                    Err(Errno::AGAIN | Errno::INTR) => Outcome::Goes,
                    Err(_) => Outcome::Ended,
                };
                self.act(index, socket, outcome, now);
            }
            Link::Kept(_) => client.lose_kept(),
            link @ (Link::Away | Link::Dead(_)) => client.link = link,
        }
    }

    /// Does what comes of bytes that were read.
    fn act(&mut self, index: usize, socket: OwnedFd, outcome: Outcome, now: Instant) {
        match outcome {
            Outcome::Goes => self.clients[index].link = Link::Asked(socket),
            Outcome::Replies(bytes) => self.send(index, socket, &bytes, now),
            Outcome::Answered { pause: Duration::ZERO, kept: true } => self.ask(index, socket, now),
            Outcome::Answered { kept: true, .. } => self.clients[index].link = Link::Kept(socket),
            Outcome::Answered { kept: false, .. } => self.clients[index].lose_kept(),
            Outcome::Ended => self.leave(index, now),
            Outcome::Failed(why) => self.clients[index].link = Link::Dead(why),
        }
    }

    /// The connection stands: from now on it is watched for what comes.
    fn watch(&self, index: usize, socket: &OwnedFd) -> Result<(), Errno> {
        sockopt::socket_error(socket.as_fd())??;
        epoll::modify(&self.epoll, socket, EventData::new_u64(index as u64), EventFlags::IN)
    }

    fn ask(&mut self, index: usize, socket: OwnedFd, now: Instant) {
        let request = self.clients[index].request(self.habits.server, now);
        self.send(index, socket, request.as_bytes(), now);
    }

    fn send(&mut self, index: usize, socket: OwnedFd, bytes: &[u8], now: Instant) {
        // A socket's buffer takes the little that clients say whole, or the connection is broken.
        match rustix::io::write(&socket, bytes) {
            Ok(length) if length == bytes.len() => self.clients[index].link = Link::Asked(socket),
            _ => self.leave(index, now),
        }
    }

    fn leave(&mut self, index: usize, now: Instant) {
        leave(&mut self.clients[index], &mut self.recovery, now);
    }
}

/// A socket bound to a loopback address.
fn new_socket(source: Ipv4Addr, receive_buffer_bytes: Option<usize>) -> Result<OwnedFd, Errno> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = rustix::net::socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)?;
    if let Some(bytes) = receive_buffer_bytes {
        sockopt::set_socket_recv_buffer_size(&socket, bytes)?;
    }
    rustix::net::bind(&socket, &SocketAddrV4::new(source, 0))?;
    Ok(socket)
}
