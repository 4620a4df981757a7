//! One browser that listens: its socket, and what must be written before anything else.

use std::{
    io::{self, Read, Write},
    net::{Shutdown, SocketAddr},
    time::Instant,
};

use bytes::{Buf, Bytes};
use mio::net::TcpStream;

use crate::{census::Permit, encoding::Encoding, load::Load};

/// What a client may send where nothing is expected, in all.
const MAX_DISCARDED: usize = 64 * 1024;

/// A session's side of the socket; where it stands is the hub's business.
pub(crate) struct Session {
    pub(crate) wire: Wire,
    pub(crate) encoding: Encoding,
    pub(crate) flags: Flags,
    /// Milliseconds of the shard's life: when it began, and when it last took something.
    pub(crate) opened: u32,
    pub(crate) last_write: u32,
    pub(crate) delivered: u32,
    /// Its place among all that the gateway may hold.
    pub(crate) _permit: Permit,
}

/// What is to be remembered of a session in a bit each.
#[derive(Default)]
pub(crate) struct Flags {
    /// It stands in the ready list.
    pub(crate) queued: bool,
    /// The socket takes nothing until it says so.
    pub(crate) blocked: bool,
    /// What is pinned ends a publication.
    pub(crate) cut: bool,
    /// It began with the latest values, and gets them again after a gap.
    pub(crate) since_last: bool,
    /// It has once read all there was: what comes now is new.
    pub(crate) live: bool,
}

/// A socket and the bytes that were promised to it.
pub(crate) struct Wire {
    pub(crate) socket: TcpStream,
    pub(crate) pinned: Bytes,
    pub(crate) peer: SocketAddr,
    discarded: u32,
    _load: Load,
}

/// How a read of what the client sends ended.
pub(crate) enum Heard {
    Nothing,
    TooMuch,
    HungUp,
}

impl Wire {
    pub(crate) fn new(socket: TcpStream, pinned: Bytes, peer: SocketAddr, load: Load) -> Self {
        Self { socket, pinned, peer, discarded: 0, _load: load }
    }

    /// Writes what is pinned. Returns the count of bytes that the kernel took; if something stays
    /// pinned, the socket is full.
    ///
    /// # Errors
    /// The connection is broken.
    pub(crate) fn flush(&mut self) -> io::Result<usize> {
        if self.pinned.is_empty() {
            return Ok(0);
        }
        let written = write(&mut self.socket, &self.pinned)?;
        self.pinned.advance(written);
        if self.pinned.is_empty() {
            // Lets go of the memory too.
            self.pinned = Bytes::new();
        }
        Ok(written)
    }

    /// Reads and forgets what the client sends.
    pub(crate) fn hear(&mut self) -> Heard {
        let mut scratch = [0; 4096];
        loop {
            match self.socket.read(&mut scratch) {
                Ok(0) => return Heard::HungUp,
                Ok(count) => {
                    // Bounded: it grows by at most 4096 beyond the limit.
                    self.discarded += count as u32;
                    if self.discarded as usize > MAX_DISCARDED {
                        return Heard::TooMuch;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Heard::Nothing,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Heard::HungUp,
            }
        }
    }
}

/// Writes as much as the socket takes now.
pub(crate) fn write(socket: &mut TcpStream, bytes: &[u8]) -> io::Result<usize> {
    loop {
        match socket.write(bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => return Ok(count),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(0),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// A session that has ended: its last words are still on their way.
pub(crate) struct Leaving {
    pub(crate) wire: Wire,
    pub(crate) until: Instant,
    said: bool,
}

impl Leaving {
    pub(crate) fn new(wire: Wire, until: Instant) -> Self {
        Self { wire, until, said: false }
    }

    /// Writes the last words, then shuts the sending side, and waits for the other side to do the
    /// same: closing with unread input would reset the connection and eat the last words. Returns
    /// true when it is over.
    pub(crate) fn proceed(&mut self) -> bool {
        if !self.said {
            if self.wire.flush().is_err() {
                return true;
            }
            if self.wire.pinned.is_empty() {
                self.said = true;
                if self.wire.socket.shutdown(Shutdown::Write).is_err() {
                    return true;
                }
            }
        }
        !matches!(self.wire.hear(), Heard::Nothing)
    }
}
