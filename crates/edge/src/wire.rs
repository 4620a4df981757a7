//! A socket that has left hyper, and what was promised to it.

use std::{
    io::{self, Read, Write},
    net::Shutdown,
    time::Instant,
};

use mio::net::TcpStream;

use crate::{client::Client, load::Load, pinned::Pinned, tally::Tally, transport::Transport};

/// What a client may send where nothing is expected, in all.
const MAX_DISCARDED: usize = 64 * 1024;

/// The socket of a session.
pub(crate) struct Wire {
    pub(crate) socket: TcpStream,
    pub(crate) pinned: Pinned,
    pub(crate) client: Client,
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
    pub(crate) fn new(socket: TcpStream, client: Client, load: Load) -> Self {
        Self { socket, pinned: Pinned::default(), client, discarded: 0, _load: load }
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
///
/// # Errors
/// The connection is broken.
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
    transport: Transport,
    said: bool,
}

impl Leaving {
    pub(crate) fn new(wire: Wire, transport: Transport, until: Instant) -> Self {
        Self { wire, until, transport, said: false }
    }

    /// Writes the last words, then shuts the sending side, and waits for the other side to do the
    /// same: closing with unread input would reset the connection and eat the last words. Returns
    /// true when it is over.
    pub(crate) fn proceed(&mut self, tally: &mut Tally) -> bool {
        if !self.said {
            let Wire { socket, pinned, .. } = &mut self.wire;
            let Ok(flushed) = pinned.flush(socket) else { return true };
            tally.count(self.transport, flushed.bytes, flushed.frames as usize);
            self.said = flushed.all;
            if self.said && socket.shutdown(Shutdown::Write).is_err() {
                return true;
            }
        }
        !matches!(self.wire.hear(), Heard::Nothing)
    }
}
