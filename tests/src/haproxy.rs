//! A real HAProxy in front of gateways, with `deploy/haproxy.cfg` as it is.

use std::{
    net::{SocketAddr, TcpStream},
    process::Command,
};

use rustix::process::Signal;

use crate::{port::free_port, process::Process, upstream::Upstream, wait::wait_for};

const SHIPPED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/haproxy.cfg");

/// A running HAProxy.
pub struct Haproxy {
    process: Process,
    address: SocketAddr,
}

impl Haproxy {
    /// Starts one before two or three gateways.
    #[must_use]
    pub fn before(upstreams: &[Upstream]) -> Self {
        Self::with(upstreams, &[])
    }

    /// Starts one with further variables of its configuration.
    ///
    /// # Panics
    /// It does not come up.
    #[must_use]
    pub fn with(upstreams: &[Upstream], variables: &[(&str, &str)]) -> Self {
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let mut command = Command::new("/usr/sbin/haproxy");
        // With a master, as its unit starts it, so that it can be reloaded. Workers end with it.
        command.args(["-W", "-f", SHIPPED]).env("FANFARE_LISTEN", address.to_string());
        for (number, upstream) in (1..).zip(upstreams) {
            command.env(format!("FANFARE_{number}"), upstream.public.to_string());
            command.env(format!("FANFARE_{number}_ADMIN"), upstream.admin.to_string());
        }
        command.envs(variables.iter().copied());
        let haproxy = Self { process: Process::start(&mut command), address };
        wait_for("HAProxy to listen", || TcpStream::connect(address).is_ok());
        haproxy
    }

    /// Where browsers arrive.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits until it sends event streams to this server no more, such as `one`.
    pub fn wait_until_down(&self, server: &str) {
        let _ = self.process.wait_for_line(&format!("Server streams/{server} is DOWN"));
    }

    /// Lets it read its configuration anew, and waits until the new worker has taken over.
    pub fn reload(&self) {
        let count = || self.process.said().iter().filter(|line| line.contains("Loading success")).count();
        let before = count();
        self.process.signal(Signal::USR2);
        wait_for("a new worker", || count() > before);
        let _ = self.process.wait_for_line("Proxy browsers stopped");
    }
}
