//! Publications that nobody wants: at the highest rate that Redis can offer, or at a given one.

use std::io::{Read, Write};
use std::net::{SocketAddrV4, TcpStream};
use std::thread;
use std::time::Duration;

use memchr::memchr_iter;

use super::{Way, sleep_until};
use crate::Result;
use crate::clock;
use crate::stamp::DATA_BYTES;

/// They are spread over as many channels.
const CHANNELS: usize = 100;
/// One block is made once and written again and again: the publisher must not be the limit.
const BLOCK_PUBLICATIONS: usize = 1_000;

/// Blocks of publications, one after the other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flood {
    way: Way,
    per_block: usize,
    blocks: u64,
    /// From one block to the next.
    every: Duration,
}

impl Flood {
    /// About `count` publications (whole blocks) as fast as Redis takes them.
    pub(crate) fn fast(way: Way, count: u64) -> Flood {
        let blocks = count.div_ceil(BLOCK_PUBLICATIONS as u64);
        Flood { way, per_block: BLOCK_PUBLICATIONS, blocks, every: Duration::ZERO }
    }

    /// `per_block` publications at a time, `every` so often, for so long.
    pub(crate) fn paced(way: Way, per_block: usize, every: Duration, time: Duration) -> Flood {
        let blocks = time.div_duration_f64(every) as u64;
        Flood { way, per_block, blocks, every }
    }

    /// How many publications it has.
    pub(crate) fn count(self) -> u64 {
        self.blocks * self.per_block as u64
    }

    /// Publishes all; returns when Redis has answered them. Answers are heard, as every backend's
    /// client hears them: without them Redis would push faster than any subscriber can read, and
    /// cut it off.
    pub(crate) fn publish(self, redis: SocketAddrV4) -> Result<()> {
        let mut socket = TcpStream::connect(redis)?;
        socket.set_nodelay(true)?;
        let answers = socket.try_clone()?;
        let lines = self.count() * self.way.answer_lines();
        let hearing = thread::spawn(move || hear(answers, lines));
        let block = self.block();
        let mut due_nanos = clock::now_nanos();
        for _ in 0..self.blocks {
            if !self.every.is_zero() {
                sleep_until(due_nanos);
                due_nanos += self.every.as_nanos() as u64;
            }
            socket.write_all(&block)?;
        }
        hearing.join().map_err(|_| "the publisher panicked")?
    }

    fn block(self) -> Vec<u8> {
        let mut block = Vec::new();
        for number in 0..self.per_block {
            let channel = format!("unwanted/{}", number % CHANNELS);
            self.way.append(&mut block, &channel, &[b'x'; DATA_BYTES]);
        }
        block
    }
}

/// Reads so many lines.
fn hear(mut answers: TcpStream, lines: u64) -> Result<()> {
    let mut buffer = vec![0; 64 * 1024];
    let mut heard = 0;
    while heard < lines {
        match answers.read(&mut buffer)? {
            0 => return Err("Redis hung up on the publisher".into()),
            length => heard += memchr_iter(b'\n', &buffer[..length]).count() as u64,
        }
    }
    Ok(())
}
