//! A real watcher: the binary's `watch`, with a configuration of its own.

use std::{
    net::SocketAddr,
    process::{Command, Output},
};

use rustix::process::Signal;
use tempfile::NamedTempFile;

use crate::{
    gateway::{Gateway, binary},
    http,
    process::Process,
    redis::Redis,
    wait::wait_for,
};

/// A running watcher.
pub struct Watcher {
    process: Process,
    admin: SocketAddr,
    config: NamedTempFile,
}

/// One that is to be started, or to be run once.
#[derive(Clone)]
pub struct Plan {
    broker: String,
    lines: String,
    queries: String,
}

impl Watcher {
    /// One to be configured, that publishes by a broker, as `[broker]`'s lines say.
    fn plan(broker: String) -> Plan {
        Plan { broker, lines: "admin = \"127.0.0.1:0\"\n".to_owned(), queries: String::new() }
    }

    /// One that adds to the stream in a Redis.
    #[must_use]
    pub fn on_stream(redis: &Redis) -> Plan {
        Self::by_redis("redis-stream", redis)
    }

    /// One that publishes by PUBLISH in a Redis.
    #[must_use]
    pub fn on_pubsub(redis: &Redis) -> Plan {
        Self::by_redis("redis-pubsub", redis)
    }

    fn by_redis(kind: &str, redis: &Redis) -> Plan {
        let port = redis.port();
        Self::plan(format!(
            "kind = \"{kind}\"\nredis.url = \"redis://127.0.0.1:{port}\"\nredis.timeout = \"1s\"\n"
        ))
    }

    /// One that publishes over HTTP to a gateway.
    #[must_use]
    pub fn to(gateway: &Gateway) -> Plan {
        let plan = Self::plan(String::new());
        plan.set("to", &format!("\"http://{}\"", gateway.public()))
    }

    /// Where its metrics are.
    #[must_use]
    pub fn admin(&self) -> SocketAddr {
        self.admin
    }

    /// The process.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// One metric's value, by its name with labels; 0 if it is not there.
    #[must_use]
    pub fn metric(&self, name: &str) -> f64 {
        metric(&self.metrics(), name)
    }

    /// All metrics, as of one moment.
    #[must_use]
    pub fn metrics(&self) -> String {
        http::request(self.admin, "GET", "/metrics", &[], b"").text()
    }

    /// How often a query has been run to this outcome.
    #[must_use]
    pub fn runs(&self, query: &str, outcome: &str) -> f64 {
        self.metric(&format!("fanfare_watch_runs_total{{outcome=\"{outcome}\",query=\"{query}\"}}"))
    }

    /// Waits until two whole runs more have come to this outcome: the second began after this was called.
    pub fn wait_for_runs(&self, query: &str, outcome: &str) {
        let before = self.runs(query, outcome);
        wait_for(&format!("runs of {query} to be {outcome}"), || self.runs(query, outcome) >= before + 2.0);
    }

    /// Waits until it has logged a line with this part.
    pub fn wait_for_line(&self, part: &str) {
        drop(self.process.wait_for_line(part));
    }

    /// What `/readyz` says.
    #[must_use]
    pub fn state(&self) -> String {
        http::request(self.admin, "GET", "/readyz", &[], b"").text().trim_end().to_owned()
    }

    /// Waits until it is the one that publishes.
    pub fn wait_until_active(&self) {
        wait_for("the watcher to watch", || self.state() == "watching");
    }

    /// Gives it another configuration.
    ///
    /// # Panics
    /// The file cannot be written.
    pub fn reload(&self, plan: &Plan) {
        std::fs::write(self.config.path(), plan.text()).expect("it can be written");
        self.process.signal(Signal::HUP);
    }
}

/// One metric's value among all; 0 if it is not there.
#[must_use]
pub fn metric(metrics: &str, name: &str) -> f64 {
    let value = |line: &str| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok();
    metrics.lines().find_map(value).unwrap_or_default()
}

impl Plan {
    /// Sets a key of `[watch]` to a TOML value.
    #[must_use]
    pub fn set(mut self, key: &str, value: &str) -> Self {
        self.lines.push_str(&format!("{key} = {value}\n"));
        self
    }

    /// Sets the database, by its URL.
    #[must_use]
    pub fn database(self, url: &str) -> Self {
        self.set("database", &format!("{url:?}"))
    }

    /// Adds a query: its name, its SQL, and further lines.
    #[must_use]
    pub fn query(mut self, name: &str, sql: &str, lines: &str) -> Self {
        let interval = if lines.contains("interval = ") { "" } else { "interval = \"100ms\"\n" };
        self.queries.push_str(&format!(
            "[[watch.queries]]\nname = \"{name}\"\nsql = '''{sql}'''\n{interval}{lines}\n"
        ));
        self
    }

    fn text(&self) -> String {
        format!("[broker]\n{}\n[watch]\n{}\n{}", self.broker, self.lines, self.queries)
    }

    fn command(&self, arguments: &[&str]) -> (Command, NamedTempFile) {
        let config = NamedTempFile::new().expect("a temporary file");
        std::fs::write(config.path(), self.text()).expect("it can be written");
        let mut command = Command::new(binary());
        command.arg("watch").arg("--config").arg(config.path()).args(arguments);
        (command, config)
    }

    /// Starts it, and waits until it listens.
    ///
    /// # Panics
    /// It does not.
    #[must_use]
    pub fn start(&self) -> Watcher {
        let (mut command, config) = self.command(&[]);
        let process = Process::start(&mut command);
        let rest = process.wait_for_line("health: http://");
        let (admin, _) = rest.split_once('/').expect("a path");
        Watcher { admin: admin.parse().expect("an address"), process, config }
    }

    /// Runs it to its end with these arguments, such as `--once`.
    ///
    /// # Panics
    /// It cannot be run.
    #[must_use]
    pub fn run(&self, arguments: &[&str]) -> Output {
        let (mut command, _config) = self.command(arguments);
        command.output().expect("it runs")
    }
}
