//! The Redis server of a benchmark: its own, without persistence.

use std::net::SocketAddrV4;
use std::path::Path;
use std::process::Command;

use ::redis::{Client, Connection, cmd};

use crate::Result;
use crate::child::{Child, free_address, listens};
use crate::publisher::STREAM;

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
        let mut command = cmd("CONFIG");
        command.arg("SET").arg("client-output-buffer-limit").arg(setting);
        Ok(command.exec(&mut self.connect()?)?)
    }

    /// Begins a stream anew: there is none.
    pub(crate) fn forget_stream(&self) -> Result<()> {
        Ok(cmd("UNLINK").arg(STREAM).exec(&mut self.connect()?)?)
    }

    /// How many XRANGE and XREVRANGE there were, by Redis's own account.
    pub(crate) fn range_commands(&self) -> Result<u64> {
        let stats: String = cmd("INFO").arg("commandstats").query(&mut self.connect()?)?;
        Ok(["cmdstat_xrange", "cmdstat_xrevrange"].into_iter().map(|name| calls(&stats, name)).sum())
    }

    fn connect(&self) -> Result<Connection> {
        Ok(Client::open(format!("redis://{}", self.address))?.get_connection()?)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.pid()
    }
}

/// The calls of one command; none if it is not mentioned.
fn calls(stats: &str, name: &str) -> u64 {
    let line = stats.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(":calls="));
    line.and_then(|line| line.split(',').next()?.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_found_by_their_whole_name() {
        let stats =
            "# Commandstats\r\ncmdstat_xrevrange:calls=7,usec=9\r\ncmdstat_xrange:calls=12,usec=3\r\n";
        assert_eq!(calls(stats, "cmdstat_xrange"), 12);
        assert_eq!(calls(stats, "cmdstat_xrevrange"), 7);
        assert_eq!(calls(stats, "cmdstat_xread"), 0);
    }
}
