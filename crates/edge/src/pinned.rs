//! What was promised to a socket and must be written before anything else: a head, a gap, the rest
//! of a frame that was cut.

use std::{collections::VecDeque, io};

use bytes::{Buf, Bytes};
use mio::net::TcpStream;

use crate::wire::write;

/// Parts in order; large ones are shared between sessions. Costs a pointer while there is nothing.
#[derive(Default)]
pub(crate) struct Pinned(Option<Box<Parts>>);

#[derive(Default)]
struct Parts {
    queue: VecDeque<Bytes>,
    bytes: usize,
    /// Publications that are delivered once all is written.
    frames: u32,
}

/// What a flush has come to.
pub(crate) struct Flushed {
    /// Bytes that the kernel took.
    pub(crate) bytes: usize,
    /// Publications that are now delivered.
    pub(crate) frames: u32,
    /// Nothing is left.
    pub(crate) all: bool,
}

impl Pinned {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// How much is to be written.
    pub(crate) fn bytes(&self) -> usize {
        self.0.as_ref().map_or(0, |parts| parts.bytes)
    }

    /// Adds a part that ends `frames` publications.
    pub(crate) fn push(&mut self, part: Bytes, frames: u32) {
        if part.is_empty() {
            return;
        }
        let parts = self.0.get_or_insert_default();
        parts.bytes += part.len();
        parts.queue.push_back(part);
        parts.frames += frames;
    }

    /// Writes as much as the socket takes now.
    ///
    /// # Errors
    /// The connection is broken.
    pub(crate) fn flush(&mut self, socket: &mut TcpStream) -> io::Result<Flushed> {
        let mut bytes = 0;
        let Some(parts) = &mut self.0 else { return Ok(Flushed { bytes, frames: 0, all: true }) };
        while let Some(part) = parts.queue.front_mut() {
            let count = write(socket, part)?;
            bytes += count;
            parts.bytes -= count;
            part.advance(count);
            if !part.is_empty() {
                return Ok(Flushed { bytes, frames: 0, all: false });
            }
            parts.queue.pop_front();
        }
        let frames = parts.frames;
        self.0 = None;
        Ok(Flushed { bytes, frames, all: true })
    }
}
