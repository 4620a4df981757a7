//! Where scenarios happen: Redis, two gateways each behind a proxy to it, and HAProxy before them.

mod balancer;
mod ports;
mod store;

use std::{
    fs,
    net::SocketAddr,
    path::Path,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use rustix::process::Signal;
use tests::{Gateway, Proxy, gateway::Plan, wait_for};

use self::{balancer::Ports, ports::lasting_port};
pub(crate) use self::{
    balancer::{Balancer, max_clients},
    store::{Guard, OURS, Primary, Store, info},
};
use crate::{Result, broker::Broker};

/// What gateways promise their sessions.
pub(crate) const HEARTBEAT: Duration = Duration::from_secs(2);
/// How the two gateways are called, by HAProxy too.
const NAMES: [&str; 2] = ["a", "b"];

/// An error with what to install, if a program that a lab needs is missing.
pub(crate) fn check_programs() -> Result<()> {
    for (program, ask) in [("redis-server", "--version"), ("haproxy", "-v")] {
        let answer = command(program).arg(ask).output();
        if !answer.is_ok_and(|answer| answer.status.success()) {
            return Err(
                format!("{program} is missing; install it (Debian: apt-get install {program})").into()
            );
        }
    }
    Ok(())
}

/// A program by its name. Debian keeps some where only root looks.
fn command(program: &str) -> Command {
    let mut command = Command::new(program);
    command.env("PATH", format!("{}:/usr/sbin", std::env::var("PATH").unwrap_or_default()));
    command
}

/// One of the two gateways.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    A,
    B,
}

/// What a lab is to have.
#[derive(Clone, Debug)]
pub(crate) struct LabPlan {
    pub(crate) broker: Broker,
    /// A replica and Sentinels beside the primary.
    pub(crate) sentinels: bool,
    /// Further keys of the gateways' configuration.
    pub(crate) keys: Vec<(&'static str, String)>,
}

/// A lab; all of it ends when this is dropped.
pub(crate) struct Lab {
    plan: LabPlan,
    pub(crate) balancer: Balancer,
    gateways: [Option<Gateway>; 2],
    /// From each gateway to Redis; with Sentinels nothing passes through them.
    links: [Proxy; 2],
    pub(crate) store: Store,
    ports: [Ports; 2],
    /// What gateways that are gone have logged.
    logs: [String; 2],
}

impl Lab {
    /// Starts everything, and waits until both gateways are ready.
    pub(crate) fn open(plan: LabPlan) -> Result<Self> {
        let store = match plan.sentinels {
            true => Store::guarded(plan.broker)?,
            false => Store::alone(plan.broker)?,
        };
        let redis = SocketAddr::from(([127, 0, 0, 1], store.redis.port()));
        let ports = [(); 2].map(|()| Ports { public: lasting_port(), admin: lasting_port() });
        let mut lab = Self {
            plan,
            balancer: Balancer::before(ports)?,
            gateways: [None, None],
            links: [(); 2].map(|()| Proxy::to(redis)),
            store,
            ports,
            logs: Default::default(),
        };
        lab.launch(Which::A);
        lab.launch(Which::B);
        lab.wait_until_ready();
        Ok(lab)
    }

    /// Starts a gateway that is not there, and waits until it listens.
    pub(crate) fn launch(&mut self, which: Which) {
        let gateway = self.gateway_plan(which).launch();
        self.gateways[which as usize] = Some(gateway);
    }

    /// Waits until all gateways are ready, and until HAProxy can have noticed.
    pub(crate) fn wait_until_ready(&self) {
        for gateway in self.gateways.iter().flatten() {
            wait_for("a gateway to be ready", || gateway.is_ready());
        }
        thread::sleep(Duration::from_millis(500));
    }

    /// Whether each gateway that is there hears Redis.
    pub(crate) fn hears_redis(&self) -> bool {
        self.gateways.iter().flatten().all(Gateway::hears_its_broker)
    }

    /// Kills a gateway with -9.
    pub(crate) fn kill(&mut self, which: Which) {
        self.end(which, Signal::KILL);
    }

    /// Lets a gateway drain, and waits for its end.
    pub(crate) fn drain(&mut self, which: Which) {
        self.end(which, Signal::TERM);
    }

    /// Sends a gateway a signal that it survives.
    pub(crate) fn signal(&mut self, which: Which, signal: Signal) {
        if let Some(gateway) = &mut self.gateways[which as usize] {
            gateway.process().signal(signal);
        }
    }

    fn end(&mut self, which: Which, signal: Signal) {
        if let Some(mut gateway) = self.gateways[which as usize].take() {
            gateway.process().signal(signal);
            gateway.process().wait();
            self.logs[which as usize] += &gateway.log();
        }
    }

    /// The gateways that are there.
    pub(crate) fn gateways(&mut self) -> impl Iterator<Item = &mut Gateway> {
        self.gateways.iter_mut().flatten()
    }

    /// A gateway's link to Redis.
    pub(crate) fn link(&self, which: Which) -> &Proxy {
        &self.links[which as usize]
    }

    /// Both gateways' links to Redis.
    pub(crate) fn links(&self) -> &[Proxy; 2] {
        &self.links
    }

    /// A connection to the primary, with the name that no scenario kills.
    pub(crate) fn redis(&self) -> Result<redis::Connection> {
        let deadline = Instant::now() + Duration::from_secs(5);
        loop {
            match self.store.primary().connect() {
                Some(connection) => return Ok(connection),
                None if Instant::now() > deadline => return Err("the primary does not answer".into()),
                None => thread::sleep(Duration::from_millis(50)),
            }
        }
    }

    /// Writes what the gateways and HAProxy have logged into a folder.
    pub(crate) fn write_logs(&self, folder: &Path) -> Result<()> {
        fs::create_dir_all(folder)?;
        for (index, name) in NAMES.iter().enumerate() {
            let last = self.gateways[index].as_ref().map(Gateway::log).unwrap_or_default();
            let text = format!("{}\n{last}\n", self.logs[index]);
            fs::write(folder.join(format!("gateway-{name}.log")), text)?;
        }
        Ok(fs::write(folder.join("haproxy.log"), self.balancer.log())?)
    }

    fn gateway_plan(&self, which: Which) -> Plan {
        let Ports { public, admin } = self.ports[which as usize];
        let mut plan = Gateway::plan_on(self.links[which as usize].address().port())
            .set("broker.kind", &quoted(self.plan.broker.kind()))
            .set("listen.public", &quoted(&format!("127.0.0.1:{public}")))
            .set("listen.admin", &quoted(&format!("127.0.0.1:{admin}")))
            .set("sessions.heartbeat", &quoted(&format!("{}s", HEARTBEAT.as_secs())))
            // Short against the heartbeat: who is away is back before a restarted gateway is ready.
            .set("sessions.retry", "\"500ms\"")
            .set("sessions.write_timeout", "\"5s\"")
            .set("sessions.send_buffer_bytes", "16384")
            // HAProxy looks three times a second.
            .set("drain.delay", "\"1s\"")
            .set("drain.spread", "\"2s\"")
            .rules("[[channels]]\nmatch = \"*\"\nsubscribe = \"anyone\"\n");
        if let Some(guard) = &self.store.guard {
            let url = |port: &u16| quoted(&format!("redis://127.0.0.1:{port}"));
            let sentinels: Vec<String> = guard.sentinels.iter().map(url).collect();
            plan = plan
                .set("broker.redis.sentinels", &format!("[{}]", sentinels.join(", ")))
                .set("broker.redis.sentinel_master", &quoted(store::MASTER));
        }
        self.plan.keys.iter().fold(plan, |plan, (key, value)| plan.set(key, value))
    }
}

/// A TOML string.
fn quoted(text: &str) -> String {
    format!("\"{text}\"")
}
