//! A browser on a WebSocket (RFC 6455), by hand: it can also say what no browser would.

mod frame;

use std::{
    hash::{BuildHasher, Hasher, RandomState},
    io::{self, Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
};

use data_encoding::BASE64;
use serde_json::Value;
use sha1_smol::Sha1;

use crate::{
    gateway::Gateway,
    http::{Answer, connect, parse},
    kept::Kept,
    wait::PATIENCE,
};

pub use self::frame::{Frame, Width};

/// What the server appends to the key before it hashes it.
const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// An open connection.
pub struct WebSocket {
    stream: TcpStream,
    bytes: Vec<u8>,
}

impl WebSocket {
    /// Subscribes, and reads nothing but the answer to the handshake.
    ///
    /// # Panics
    /// It is refused.
    #[must_use]
    pub fn open(address: SocketAddr, query: &str) -> Self {
        let key = draw_key();
        Self::begin(address, &[&request(address, &format!("/events?{query}"), &headers(&key))], &key)
    }

    /// Subscribes, and waits until the session has begun.
    ///
    /// # Panics
    /// It does not.
    #[must_use]
    pub fn enter(gateway: &Gateway, query: &str) -> Self {
        let mut socket = Self::open(gateway.public(), query);
        socket.expect_event("open");
        socket
    }

    /// What a request is answered with; whatever else comes meanwhile is passed over.
    pub fn ask(&mut self, request: Value) -> Value {
        let reference = request["ref"].clone();
        self.send_json(request);
        loop {
            let message = self.message();
            if message["event"].is_null() && message["ref"] == reference {
                return message;
            }
        }
    }

    /// Sends these bytes, each on its way before the next, which begin with a handshake by this key.
    ///
    /// # Panics
    /// It is refused.
    #[must_use]
    pub fn begin<T: AsRef<[u8]>>(address: SocketAddr, pieces: &[T], key: &str) -> Self {
        let mut stream = connect(address);
        stream.set_nodelay(true).expect("a socket that sends at once");
        stream.set_write_timeout(Some(PATIENCE)).expect("a timeout can be set");
        for piece in pieces {
            stream.write_all(piece.as_ref()).expect("the handshake is taken");
        }
        let mut socket = Self { stream, bytes: Vec::new() };
        assert_accepted(&socket.head(), key);
        socket
    }

    /// The answer to a handshake that is to be refused.
    #[must_use]
    pub fn handshake(address: SocketAddr, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut connection = Kept::open(address);
        connection.ask(path, headers);
        connection.answer()
    }

    fn head(&mut self) -> Answer {
        loop {
            if let Some(end) = self.bytes.windows(4).position(|window| window == b"\r\n\r\n") {
                let head: Vec<u8> = self.bytes.drain(..end + 4).collect();
                return parse(&head).unwrap_or_else(|| panic!("{:?}", String::from_utf8_lossy(&head)));
            }
            assert!(self.fill(), "no answer: {:?}", String::from_utf8_lossy(&self.bytes));
        }
    }

    /// Sends a text message.
    pub fn send(&mut self, text: &str) {
        self.send_raw(&Frame::new(Frame::TEXT, text).masked());
    }

    /// Sends a text message of JSON.
    pub fn send_json(&mut self, message: Value) {
        self.send(&message.to_string());
    }

    /// Sends bytes as they are. Whether somebody takes them shows in what is read afterwards.
    pub fn send_raw(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
    }

    /// Ends the client's side of the connection; the server's goes on.
    ///
    /// # Panics
    /// It has ended already.
    pub fn end(&self) {
        self.stream.shutdown(Shutdown::Write).expect("a connection to end");
    }

    /// The next frame, or `None` at the end of the connection.
    ///
    /// # Panics
    /// Neither comes, or a frame that no server may send.
    pub fn frame(&mut self) -> Option<Frame> {
        loop {
            if let Some((frame, length)) = Frame::read(&self.bytes) {
                self.bytes.drain(..length);
                return Some(frame);
            }
            if !self.fill() {
                assert!(self.bytes.is_empty(), "the connection ended in a frame: {:02x?}", self.bytes);
                return None;
            }
        }
    }

    /// The next text message, as JSON. Pings are answered meanwhile, pongs skipped.
    ///
    /// # Panics
    /// Something else comes.
    pub fn message(&mut self) -> Value {
        let frame = self.data().unwrap_or_else(|| panic!("the connection ended instead of a message"));
        assert!(frame.opcode == Frame::TEXT && frame.fin, "this should be a whole text: {frame:?}");
        frame.json()
    }

    /// Expects a control message, heartbeats aside.
    ///
    /// # Panics
    /// Something else comes.
    pub fn expect_event(&mut self, name: &str) -> Value {
        let message = loop {
            let message = self.message();
            if message["event"] != "fanfare.cursor" {
                break message;
            }
        };
        assert_eq!(message["event"], format!("fanfare.{name}"), "{message}");
        message
    }

    /// Closes, and waits until the server has closed too. Returns the server's code.
    ///
    /// # Panics
    /// The server does not answer, or does not end the connection.
    pub fn close(mut self, code: u16, reason: &str) -> Option<u16> {
        self.send_raw(&Frame::close(code, reason).masked());
        let (code, _) = self.read_close();
        self.expect_end();
        code
    }

    /// Waits until the server closes, answers, and waits for the end. Returns its code and reason.
    ///
    /// # Panics
    /// The server does not close, or does not end the connection.
    pub fn expect_close(&mut self) -> (Option<u16>, String) {
        let (code, reason) = self.read_close();
        self.send_raw(
            &Frame::new(Frame::CLOSE, code.map_or(Vec::new(), |code| code.to_be_bytes().to_vec())).masked(),
        );
        self.expect_end();
        (code, reason)
    }

    /// Waits until the server has ended the connection.
    ///
    /// # Panics
    /// It sends something, or does not end it.
    pub fn expect_end(&mut self) {
        assert_eq!(self.frame(), None, "nothing comes after a close");
    }

    fn read_close(&mut self) -> (Option<u16>, String) {
        loop {
            let frame = self.data().unwrap_or_else(|| panic!("the connection ended without a close"));
            if frame.opcode == Frame::CLOSE {
                return frame.closing();
            }
            assert_eq!(frame.opcode, Frame::TEXT, "{frame:?}");
        }
    }

    /// The next frame but pings, which are answered, and pongs.
    fn data(&mut self) -> Option<Frame> {
        loop {
            let frame = self.frame()?;
            match frame.opcode {
                Frame::PING => self.send_raw(&Frame::new(Frame::PONG, frame.payload).masked()),
                Frame::PONG => {}
                _ => return Some(frame),
            }
        }
    }

    /// Reads some more; false at the end, also where what was sent in vain has cut the connection.
    fn fill(&mut self) -> bool {
        let mut buffer = [0; 16 * 1024];
        match self.stream.read(&mut buffer) {
            Ok(count) => {
                self.bytes.extend_from_slice(&buffer[..count]);
                count > 0
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                panic!("nothing came in time, but {:02x?}", self.bytes)
            }
            Err(_) => false,
        }
    }
}

/// A request for an upgrade, or for whatever these headers ask.
#[must_use]
pub fn request(address: SocketAddr, path: &str, headers: &[(&str, &str)]) -> Vec<u8> {
    let lines: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n{lines}\r\n").into_bytes()
}

/// What a browser asks an upgrade with.
#[must_use]
pub fn headers(key: &str) -> [(&str, &str); 4] {
    [
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Key", key),
        ("Sec-WebSocket-Version", "13"),
    ]
}

/// A key that no connection had before.
#[must_use]
pub fn draw_key() -> String {
    let halves = [0; 2].map(|_| RandomState::new().build_hasher().finish().to_be_bytes());
    BASE64.encode(halves.as_flattened())
}

fn assert_accepted(answer: &Answer, key: &str) {
    assert_eq!(answer.status, 101, "{answer:?}");
    let is = |name, value| answer.header(name).is_some_and(|is: &str| is.eq_ignore_ascii_case(value));
    assert!(is("upgrade", "websocket") && is("connection", "upgrade"), "{answer:?}");
    let digest = Sha1::from(format!("{key}{GUID}")).digest().bytes();
    assert_eq!(answer.header("sec-websocket-accept"), Some(&*BASE64.encode(&digest)), "for the key {key}");
    assert_eq!(answer.header("sec-websocket-extensions"), None, "nobody asked for any that it knows");
}
