//! A real nginx in front of gateways, with a configuration of its own.

use std::{
    net::{SocketAddr, TcpStream},
    process::Command,
};

use rustix::process::Signal;
use tempfile::TempDir;

use crate::{process::Process, redis::free_port, wait::wait_for};

/// A running nginx.
pub struct Nginx {
    process: Process,
    address: SocketAddr,
    folder: TempDir,
}

impl Nginx {
    /// Starts one that passes everything to `upstream` with nginx's defaults.
    #[must_use]
    pub fn before(upstream: SocketAddr) -> Self {
        Self::with(upstream, "")
    }

    /// Starts one with further lines beside its `proxy_pass`.
    ///
    /// # Panics
    /// It does not come up.
    #[must_use]
    pub fn with(upstream: SocketAddr, directives: &str) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let text = configuration(address, upstream, directives);
        std::fs::write(folder.path().join("nginx.conf"), text).expect("it can be written");
        let nginx = Self { process: launch(&folder), address, folder };
        nginx.wait_until_up();
        nginx
    }

    /// Where browsers arrive.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Kills it.
    pub fn kill(&mut self) {
        self.process.signal(Signal::KILL);
        self.process.wait();
    }

    /// Starts it anew on the same port.
    pub fn revive(&mut self) {
        self.process = launch(&self.folder);
        self.wait_until_up();
    }

    fn wait_until_up(&self) {
        wait_for("nginx to listen", || TcpStream::connect(self.address).is_ok());
    }
}

fn launch(folder: &TempDir) -> Process {
    let mut command = Command::new("/usr/sbin/nginx");
    command.arg("-p").arg(folder.path()).args(["-c", "nginx.conf", "-e", "stderr"]);
    Process::start(&mut command)
}

/// One process, so that nothing is left when it is killed, and nothing outside its own folder.
fn configuration(address: SocketAddr, upstream: SocketAddr, directives: &str) -> String {
    format!(
        "daemon off;
        master_process off;
        pid nginx.pid;
        events {{}}
        http {{
            access_log off;
            client_body_temp_path body;
            proxy_temp_path proxy;
            fastcgi_temp_path fastcgi;
            uwsgi_temp_path uwsgi;
            scgi_temp_path scgi;
            server {{
                listen {address};
                location / {{
                    proxy_pass http://{upstream};
                    # How the gateway frames its body, for the test to see.
                    add_header Upstream-Framing $upstream_http_transfer_encoding always;
                    {directives}
                }}
            }}
        }}"
    )
}
