//! Publishes with commands written straight to a socket, as fast as Redis takes them.

use std::io::{Read, Write};
use std::net::{SocketAddrV4, TcpStream};

use super::{Way, sleep_until};
use crate::Result;
use crate::clock;
use crate::plan::Plan;
use crate::stamp::channel_name;

/// A block is written when it has this many bytes, so that Redis starts while we still encode.
const BLOCK_BYTES: usize = 64 * 1024;

/// A connection to Redis that hears no replies but the one at the end.
struct RawRedis {
    socket: TcpStream,
}

/// Publishes the whole plan; returns when Redis has taken it.
pub(super) fn publish(redis: SocketAddrV4, way: Way, plan: &Plan) -> Result<()> {
    let mut redis = RawRedis::connect(redis)?;
    let mut block = Vec::with_capacity(2 * BLOCK_BYTES);
    let mut due_nanos = clock::now_nanos();
    for burst in plan.bursts() {
        sleep_until(due_nanos);
        for &item in burst {
            way.append(&mut block, &channel_name(item.channel), &item.data());
            if block.len() >= BLOCK_BYTES {
                redis.write(&block)?;
                block.clear();
            }
        }
        redis.write(&block)?;
        block.clear();
        due_nanos += plan.every.as_nanos() as u64;
    }
    redis.finish()
}

impl RawRedis {
    /// Connects and turns replies off: they would cost Redis as much as the commands.
    fn connect(redis: SocketAddrV4) -> Result<RawRedis> {
        let mut socket = TcpStream::connect(redis)?;
        socket.set_nodelay(true)?;
        socket.write_all(b"CLIENT REPLY OFF\r\n")?;
        Ok(RawRedis { socket })
    }

    fn write(&mut self, commands: &[u8]) -> Result<()> {
        Ok(self.socket.write_all(commands)?)
    }

    /// Waits until Redis has carried out everything that was written.
    fn finish(mut self) -> Result<()> {
        self.socket.write_all(b"CLIENT REPLY ON\r\n")?;
        let mut reply = [0; 5];
        self.socket.read_exact(&mut reply)?;
        match &reply {
            b"+OK\r\n" => Ok(()),
            other => Err(format!("Redis said {}", other.escape_ascii()).into()),
        }
    }
}
