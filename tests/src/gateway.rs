//! A real gateway: the binary, with a configuration of its own.

use std::{net::SocketAddr, path::PathBuf, process::Command};

use rustix::process::Signal;
use serde_json::Value;
use tempfile::NamedTempFile;

use crate::{
    http::{self, Answer},
    listener::Listener,
    process::Process,
    redis::Redis,
    upstream::Upstream,
    wait::{wait_for, wait_some},
};

/// A running gateway.
pub struct Gateway {
    process: Process,
    public: SocketAddr,
    admin: SocketAddr,
    config: NamedTempFile,
    plan: Plan,
}

/// A gateway that is to be started, or to be configured anew.
#[derive(Clone)]
pub struct Plan {
    lines: Vec<String>,
    rules: String,
    environment: Vec<(String, String)>,
}

impl Gateway {
    /// One with the embedded broker, as `fanfare` alone starts it.
    #[must_use]
    pub fn embedded() -> Self {
        Self::plan().start()
    }

    /// One on a Redis.
    #[must_use]
    pub fn on(redis: &Redis) -> Self {
        Self::plan_on(redis.port()).start()
    }

    /// One to be configured.
    #[must_use]
    pub fn plan() -> Plan {
        Plan { lines: Vec::new(), rules: String::new(), environment: Vec::new() }
            .set("listen.public", "\"127.0.0.1:0\"")
            .set("listen.admin", "\"127.0.0.1:0\"")
            .set("broker.embedded.resp", "\"127.0.0.1:0\"")
            .set("drain.delay", "\"0s\"")
            .set("drain.spread", "\"0s\"")
    }

    /// One to be configured, on a Redis (or on a proxy before it) at this port.
    #[must_use]
    pub fn plan_on(port: u16) -> Plan {
        Self::plan()
            .set("broker.kind", "\"redis-pubsub\"")
            .set("broker.redis.url", &format!("\"redis://127.0.0.1:{port}\""))
            // A second gateway is ready one heartbeat after it has seen the first.
            .set("sessions.heartbeat", "\"2s\"")
    }

    /// One to be configured, on a stream in the Redis (or behind the proxy) at this port.
    #[must_use]
    pub fn plan_on_stream(port: u16) -> Plan {
        Self::plan_on(port).set("broker.kind", "\"redis-stream\"")
    }

    /// One on a stream in a Redis.
    #[must_use]
    pub fn on_stream(redis: &Redis) -> Self {
        Self::plan_on_stream(redis.port()).start()
    }

    /// Where browsers arrive.
    #[must_use]
    pub fn public(&self) -> SocketAddr {
        self.public
    }

    /// Where metrics are.
    #[must_use]
    pub fn admin(&self) -> SocketAddr {
        self.admin
    }

    /// A browser that subscribes with this query and has been let in.
    #[must_use]
    pub fn listen(&self, query: &str) -> Listener {
        Listener::open(self.public, query, None)
    }

    /// One that returns with its last id.
    #[must_use]
    pub fn resume(&self, query: &str, last_id: &str) -> Listener {
        Listener::open(self.public, query, Some(last_id))
    }

    /// A GET that ends.
    #[must_use]
    pub fn get(&self, path: &str) -> Answer {
        http::request(self.public, "GET", path, &[], b"")
    }

    /// The latest value of every channel of a pattern, as one who comes now is shown it.
    ///
    /// # Panics
    /// They are not JSON.
    #[must_use]
    pub fn shown(&self, pattern: &str) -> Vec<(String, Value)> {
        let page = self.get(&format!("/events?channel={pattern}&transport=poll")).text();
        let page: Value = serde_json::from_str(&page).expect("JSON");
        let value = |publication: &Value| {
            let channel = publication["channel"].as_str().expect("a channel").to_owned();
            let data = publication["data"].as_str().expect("a text");
            (publication["retract"] != true).then(|| (channel, serde_json::from_str(data).expect("JSON")))
        };
        let mut shown: Vec<_> =
            page["publications"].as_array().expect("publications").iter().filter_map(value).collect();
        shown.sort_by(|one, other| one.0.cmp(&other.0));
        shown
    }

    /// Waits until that is so.
    pub fn wait_for_shown(&self, pattern: &str, expected: &[(&str, Value)]) {
        let expected: Vec<_> =
            expected.iter().map(|(channel, value)| ((*channel).to_owned(), value.clone())).collect();
        let what = format!("{expected:?}, not {:?}", self.shown(pattern));
        wait_for(&what, || self.shown(pattern) == expected);
    }

    /// Publishes over HTTP.
    pub fn post(&self, query: &str, data: &str) -> Answer {
        http::request(self.public, "POST", &format!("/events?{query}"), &[], data.as_bytes())
    }

    /// One metric's value, by its name with labels; 0 if it is not there.
    #[must_use]
    pub fn metric(&self, name: &str) -> f64 {
        let metrics = http::request(self.admin, "GET", "/metrics", &[], b"").text();
        let value = |line: &str| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok();
        metrics.lines().find_map(value).unwrap_or_default()
    }

    /// Waits until a metric has a value.
    pub fn wait_for_metric(&self, name: &str, value: f64) {
        wait_for(&format!("{name} = {value}"), || (self.metric(name) - value).abs() < 1e-9);
    }

    /// Whether a balancer should send browsers here.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        http::request(self.admin, "GET", "/readyz", &[], b"").status == 200
    }

    /// Whether it has a broker that it hears.
    #[must_use]
    pub fn hears_its_broker(&self) -> bool {
        http::request(self.admin, "GET", "/readyz", &[], b"").text().ends_with("broker: ok\n")
    }

    /// The process.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Where a balancer finds it.
    #[must_use]
    pub fn upstream(&self) -> Upstream {
        Upstream { public: self.public, admin: self.admin }
    }

    /// Waits until it has logged a line with this part, and returns what follows in that line.
    #[must_use]
    pub fn wait_for_line(&self, part: &str) -> String {
        self.process.wait_for_line(part)
    }

    /// What it logged.
    #[must_use]
    pub fn log(&self) -> String {
        self.process.said().join("\n")
    }

    /// Changes its configuration, and has it read again. Returns whether it was valid.
    ///
    /// # Panics
    /// It is not read.
    pub fn reload(&mut self, change: impl FnOnce(Plan) -> Plan) -> bool {
        self.plan = change(self.plan.clone());
        self.reload_text(&self.plan.text())
    }

    /// Has it read this text as its configuration. Returns whether it was valid.
    ///
    /// # Panics
    /// It is not read.
    pub fn reload_text(&self, text: &str) -> bool {
        let count = |outcome| self.metric(&format!("fanfare_config_reloads_total{{outcome=\"{outcome}\"}}"));
        let (ok, failed) = (count("ok"), count("failed"));
        std::fs::write(self.config.path(), text).expect("it can be written");
        self.process.signal(Signal::HUP);
        wait_some("the configuration to be read again", || {
            let valid = count("ok") > ok;
            (valid || count("failed") > failed).then_some(valid)
        })
    }

    /// Tells it to drain.
    pub fn drain(&self) {
        self.process.signal(Signal::TERM);
    }
}

impl Plan {
    /// Sets a key, such as `sessions.heartbeat`, to a TOML value.
    #[must_use]
    pub fn set(mut self, key: &str, value: &str) -> Self {
        self.lines.retain(|line| !line.starts_with(&format!("{key} =")));
        self.lines.push(format!("{key} = {value}"));
        self
    }

    /// Where it is to listen, so that it can be started anew in the same place.
    #[must_use]
    pub fn at(self, upstream: Upstream) -> Self {
        self.set("listen.public", &format!("\"{}\"", upstream.public))
            .set("listen.admin", &format!("\"{}\"", upstream.admin))
    }

    /// Adds `[[channels]]` rules as they are written.
    #[must_use]
    pub fn rules(mut self, text: &str) -> Self {
        self.rules.push_str(text);
        self
    }

    /// Drops the rules that it had.
    #[must_use]
    pub fn without_rules(mut self) -> Self {
        self.rules.clear();
        self
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    fn text(&self) -> String {
        format!("{}\n{}", self.lines.join("\n"), self.rules)
    }

    /// Starts it, and waits until it listens.
    ///
    /// # Panics
    /// It does not.
    #[must_use]
    pub fn launch(self) -> Gateway {
        let mut command = Command::new("sh");
        command.args(["-c", "exec \"$0\" serve --config \"$1\""]);
        self.launch_by(command)
    }

    /// Starts it by a shell that gets the binary as `$0` and the configuration as `$1`.
    ///
    /// # Panics
    /// It does not listen.
    #[must_use]
    pub fn launch_by(self, mut command: Command) -> Gateway {
        let config = NamedTempFile::new().expect("a temporary file");
        std::fs::write(config.path(), self.text()).expect("it can be written");
        command.arg(binary()).arg(config.path()).envs(self.environment.clone());
        let process = Process::start(&mut command);
        let address = |part: &str, end: &str| {
            let rest = process.wait_for_line(part);
            let address = rest.split_once(end).map_or(&*rest, |(address, _)| address);
            address.parse().unwrap_or_else(|_| panic!("an address in {rest:?}"))
        };
        let public = address("browsers: http://", "/");
        let admin = address("health: http://", "/");
        Gateway { process, public, admin, config, plan: self }
    }

    /// Starts it, and waits until it is ready.
    #[must_use]
    pub fn start(self) -> Gateway {
        let gateway = self.launch();
        wait_for("the gateway to be ready", || gateway.is_ready());
        gateway
    }
}

/// Two gateways of each broker; where there can be only one, that twice.
pub fn on_every_broker(check: impl Fn(&Gateway, &Gateway)) {
    on_every_broker_with(&[], "", check);
}

/// The same, each with these keys and rules.
pub fn on_every_broker_with(keys: &[(&str, &str)], rules: &str, check: impl Fn(&Gateway, &Gateway)) {
    let start = |plan: Plan| {
        let plan = keys.iter().fold(plan, |plan, (key, value)| plan.set(key, value));
        plan.rules(rules).start()
    };
    let alone = start(Gateway::plan());
    check(&alone, &alone);
    let redis = Redis::start();
    let plan = || Gateway::plan_on(redis.port());
    check(&start(plan()), &start(plan()));
    let redis = Redis::start();
    let plan = || Gateway::plan_on_stream(redis.port());
    check(&start(plan()), &start(plan()));
}

/// The binary under test, which `make test` has built beside this test's own.
///
/// # Panics
/// It is not there.
#[must_use]
pub fn binary() -> PathBuf {
    let test = std::env::current_exe().expect("a test has a path");
    let built = test.ancestors().map(|folder| folder.join("fanfare")).find(|path| path.is_file());
    built.expect("build the binary first: cargo build")
}
