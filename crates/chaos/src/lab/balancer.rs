//! A real HAProxy before the two gateways.

use std::net::{Ipv4Addr, SocketAddrV4, TcpStream};

use rustix::process::Signal;
use tempfile::TempDir;
use tests::{process::Process, wait_for};

use super::ports::lasting_port;
use crate::Result;

const TEMPLATE: &str = include_str!("haproxy.cfg");
/// HAProxy takes two descriptors for each client, and some for itself.
const SPARE_DESCRIPTORS: u64 = 300;

/// A running HAProxy, master and worker.
pub(crate) struct Balancer {
    process: Process,
    address: SocketAddrV4,
    _folder: TempDir,
}

/// Where a gateway listens.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ports {
    pub(super) public: u16,
    pub(super) admin: u16,
}

impl Balancer {
    /// Starts one; the gateways need not be there yet.
    pub(super) fn before(gateways: [Ports; 2]) -> Result<Self> {
        let folder = TempDir::new()?;
        let address = local(lasting_port());
        let [a, b] = gateways;
        let mut text = TEMPLATE.to_owned();
        for (name, value) in [
            ("{maxconn}", max_clients().to_string()),
            ("{public}", address.to_string()),
            ("{a}", local(a.public).to_string()),
            ("{a_admin}", a.admin.to_string()),
            ("{b}", local(b.public).to_string()),
            ("{b_admin}", b.admin.to_string()),
        ] {
            text = text.replace(name, &value);
        }
        let path = folder.path().join("haproxy.cfg");
        std::fs::write(&path, text)?;
        let mut command = super::command("haproxy");
        command.args(["-W", "-db", "-f"]).arg(path);
        let balancer = Self { process: Process::start(&mut command), address, _folder: folder };
        wait_for("HAProxy to listen", || TcpStream::connect(address).is_ok());
        Ok(balancer)
    }

    /// Where browsers arrive.
    pub(crate) fn address(&self) -> SocketAddrV4 {
        self.address
    }

    /// Starts a new worker; the old one serves what it has for a while, and then ends it.
    pub(crate) fn reload(&self) {
        self.process.signal(Signal::USR2);
    }

    /// What it said.
    pub(crate) fn log(&self) -> String {
        self.process.said().join("\n")
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        // The master takes its workers with it only if it is asked to.
        self.process.signal(Signal::TERM);
        self.process.wait();
    }
}

/// How many clients one HAProxy can serve.
pub(crate) fn max_clients() -> u64 {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    limit.maximum.unwrap_or(1 << 20).saturating_sub(SPARE_DESCRIPTORS) / 2
}

fn local(port: u16) -> SocketAddrV4 {
    SocketAddrV4::new(Ipv4Addr::LOCALHOST, port)
}
