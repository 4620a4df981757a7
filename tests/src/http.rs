//! HTTP/1.1 by hand, so that no client library stands between a test and the wire.

use std::{
    io::{Read, Write},
    net::{IpAddr, SocketAddr, TcpStream},
};

use socket2::{Domain, Socket, Type};

use crate::wait::PATIENCE;

/// A whole answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// Header lines, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, without its transfer coding.
    pub body: Vec<u8>,
}

impl Answer {
    /// The value of a header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| &**value)
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// It is none.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("this should be JSON: {self:?}"))
    }

    /// The code of an error.
    ///
    /// # Panics
    /// The body is no error of the gateway.
    #[must_use]
    pub fn error_code(&self) -> String {
        self.json()["error"]["code"].as_str().expect("an error has a code").to_owned()
    }
}

/// Sends a request on a connection of its own and reads the whole answer.
///
/// # Panics
/// There is no answer.
#[must_use]
pub fn request(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Answer {
    let mut stream = connect(address);
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n");
    if !body.is_empty() || method == "POST" {
        head.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    let _ = stream.write_all(&[head.as_bytes(), body].concat());
    let mut bytes = Vec::new();
    let read = stream.read_to_end(&mut bytes);
    parse(&bytes).unwrap_or_else(|| {
        panic!("{method} {path}: no answer ({read:?}): {:?}", String::from_utf8_lossy(&bytes))
    })
}

/// Sends bytes as they are and reads until the other side closes.
///
/// # Panics
/// Nobody listens.
#[must_use]
pub fn raw(address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut stream = connect(address);
    let _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    answer
}

/// Reads and forgets so many answers without bodies of note from a kept connection.
///
/// # Panics
/// They do not come.
pub fn read_answers(stream: &mut TcpStream, count: usize) {
    let (mut bytes, mut buffer) = (Vec::new(), [0; 16 * 1024]);
    while bytes.windows(9).filter(|window| window == b"HTTP/1.1 ").count() < count {
        let read = stream.read(&mut buffer).expect("answers");
        assert!(read > 0, "the connection ended");
        bytes.extend_from_slice(&buffer[..read]);
    }
}

/// Reads from a connection until one of these parts has come, or it has ended.
///
/// # Panics
/// Neither comes.
pub fn read_until(stream: &mut TcpStream, parts: &[&str]) -> String {
    let (mut said, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        let count = stream.read(&mut buffer).expect("something to read");
        said.extend_from_slice(&buffer[..count]);
        let text = String::from_utf8_lossy(&said);
        if count == 0 || parts.iter().any(|part| text.contains(part)) {
            return text.into_owned();
        }
    }
}

/// A connection that gives up after [`PATIENCE`].
///
/// # Panics
/// Nobody listens.
#[must_use]
pub fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("somebody listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout can be set");
    stream
}

/// A connection from an address of one's own, such as 127.0.0.2.
///
/// # Panics
/// Nobody listens.
#[must_use]
pub fn connect_from(source: IpAddr, address: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None).expect("a socket");
    socket.bind(&SocketAddr::new(source, 0).into()).expect("an address of this machine");
    socket.connect(&address.into()).expect("somebody listens");
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout can be set");
    stream
}

/// An answer from all of its bytes; `None` if they are no answer.
#[must_use]
pub fn parse(bytes: &[u8]) -> Option<Answer> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = head.lines();
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let header = |line: &str| {
        let (name, value) = line.split_once(':')?;
        Some((name.to_ascii_lowercase(), value.trim().to_owned()))
    };
    let headers: Vec<_> = lines.filter_map(header).collect();
    let chunked = headers.iter().any(|(name, value)| name == "transfer-encoding" && value == "chunked");
    let rest = &bytes[end + 4..];
    let body = if chunked { unchunk(rest).0 } else { rest.to_vec() };
    Some(Answer { status, headers, body })
}

/// The content of as many whole chunks as there are, how many bytes those took, and whether the
/// last chunk was among them.
#[must_use]
pub fn unchunk(bytes: &[u8]) -> (Vec<u8>, usize, bool) {
    let (mut content, mut used) = (Vec::new(), 0);
    while let Some(line) = bytes[used..].windows(2).position(|window| window == b"\r\n") {
        let text = String::from_utf8_lossy(&bytes[used..used + line]).into_owned();
        let Ok(size) = usize::from_str_radix(text.trim(), 16) else { break };
        let start = used + line + 2;
        let Some(chunk) = bytes.get(start..start + size + 2) else { break };
        content.extend_from_slice(&chunk[..size]);
        used = start + size + 2;
        if size == 0 {
            return (content, used, true);
        }
    }
    (content, used, false)
}
