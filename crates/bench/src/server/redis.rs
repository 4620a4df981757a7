//! The Redis server of a benchmark: its own, without persistence.

use std::io::{Read, Write};
use std::net::{SocketAddrV4, TcpStream};
use std::path::Path;
use std::process::Command;

use crate::Result;
use crate::child::{Child, free_address, listens};

/// A running Redis with default limits.
pub(crate) struct Redis {
    /// Where it listens.
    pub(crate) address: SocketAddrV4,
    child: Child,
}

/// What Redis holds for one subscriber.
#[derive(Clone, Copy, Debug)]
pub(crate) enum SubscriberLimit {
    /// As Redis comes: the gateway must do with it.
    Default,
    /// More than any scenario publishes.
    High,
}

impl Redis {
    /// Starts it on a free port.
    pub(crate) fn start(directory: &Path) -> Result<Redis> {
        let address = free_address()?;
        let mut command = Command::new("redis-server");
        command
            .args(["--bind", &address.ip().to_string()])
            .args(["--port", &address.port().to_string()])
            .args(["--save", "", "--appendonly", "no", "--logfile", "redis-server.log"])
            .arg("--dir")
            .arg(directory);
        let mut child = Child::start("redis", &mut command, directory)?;
        child.wait_until(|| listens(address))?;
        Ok(Redis { address, child })
    }

    /// Sets how much Redis holds for a subscriber that falls behind before it cuts it off.
    pub(crate) fn limit_subscribers(&self, limit: SubscriberLimit) -> Result<()> {
        let setting = match limit {
            SubscriberLimit::Default => "pubsub 32mb 8mb 60",
            SubscriberLimit::High => "pubsub 1gb 0 0",
        };
        let mut socket = TcpStream::connect(self.address)?;
        write!(socket, "CONFIG SET client-output-buffer-limit \"{setting}\"\r\n")?;
        let mut answer = [0; 5];
        socket.read_exact(&mut answer)?;
        match &answer {
            b"+OK\r\n" => Ok(()),
            other => Err(format!("Redis said {}", other.escape_ascii()).into()),
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.pid()
    }
}
