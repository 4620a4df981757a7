//! How a session comes to be: a socket that connects, and a request on it.

use std::net::{Ipv4Addr, SocketAddrV4};

use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::fd::{AsFd, OwnedFd};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, sockopt};

use super::Generator;
use crate::Result;
use crate::session::{Session, Stage, Subscription};

/// Connections come from this many loopback addresses, so that ports never run out.
const SOURCE_ADDRESSES: u32 = 32;

impl Generator {
    /// Begins to connect; on loopback that is often done at once.
    pub(super) fn open(&mut self, subscription: &Subscription) -> Result<()> {
        let source = 2 + (self.opened % SOURCE_ADDRESSES) as u8;
        let socket = new_socket(source, subscription.receive_buffer_bytes)?;
        let is_connected = match rustix::net::connect(&socket, &self.server) {
            Ok(()) => true,
            Err(Errno::INPROGRESS) => false,
            Err(error) => return Err(error.into()),
        };
        let entry = self.sessions.vacant_entry();
        let key = entry.key();
        epoll::add(&self.epoll, &socket, EventData::new_u64(key as u64), EventFlags::OUT)?;
        let request = subscription.request(self.transport, self.server);
        entry.insert(Session::new(socket, subscription, self.transport, request, self.run, self.awaits_open));
        self.opened += 1;
        self.in_flight += 1;
        if is_connected { self.send_request(key) } else { Ok(()) }
    }

    /// The connection stands: asks for the stream.
    pub(super) fn send_request(&mut self, key: usize) -> Result<()> {
        let session = &mut self.sessions[key];
        let Some(socket) = session.socket.as_ref().map(AsFd::as_fd) else {
            return Ok(());
        };
        sockopt::socket_error(socket)??;
        // A fresh socket's buffer takes a request of this size whole, or the connection is broken.
        let written = rustix::io::write(socket, &session.request)?;
        if written < session.request.len() {
            return Err("a request did not fit into a fresh socket".into());
        }
        let token = EventData::new_u64(key as u64);
        epoll::modify(&self.epoll, socket, token, EventFlags::IN)?;
        session.request = Vec::new();
        session.stage = Stage::Asked;
        Ok(())
    }
}

/// A socket bound to a loopback address of its own choice.
fn new_socket(source: u8, receive_buffer_bytes: Option<usize>) -> Result<OwnedFd> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = rustix::net::socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)?;
    if let Some(bytes) = receive_buffer_bytes {
        sockopt::set_socket_recv_buffer_size(&socket, bytes)?;
    }
    rustix::net::bind(&socket, &SocketAddrV4::new(Ipv4Addr::new(127, 0, 0, source), 0))?;
    Ok(socket)
}
