//! Publishes to Nchan by pipelined POSTs over one keep-alive connection.

use std::io::{Read, Write};
use std::net::{SocketAddrV4, TcpStream};

use memchr::memmem;

use super::sleep_until;
use crate::Result;
use crate::clock;
use crate::plan::{Item, Plan};
use crate::stamp::channel_name;

/// Requests that nginx has not answered yet. More made it no faster.
const MAX_OPEN_REQUESTS: usize = 32;
/// Every answer starts with it; its body cannot hold it.
const ANSWER: &[u8] = b"HTTP/1.1 20";

/// Publishes the whole plan; returns when nginx has answered everything.
pub(super) fn publish(server: SocketAddrV4, plan: &Plan) -> Result<()> {
    let mut socket = TcpStream::connect(server)?;
    socket.set_nodelay(true)?;
    let mut due_nanos = clock::now_nanos();
    for burst in plan.bursts() {
        sleep_until(due_nanos);
        for items in burst.chunks(MAX_OPEN_REQUESTS) {
            let requests: Vec<u8> = items.iter().flat_map(|&item| request(item)).collect();
            socket.write_all(&requests)?;
            await_answers(&mut socket, items.len())?;
        }
        due_nanos += plan.every.as_nanos() as u64;
    }
    Ok(())
}

fn request(item: Item) -> Vec<u8> {
    let data = item.data();
    let mut request = format!(
        "POST /publish?channel={} HTTP/1.1\r\nHost: nchan\r\nContent-Length: {}\r\n\r\n",
        channel_name(item.channel),
        data.len(),
    )
    .into_bytes();
    request.extend_from_slice(&data);
    request
}

fn await_answers(socket: &mut TcpStream, count: usize) -> Result<()> {
    let mut answers = Vec::new();
    let mut buffer = [0; 16 * 1024];
    while memmem::find_iter(&answers, ANSWER).count() < count {
        match socket.read(&mut buffer)? {
            0 => return Err("nginx hung up on the publisher".into()),
            length => answers.extend_from_slice(&buffer[..length]),
        }
    }
    Ok(())
}
