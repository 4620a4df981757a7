//! A real redis-server on a free port.

use std::{collections::HashMap, path::Path, process::Command};

use rustix::process::Signal;
use tempfile::TempDir;

use crate::{port::free_port, process::Process, wait::wait_for};

/// Where publications go on the kind `redis-stream`.
pub const STREAM: &str = "fanfare:@stream";

/// A Redis of the test's own.
pub struct Redis {
    process: Process,
    port: u16,
    arguments: Vec<String>,
    /// Its own: a replica writes there what it is sent, and a server that starts takes up what it finds.
    folder: TempDir,
}

/// Numbers as data, on the channel `a`: for [`Redis::add_all`].
pub fn numbers(range: std::ops::Range<u64>) -> impl Iterator<Item = (&'static str, String)> {
    range.map(|number| ("a", number.to_string()))
}

impl Redis {
    /// Starts one.
    #[must_use]
    pub fn start() -> Self {
        Self::with(&[])
    }

    /// Starts one with further arguments, such as `--replicaof`.
    ///
    /// # Panics
    /// There is no folder for it.
    #[must_use]
    pub fn with(arguments: &[&str]) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let arguments: Vec<String> = arguments.iter().map(|&argument| argument.to_owned()).collect();
        let port = free_port();
        let mut redis = Self { process: launch(port, folder.path(), &arguments), port, arguments, folder };
        // The second port of a node of a cluster, so much higher, is nobody's to give out, and may be taken.
        wait_for("Redis to answer", || {
            if !redis.process.is_running() {
                redis.port = free_port();
                redis.process = launch(redis.port, redis.folder.path(), &redis.arguments);
            }
            redis.is_up()
        });
        redis
    }

    /// Starts one that has written down what it answers, so that a restart loses nothing.
    #[must_use]
    pub fn durable() -> Self {
        Self::with(&["--appendonly", "yes", "--appendfsync", "always"])
    }

    /// Its port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Publishes on a channel of Fanfare; returns the number of subscribers.
    ///
    /// # Panics
    /// Redis does not take it.
    pub fn publish(&self, channel: &str, data: &str) -> u64 {
        self.publish_raw(format!("fanfare:{channel}").as_bytes(), data.as_bytes())
    }

    /// Publishes whatever bytes under whatever name.
    ///
    /// # Panics
    /// Redis does not take it.
    pub fn publish_raw(&self, channel: &[u8], data: &[u8]) -> u64 {
        redis::cmd("PUBLISH").arg(channel).arg(data).query(&mut self.connection()).expect("Redis takes it")
    }

    /// Publishes many on one connection, as fast as it goes.
    ///
    /// # Panics
    /// Redis does not take them.
    pub fn publish_all<'a>(&self, publications: impl IntoIterator<Item = (&'a str, String)>) {
        let mut pipeline = redis::pipe();
        for (channel, data) in publications {
            pipeline.cmd("PUBLISH").arg(format!("fanfare:{channel}")).arg(data).ignore();
        }
        pipeline.query::<()>(&mut self.connection()).expect("Redis takes them");
    }

    /// Adds a publication to Fanfare's stream; returns its id.
    ///
    /// # Panics
    /// Redis does not take it.
    pub fn add(&self, channel: &str, data: &str) -> String {
        self.add_fields(&[("channel", channel), ("data", data)])
    }

    /// Adds an entry with these fields.
    ///
    /// # Panics
    /// Redis does not take it.
    pub fn add_fields(&self, fields: &[(&str, &str)]) -> String {
        let mut command = redis::cmd("XADD");
        command.arg(STREAM).arg("*");
        for (name, value) in fields {
            command.arg(name).arg(value);
        }
        command.query(&mut self.connection()).expect("Redis takes it")
    }

    /// Everything in Fanfare's stream: ids, and fields with their values.
    ///
    /// # Panics
    /// Redis does not answer.
    #[must_use]
    pub fn entries(&self) -> Vec<(String, Vec<(String, String)>)> {
        redis::cmd("XRANGE")
            .arg(STREAM)
            .arg("-")
            .arg("+")
            .query(&mut self.connection())
            .expect("Redis answers")
    }

    /// Adds many on one connection, as fast as it goes; returns their ids.
    ///
    /// # Panics
    /// Redis does not take them.
    pub fn add_all<'a>(&self, publications: impl IntoIterator<Item = (&'a str, String)>) -> Vec<String> {
        let mut pipeline = redis::pipe();
        for (channel, data) in publications {
            pipeline.cmd("XADD").arg(STREAM).arg("*").arg("channel").arg(channel).arg("data").arg(data);
        }
        pipeline.query(&mut self.connection()).expect("Redis takes them")
    }

    /// Has Redis do something, and returns what it says to it.
    ///
    /// # Panics
    /// Redis refuses.
    pub fn command(&self, words: &[&str]) -> redis::Value {
        let mut command = redis::cmd(words[0]);
        command.arg(&words[1..]);
        command.query(&mut self.connection()).expect("Redis does it")
    }

    /// How many entries the stream has.
    ///
    /// # Panics
    /// Redis does not say.
    #[must_use]
    pub fn length(&self) -> u64 {
        redis::cmd("XLEN").arg(STREAM).query(&mut self.connection()).expect("Redis says so")
    }

    /// Whether it counts what was ever added to the stream, as Redis does from version 7 on.
    ///
    /// # Panics
    /// There is no stream.
    #[must_use]
    pub fn counts(&self) -> bool {
        let survey = redis::cmd("XINFO")
            .arg("STREAM")
            .arg(STREAM)
            .query::<HashMap<String, redis::Value>>(&mut self.connection());
        survey.expect("there is a stream").contains_key("entries-added")
    }

    /// Kills it and starts it anew on the same port.
    pub fn restart(&mut self) {
        self.kill();
        self.revive();
    }

    /// Kills it.
    pub fn kill(&mut self) {
        self.process.signal(Signal::KILL);
        self.process.wait();
    }

    /// Starts it anew on the same port.
    pub fn revive(&mut self) {
        self.process = launch(self.port, self.folder.path(), &self.arguments);
        self.wait_until_up();
    }

    /// Stops it where it is.
    pub fn freeze(&self) {
        self.process.signal(Signal::STOP);
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        self.process.signal(Signal::CONT);
    }

    /// A connection to it.
    ///
    /// # Panics
    /// There is none.
    #[must_use]
    pub fn connection(&self) -> redis::Connection {
        let client =
            redis::Client::open(format!("redis://127.0.0.1:{}", self.port)).expect("a valid address");
        client.get_connection().expect("Redis is there")
    }

    fn wait_until_up(&self) {
        wait_for("Redis to answer", || self.is_up());
    }

    fn is_up(&self) -> bool {
        let client =
            redis::Client::open(format!("redis://127.0.0.1:{}", self.port)).expect("a valid address");
        let Ok(mut connection) = client.get_connection() else { return false };
        redis::cmd("PING").query::<String>(&mut connection).is_ok()
    }
}

fn launch(port: u16, folder: &Path, arguments: &[String]) -> Process {
    let mut command = Command::new("redis-server");
    command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
    command.arg("--dir").arg(folder);
    Process::start(command.args(arguments))
}
