//! A connection that is kept for several requests.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
};

use crate::http::{Answer, connect, parse};

/// One connection; answers are read by their length, so that none takes of the next.
pub struct Kept {
    stream: TcpStream,
    address: SocketAddr,
    bytes: Vec<u8>,
}

impl Kept {
    /// Connects.
    #[must_use]
    pub fn open(address: SocketAddr) -> Self {
        Self { stream: connect(address), address, bytes: Vec::new() }
    }

    /// Asks for something, and does not wait for the answer.
    ///
    /// # Panics
    /// The connection is broken.
    pub fn ask(&mut self, path: &str, headers: &[(&str, &str)]) {
        let mut head = format!("GET {path} HTTP/1.1\r\nHost: {}\r\n", self.address);
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        self.stream.write_all(format!("{head}\r\n").as_bytes()).expect("the connection is there");
    }

    /// The next answer.
    ///
    /// # Panics
    /// There is none.
    pub fn answer(&mut self) -> Answer {
        loop {
            if let Some((answer, length)) = whole(&self.bytes) {
                self.bytes.drain(..length);
                return answer;
            }
            let mut buffer = [0; 16 * 1024];
            let count = self.stream.read(&mut buffer).expect("an answer");
            assert!(count > 0, "the connection ended: {:?}", String::from_utf8_lossy(&self.bytes));
            self.bytes.extend_from_slice(&buffer[..count]);
        }
    }

    /// Waits until the other side has ended the connection.
    ///
    /// # Panics
    /// It sends something, or does not end it.
    pub fn expect_end(mut self) {
        assert_eq!(self.stream.read(&mut [0]).expect("an end"), 0, "the connection goes on");
    }
}

/// The first answer, if all of it is here, and its length.
fn whole(bytes: &[u8]) -> Option<(Answer, usize)> {
    let head = bytes.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let mut answer = parse(&bytes[..head])?;
    let length = answer.header("content-length").map_or(0, |length| length.parse().expect("a number"));
    let end = head + length;
    answer.body = bytes.get(head..end)?.to_vec();
    Some((answer, end))
}
