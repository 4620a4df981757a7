//! One GET, for what is asked once and not measured.

use std::io::{Read, Write};
use std::net::{SocketAddrV4, TcpStream};
use std::time::Duration;

use crate::Result;
use crate::stream::{AnswerReader, Head};

const LIMIT: Duration = Duration::from_secs(5);

/// The answer's head, with the body as rest. `header`: one more, as `Name: value`.
pub(crate) fn get(server: SocketAddrV4, target: &str, header: Option<&str>) -> Result<Head> {
    let mut socket = TcpStream::connect(server)?;
    socket.set_read_timeout(Some(LIMIT))?;
    let header = header.map_or(String::new(), |header| format!("{header}\r\n"));
    write!(socket, "GET {target} HTTP/1.1\r\nHost: {server}\r\n{header}\r\n")?;
    let mut reader = AnswerReader::default();
    let mut buffer = [0; 4_096];
    loop {
        let length = socket.read(&mut buffer)?;
        if length == 0 {
            return Err("the server hung up".into());
        }
        if let Some(answer) = reader.take(&buffer[..length]).map_err(|rule| rule.0)? {
            return Ok(answer);
        }
    }
}
