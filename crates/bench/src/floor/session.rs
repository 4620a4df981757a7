//! One socket of the floor: its request, and what it would not take.

use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::net::sockopt;

use crate::Result;

/// As the gateway's default for `sessions.send_buffer_bytes`.
const SEND_BUFFER_BYTES: usize = 65_536;
const REQUEST_BUFFER_BYTES: usize = 4_096;

/// A connection: first a request, then a subscriber.
pub(super) struct Session {
    socket: OwnedFd,
    /// The request as far as it has come; empty once it is understood.
    request: Vec<u8>,
    channels: Vec<Vec<u8>>,
    /// What the full socket left behind; all that follows must wait behind it.
    pending: Vec<u8>,
}

/// What a readable socket turned out to be.
pub(super) enum Readiness {
    Nothing,
    Subscribed,
    Closed,
}

impl Session {
    pub(super) fn new(socket: OwnedFd) -> Result<Session> {
        sockopt::set_tcp_nodelay(&socket, true)?;
        sockopt::set_socket_send_buffer_size(&socket, SEND_BUFFER_BYTES)?;
        Ok(Session { socket, request: Vec::new(), channels: Vec::new(), pending: Vec::new() })
    }

    /// The channels that the request named.
    pub(super) fn channels(&self) -> &[Vec<u8>] {
        &self.channels
    }

    /// Reads the request, or notices that the client has gone.
    pub(super) fn read(&mut self) -> Readiness {
        let mut buffer = [0; REQUEST_BUFFER_BYTES];
        match rustix::io::read(&self.socket, &mut buffer) {
            Ok(0) => Readiness::Closed,
            Ok(length) if self.channels.is_empty() => {
                self.request.extend_from_slice(&buffer[..length]);
                if !self.request.ends_with(b"\r\n\r\n") {
                    return Readiness::Nothing;
                }
                self.channels = channels_of(&std::mem::take(&mut self.request));
                Readiness::Subscribed
            }
            Ok(_) | Err(Errno::AGAIN | Errno::INTR) => Readiness::Nothing,
            Err(_) => Readiness::Closed,
        }
    }

    /// Writes with one system call; what the socket does not take is kept for [`Session::flush`].
    #[inline]
    pub(super) fn write(&mut self, bytes: &[u8], epoll: &OwnedFd, key: usize) -> Result<()> {
        if !self.pending.is_empty() {
            self.pending.extend_from_slice(bytes);
            return Ok(());
        }
        let written = match rustix::io::write(&self.socket, bytes) {
            Ok(written) => written,
            Err(Errno::AGAIN | Errno::INTR) => 0,
            // The client has gone; its hang-up is readable and closes the session.
            Err(_) => return Ok(()),
        };
        if written < bytes.len() {
            self.pending.extend_from_slice(&bytes[written..]);
            self.watch(EventFlags::IN | EventFlags::OUT, epoll, key)?;
        }
        Ok(())
    }

    /// The socket takes bytes again.
    pub(super) fn flush(&mut self, epoll: &OwnedFd, key: usize) -> Result<()> {
        match rustix::io::write(&self.socket, &self.pending) {
            Ok(written) => drop(self.pending.drain(..written)),
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(_) => self.pending.clear(),
        }
        if self.pending.is_empty() {
            self.watch(EventFlags::IN, epoll, key)?;
        }
        Ok(())
    }

    fn watch(&self, flags: EventFlags, epoll: &OwnedFd, key: usize) -> Result<()> {
        Ok(epoll::modify(epoll, &self.socket, EventData::new_u64(key as u64), flags)?)
    }
}

/// The values of `channel=` in a request line; the benchmark's names need no decoding.
fn channels_of(request: &[u8]) -> Vec<Vec<u8>> {
    let line = request.split(|&byte| byte == b'\r').next().unwrap_or_default();
    let target = line.split(|&byte| byte == b' ').nth(1).unwrap_or_default();
    let query = target.split(|&byte| byte == b'?').nth(1).unwrap_or_default();
    query
        .split(|&byte| byte == b'&')
        .filter_map(|pair| pair.strip_prefix(b"channel="))
        .map(<[u8]>::to_vec)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_are_found_in_the_request_line() {
        let request = b"GET /events?channel=c1&channel=c22 HTTP/1.1\r\nHost: x?channel=no\r\n\r\n";
        assert_eq!(channels_of(request), [b"c1".to_vec(), b"c22".to_vec()]);
    }
}
