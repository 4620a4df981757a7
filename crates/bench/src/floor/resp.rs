//! Reads the pushes of one PSUBSCRIBE, without allocating.

use std::io::{Read, Write};
use std::net::TcpStream;

use memchr::memchr;
use rustix::fd::{AsFd, BorrowedFd};
use rustix::io::Errno;

use crate::Result;

const BUFFER_BYTES: usize = 1024 * 1024;

/// One publication as Redis pushed it.
pub(super) struct Push<'a> {
    /// Without the prefix.
    pub(super) channel: &'a [u8],
    pub(super) data: &'a [u8],
}

/// A subscribed connection to Redis and what has been read but not used.
pub(super) struct RedisLink {
    socket: TcpStream,
    prefix_bytes: usize,
    buffer: Vec<u8>,
    filled: usize,
}

impl RedisLink {
    /// Subscribes to everything under the prefix and waits for Redis to say so.
    pub(super) fn subscribe(mut socket: TcpStream, prefix: &str) -> Result<RedisLink> {
        socket.set_nodelay(true)?;
        let pattern = format!("{prefix}*");
        write!(socket, "*2\r\n$10\r\nPSUBSCRIBE\r\n${}\r\n{pattern}\r\n", pattern.len())?;
        let wanted = format!("*3\r\n$10\r\npsubscribe\r\n${}\r\n{pattern}\r\n:1\r\n", pattern.len());
        let mut answer = vec![0; wanted.len()];
        socket.read_exact(&mut answer)?;
        if answer != wanted.as_bytes() {
            return Err(format!("Redis said {}", answer.escape_ascii()).into());
        }
        socket.set_nonblocking(true)?;
        Ok(RedisLink { socket, prefix_bytes: prefix.len(), buffer: vec![0; BUFFER_BYTES], filled: 0 })
    }

    pub(super) fn socket(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// Reads once and hands every push that is whole to `each`.
    pub(super) fn read(&mut self, mut each: impl FnMut(Push<'_>) -> Result<()>) -> Result<()> {
        match rustix::io::read(&self.socket, &mut self.buffer[self.filled..]) {
            Ok(0) => return Err("Redis hung up, or a publication is larger than the buffer".into()),
            Ok(length) => self.filled += length,
            Err(Errno::AGAIN | Errno::INTR) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
        let mut rest = &self.buffer[..self.filled];
        while let Some((channel, data, after)) = parse_pmessage(rest)? {
            let channel = channel.get(self.prefix_bytes..).unwrap_or_default();
            each(Push { channel, data })?;
            rest = after;
        }
        let used = self.filled - rest.len();
        self.buffer.copy_within(used..self.filled, 0);
        self.filled -= used;
        Ok(())
    }
}

/// The channel, the data and what follows them, if a whole push is there.
type Parsed<'a> = Option<(&'a [u8], &'a [u8], &'a [u8])>;

/// `*4 pmessage PATTERN CHANNEL DATA`: nothing else comes on this connection.
fn parse_pmessage(bytes: &[u8]) -> Result<Parsed<'_>> {
    let Some((count, rest)) = take_number(bytes, b'*')? else {
        return Ok(None);
    };
    if count != 4 {
        return Err("Redis pushed something else than a pmessage".into());
    }
    let mut parts = [&b""[..]; 4];
    let mut rest = rest;
    for part in &mut parts {
        let Some((length, after)) = take_number(rest, b'$')? else {
            return Ok(None);
        };
        let Some(after_part) = after.get(length + 2..) else {
            return Ok(None);
        };
        *part = &after[..length];
        rest = after_part;
    }
    Ok(Some((parts[2], parts[3], rest)))
}

/// A line with a type byte and a number, and what follows it.
fn take_number(bytes: &[u8], kind: u8) -> Result<Option<(usize, &[u8])>> {
    let Some(end) = memchr(b'\n', bytes) else {
        return Ok(None);
    };
    let digits = bytes[..end]
        .strip_suffix(b"\r")
        .and_then(|line| line.strip_prefix(&[kind]))
        .ok_or("Redis does not speak RESP2")?;
    let number = digits.iter().fold(0, |number, digit| number * 10 + usize::from(digit & 15));
    Ok(Some((number, &bytes[end + 1..])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_push_is_parsed_when_it_is_whole_and_not_before() {
        let push = b"*4\r\n$8\r\npmessage\r\n$3\r\np:*\r\n$4\r\np:c1\r\n$3\r\na\r\n\r\n";
        for cut in 0..push.len() {
            assert!(parse_pmessage(&push[..cut]).expect("RESP").is_none());
        }
        let (channel, data, rest) = parse_pmessage(push).expect("RESP").expect("whole");
        assert_eq!((channel, data, rest), (&b"p:c1"[..], &b"a\r\n"[..], &b""[..]));
    }

    #[test]
    fn something_else_is_refused() {
        assert!(parse_pmessage(b"-ERR no\r\n").is_err());
    }
}
