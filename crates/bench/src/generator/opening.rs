//! How a session comes to be: a socket that connects, and a request on it.

use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::fd::AsFd;
use rustix::io::Errno;
use rustix::net::sockopt;

use super::Generator;
use crate::Result;
use crate::client_socket;
use crate::session::{Session, Stage, Subscription};

impl Generator {
    /// Begins to connect; on loopback that is often done at once.
    pub(super) fn open(&mut self, subscription: &Subscription) -> Result<()> {
        let socket = client_socket::new(self.opened, subscription.receive_buffer_bytes)?;
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
