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
use crate::crowd::client::{Link, Outcome};

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
                leave(client, &mut self.recovery, now);
            } else if client.is_due(now) && connects < MAX_CONNECTS_PER_SWEEP {
                connects += 1;
                if self.connect(index).is_err() {
                    leave(&mut self.clients[index], &mut self.recovery, now);
                }
            }
        }
    }

    fn connect(&mut self, index: usize) -> Result<(), Errno> {
        let source = Ipv4Addr::new(127, 0, 0, 2 + (index % SOURCE_ADDRESSES) as u8);
        let socket = new_socket(source, self.habits.receive_buffer_bytes)?;
        match rustix::net::connect(&socket, &self.habits.server) {
            Ok(()) | Err(Errno::INPROGRESS) => {}
            Err(error) => return Err(error),
        }
        epoll::add(&self.epoll, &socket, EventData::new_u64(index as u64), EventFlags::OUT)?;
        let client = &mut self.clients[index];
        client.since = Instant::now();
        client.link = Link::Connecting(socket);
        Ok(())
    }

    fn serve(&mut self, index: usize) {
        let now = Instant::now();
        let client = &mut self.clients[index];
        match std::mem::replace(&mut client.link, Link::Away) {
            Link::Connecting(socket) => match self.ask(index, &socket) {
                Ok(()) => self.clients[index].link = Link::Asked(socket),
                Err(_) => leave(&mut self.clients[index], &mut self.recovery, now),
            },
            Link::Asked(socket) => {
                let outcome = match rustix::io::read(&socket, &mut self.buffer[..]) {
                    Ok(0) => Outcome::Ended,
                    Ok(length) => client.receive(&self.buffer[..length], &self.ledger, now),
                    Err(Errno::AGAIN | Errno::INTR) => Outcome::Goes,
                    Err(_) => Outcome::Ended,
                };
                match outcome {
                    Outcome::Goes => client.link = Link::Asked(socket),
                    Outcome::Ended => leave(client, &mut self.recovery, now),
                    Outcome::Failed(why) => client.link = Link::Dead(why),
                }
            }
            link @ (Link::Away | Link::Dead(_)) => client.link = link,
        }
    }

    /// The connection stands: asks for the stream.
    fn ask(&self, index: usize, socket: &OwnedFd) -> Result<(), Errno> {
        sockopt::socket_error(socket.as_fd())??;
        let request = self.clients[index].request(self.habits.server);
        // A fresh socket's buffer takes a request whole, or the connection is broken.
        if rustix::io::write(socket, request.as_bytes())? < request.len() {
            return Err(Errno::AGAIN);
        }
        epoll::modify(&self.epoll, socket, EventData::new_u64(index as u64), EventFlags::IN)
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
