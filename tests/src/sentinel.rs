//! A primary, a replica, and a Sentinel that watches them; all real.

use std::{collections::HashMap, net::SocketAddr, process::Command};

use tempfile::TempDir;

use crate::{
    gateway::{Gateway, Plan},
    port::free_port,
    process::Process,
    proxy::Proxy,
    redis::Redis,
    wait::wait_for,
};

/// What the Sentinel calls the primary.
const NAME: &str = "fanfare-test";

/// The three of them.
pub struct Watched {
    /// The primary at first.
    pub primary: Redis,
    /// Its replica at first.
    pub replica: Redis,
    /// What the replica follows the primary through.
    pub between: Proxy,
    port: u16,
    _sentinel: Process,
    _folder: TempDir,
}

impl Watched {
    /// Starts them, and waits until they know each other.
    ///
    /// # Panics
    /// They do not come up.
    #[must_use]
    pub fn start() -> Self {
        let primary = Redis::with(&["--repl-diskless-sync-delay", "0"]);
        let between = Proxy::to(local(primary.port()));
        let replica = Redis::with(&["--replicaof", "127.0.0.1", &between.address().port().to_string()]);
        wait_for("the replica to follow", || info(&replica).contains("master_link_status:up"));
        let (folder, port) = (TempDir::new().expect("a temporary folder"), free_port());
        let file = folder.path().join("sentinel.conf");
        let text = format!(
            "port {port}\nbind 127.0.0.1\nsentinel monitor {NAME} 127.0.0.1 {} 1\n\
             sentinel down-after-milliseconds {NAME} 500\n",
            primary.port()
        );
        std::fs::write(&file, text).expect("it can be written");
        let sentinel = Process::start(Command::new("redis-server").arg(&file).arg("--sentinel"));
        let watched = Self { primary, replica, between, port, _sentinel: sentinel, _folder: folder };
        wait_for("the Sentinel to know the replica", || {
            let replicas: redis::RedisResult<Vec<HashMap<String, String>>> = watched.ask(&["replicas", NAME]);
            replicas.is_ok_and(|replicas| replicas.len() == 1 && replicas[0]["master-link-status"] == "ok")
        });
        watched
    }

    /// A gateway of this kind that asks the Sentinel; another one that it is told of is not there.
    #[must_use]
    pub fn plan(&self, kind: &str) -> Plan {
        let sentinels = format!("[\"redis://127.0.0.1:1\", \"redis://127.0.0.1:{}\"]", self.port);
        Gateway::plan_on(1)
            .set("broker.kind", &format!("{kind:?}"))
            .set("broker.redis.sentinels", &sentinels)
            .set("broker.redis.sentinel_master", &format!("{NAME:?}"))
    }

    /// Waits until the replica has everything that the primary has.
    ///
    /// # Panics
    /// It does not get it.
    pub fn wait_until_in_step(&self) {
        // What is waited for is what this very connection wrote, and all that came before it.
        let mut pipeline = redis::pipe();
        pipeline.cmd("SET").arg("in step").arg("yes").ignore().cmd("WAIT").arg(1).arg(10_000);
        let replicas: (u64,) = pipeline.query(&mut self.primary.connection()).expect("Redis does it");
        assert_eq!(replicas, (1,));
    }

    /// Kills the primary, and waits until the replica has taken its place.
    pub fn fail_over(&mut self) {
        self.primary.kill();
        self.wait_for_failover();
    }

    /// Has the Sentinel exchange the two while both work.
    ///
    /// # Panics
    /// The Sentinel refuses.
    pub fn exchange(&self) {
        self.ask::<()>(&["failover", NAME]).expect("the Sentinel does it");
        self.wait_for_failover();
    }

    fn wait_for_failover(&self) {
        wait_for("the Sentinel to name the replica", || {
            let address: redis::RedisResult<(String, u16)> = self.ask(&["get-master-addr-by-name", NAME]);
            address.is_ok_and(|(_, port)| port == self.replica.port())
        });
        wait_for("the replica to be the primary", || info(&self.replica).contains("role:master"));
    }

    fn ask<T: redis::FromRedisValue>(&self, words: &[&str]) -> redis::RedisResult<T> {
        let client = redis::Client::open(format!("redis://127.0.0.1:{}", self.port))?;
        redis::cmd("SENTINEL").arg(words).query(&mut client.get_connection()?)
    }
}

fn info(redis: &Redis) -> String {
    let info = redis.command(&["INFO", "replication"]);
    redis::from_redis_value(info).expect("it is text")
}

fn local(port: u16) -> SocketAddr {
    ([127, 0, 0, 1], port).into()
}
