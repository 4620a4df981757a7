//! A real Caddy in front of gateways, with `deploy/Caddyfile`.

use std::{
    fs,
    net::{SocketAddr, TcpStream},
    process::Command,
};

use tempfile::TempDir;

use crate::{port::free_port, process::Process, upstream::Upstream, wait::wait_for};

/// What `deploy` ships for it.
const SHIPPED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/Caddyfile");

/// A running Caddy.
pub struct Caddy {
    _process: Process,
    address: SocketAddr,
    _folder: TempDir,
}

impl Caddy {
    /// Starts one before two gateways.
    ///
    /// # Panics
    /// It does not come up.
    #[must_use]
    pub fn before([one, two]: [Upstream; 2]) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        // The port by which it is told to reload is one for all of them.
        let config = folder.path().join("Caddyfile");
        let shipped = fs::read_to_string(SHIPPED).expect("it is shipped");
        fs::write(&config, format!("{{\n\tadmin off\n}}\n{shipped}")).expect("it can be written");
        let mut command = Command::new("caddy");
        command.args(["run", "--adapter", "caddyfile", "--config"]).arg(&config);
        // Whatever name is asked for.
        command.env("FANFARE_SITE", format!(":{}", address.port())).env("XDG_DATA_HOME", folder.path());
        command.env("FANFARE_1", one.public.to_string()).env("FANFARE_2", two.public.to_string());
        let caddy = Self { _process: Process::start(&mut command), address, _folder: folder };
        wait_for("Caddy to listen", || TcpStream::connect(address).is_ok());
        caddy
    }

    /// Where browsers arrive.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}
