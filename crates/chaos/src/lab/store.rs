//! Redis: one alone, or a primary with a replica and three Sentinels.

use std::{process::Command, time::Duration};

use ::tests::{Redis, port::free_port, process::Process, wait_for};
use rustix::process::Signal;
use tempfile::TempDir;

use crate::{Result, broker::Broker};

/// What the Sentinels call the primary.
pub(super) const MASTER: &str = "mymaster";
/// A primary that is silent for so long is down.
const DOWN_AFTER: Duration = Duration::from_secs(1);

/// The Redis of a lab.
pub(crate) struct Store {
    /// The first primary.
    pub(crate) redis: Redis,
    /// What stands by, if anything does.
    pub(crate) guard: Option<Guard>,
    folder: TempDir,
}

/// A replica and the Sentinels.
pub(crate) struct Guard {
    pub(crate) replica: Redis,
    pub(crate) sentinels: Vec<u16>,
    processes: Vec<Process>,
    _folder: TempDir,
}

/// How to find the primary of the moment.
#[derive(Clone, Debug)]
pub(crate) enum Primary {
    At(u16),
    /// As the Sentinels at these ports say.
    AskedFrom(Vec<u16>),
}

impl Store {
    /// A Redis that keeps what the broker relies on: everything, on streams.
    pub(super) fn alone(broker: Broker) -> Result<Self> {
        let folder = TempDir::new()?;
        let redis = start(broker, &folder, &[]);
        Ok(Self { redis, guard: None, folder })
    }

    /// A primary, a replica of it that is in step, and Sentinels that know both.
    pub(super) fn guarded(broker: Broker) -> Result<Self> {
        let mut store = Self::alone(broker)?;
        let folder = TempDir::new()?;
        let port = store.redis.port().to_string();
        let replica = start(broker, &folder, &["--replicaof", "127.0.0.1", &port]);
        wait_for("the replica to be in step", || {
            info(&mut replica.connection(), "replication").contains("master_link_status:up")
        });
        let sentinels: Vec<u16> = (0..3).map(|_| free_port()).collect();
        let processes = sentinels
            .iter()
            .map(|&sentinel| start_sentinel(&store.folder, sentinel, store.redis.port()))
            .collect::<Result<_>>()?;
        for &sentinel in &sentinels {
            wait_for("a Sentinel to know the others and the replica", || knows_all(sentinel));
        }
        store.guard = Some(Guard { replica, sentinels, processes, _folder: folder });
        Ok(store)
    }

    /// How to find the primary.
    pub(crate) fn primary(&self) -> Primary {
        match &self.guard {
            Some(guard) => Primary::AskedFrom(guard.sentinels.clone()),
            None => Primary::At(self.redis.port()),
        }
    }
}

impl Guard {
    /// Whether the replica has taken the primary's place.
    pub(crate) fn has_promoted(&self) -> bool {
        Primary::AskedFrom(self.sentinels.clone()).port() == Some(self.replica.port())
            && info(&mut self.replica.connection(), "replication").contains("role:master")
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // All at once, so that none of them begins a failover.
        for process in &self.processes {
            process.signal(Signal::KILL);
        }
    }
}

impl Primary {
    /// Its port, if somebody knows it.
    pub(crate) fn port(&self) -> Option<u16> {
        let sentinels = match self {
            Self::At(port) => return Some(*port),
            Self::AskedFrom(sentinels) => sentinels,
        };
        sentinels.iter().find_map(|&sentinel| {
            let mut connection = connect(sentinel)?;
            let command = redis::cmd("SENTINEL").arg("get-master-addr-by-name").arg(MASTER).to_owned();
            let (_, port): (String, u16) = command.query(&mut connection).ok()?;
            Some(port)
        })
    }

    /// A connection to it that is known as ours, if it is there.
    pub(crate) fn connect(&self) -> Option<redis::Connection> {
        let mut connection = connect(self.port()?)?;
        redis::cmd("CLIENT").arg("SETNAME").arg(OURS).query::<()>(&mut connection).ok()?;
        Some(connection)
    }
}

/// The name of our own connections, which no scenario kills.
pub(crate) const OURS: &str = "chaos";

/// A section of INFO.
pub(crate) fn info(connection: &mut redis::Connection, section: &str) -> String {
    redis::cmd("INFO").arg(section).query(connection).unwrap_or_default()
}

fn connect(port: u16) -> Option<redis::Connection> {
    redis::Client::open(format!("redis://127.0.0.1:{port}")).ok()?.get_connection().ok()
}

fn start(broker: Broker, folder: &TempDir, more: &[&str]) -> Redis {
    let path = folder.path().to_string_lossy();
    let mut arguments = vec!["--dir", &*path];
    if broker == Broker::Stream {
        // What was acknowledged is on disk, so that a kill loses nothing.
        arguments.extend(["--appendonly", "yes", "--appendfsync", "always"]);
    }
    arguments.extend(more);
    Redis::with(&arguments)
}

/// A Sentinel writes what it learns into its configuration file.
fn start_sentinel(folder: &TempDir, port: u16, primary: u16) -> Result<Process> {
    let path = folder.path().join(format!("sentinel-{port}.conf"));
    let text = format!(
        "port {port}\nbind 127.0.0.1\nsentinel monitor {MASTER} 127.0.0.1 {primary} 2\n\
         sentinel down-after-milliseconds {MASTER} {}\nsentinel failover-timeout {MASTER} 10000\n",
        DOWN_AFTER.as_millis(),
    );
    std::fs::write(&path, text)?;
    Ok(Process::start(Command::new("redis-server").arg(path).arg("--sentinel")))
}

fn knows_all(sentinel: u16) -> bool {
    let count = |what: &str| -> usize {
        let Some(mut connection) = connect(sentinel) else { return 0 };
        let command = redis::cmd("SENTINEL").arg(what).arg(MASTER).to_owned();
        command.query::<Vec<redis::Value>>(&mut connection).map_or(0, |list| list.len())
    };
    count("sentinels") == 2 && count("replicas") == 1
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Instant};

    use super::*;
    use crate::{
        ledger::Ledger,
        publisher::{Load, Publisher},
    };

    #[test]
    fn a_publisher_follows_a_failover() {
        let mut store = Store::guarded(Broker::Stream).unwrap();
        let ledger = Arc::new(Ledger::new(1));
        let load = Load { rate: 100, data_bytes: 20, fillers: false };
        let mut publisher =
            Publisher::start(Broker::Stream, store.primary(), load, Arc::clone(&ledger)).unwrap();
        wait_for("publications", || ledger.total() > 10);
        store.redis.kill();
        wait_for("the promotion", || store.guard.as_ref().unwrap().has_promoted());
        let before = ledger.total();
        wait_for("publications after it", || ledger.total() > before + 10);
        store.redis.revive();
        let deadline = Instant::now() + Duration::from_secs(1);
        wait_for("a while", || Instant::now() > deadline);
        publisher.stop();
        let mut replica = store.guard.as_ref().unwrap().replica.connection();
        let length: u64 = redis::cmd("XLEN").arg("fanfare:@stream").query(&mut replica).unwrap();
        assert!(length >= ledger.total() - 5, "{length} of {}", ledger.total());
        assert!(publisher.failures() > 0);
    }
}
