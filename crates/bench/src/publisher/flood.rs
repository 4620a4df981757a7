//! Publications that nobody wants, at the highest rate that Redis can offer.

use std::io::{Read, Write};
use std::net::{SocketAddrV4, TcpStream};
use std::thread;

use memchr::memchr_iter;

use super::raw::append_publish;
use crate::Result;
use crate::stamp::DATA_BYTES;

/// They are spread over as many channels.
const CHANNELS: usize = 100;
/// One block is made once and written again and again: the publisher must not be the limit.
const BLOCK_PUBLICATIONS: usize = 1_000;

/// Publishes about `count` publications (whole blocks) and says how many; returns when Redis
/// has answered them all. Answers are heard, as every backend's client hears them: without them
/// Redis would push faster than any subscriber can read, and cut it off.
pub(crate) fn flood(redis: SocketAddrV4, count: u64) -> Result<u64> {
    let blocks = count.div_ceil(BLOCK_PUBLICATIONS as u64);
    let publications = blocks * BLOCK_PUBLICATIONS as u64;
    let mut socket = TcpStream::connect(redis)?;
    let answers = socket.try_clone()?;
    let hearing = thread::spawn(move || hear(answers, publications));
    let block = block();
    for _ in 0..blocks {
        socket.write_all(&block)?;
    }
    hearing.join().map_err(|_| "the publisher panicked")??;
    Ok(publications)
}

fn block() -> Vec<u8> {
    let mut block = Vec::new();
    for number in 0..BLOCK_PUBLICATIONS {
        let channel = format!("unwanted/{}", number % CHANNELS);
        append_publish(&mut block, &channel, &[b'x'; DATA_BYTES]);
    }
    block
}

/// Reads one line for each publication.
fn hear(mut answers: TcpStream, publications: u64) -> Result<()> {
    let mut buffer = vec![0; 64 * 1024];
    let mut heard = 0;
    while heard < publications {
        match answers.read(&mut buffer)? {
            0 => return Err("Redis hung up on the publisher".into()),
            length => heard += memchr_iter(b'\n', &buffer[..length]).count() as u64,
        }
    }
    Ok(())
}
