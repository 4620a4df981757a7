//! A real nginx in front of gateways: with its defaults, or as it is shipped.

use std::{
    fs,
    net::{SocketAddr, TcpStream},
    path::Path,
    process::Command,
};

use rustix::process::Signal;
use tempfile::TempDir;

use crate::{port::free_port, process::Process, upstream::Upstream, wait::wait_for};

/// What `deploy` ships for it.
const SHIPPED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy");

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
        let server = format!(
            "server {{
                listen {address};
                location / {{
                    proxy_pass http://{upstream};
                    # How the gateway frames its body, for the test to see.
                    add_header Upstream-Framing $upstream_http_transfer_encoding always;
                    {directives}
                }}
            }}"
        );
        Self::start(folder, address, &server)
    }

    /// Starts one before two gateways with `deploy/nginx.conf` as it is, and the files beside it
    /// with other addresses.
    ///
    /// # Panics
    /// It does not come up.
    #[must_use]
    pub fn shipped([one, two]: [Upstream; 2]) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        fs::create_dir(folder.path().join("fanfare")).expect("it can be made");
        let place = |file: &str, addresses: &[(&str, SocketAddr)]| {
            let mut text = fs::read_to_string(format!("{SHIPPED}/nginx/{file}")).expect("it is shipped");
            for (shipped, address) in addresses {
                assert!(text.contains(shipped), "{file} names {shipped}");
                text = text.replace(shipped, &address.to_string());
            }
            fs::write(folder.path().join("fanfare").join(file), text).expect("it can be written");
        };
        place("listen.conf", &[("127.0.0.1:8000", address)]);
        place("gateways.conf", &[("127.0.0.1:8080", one.public), ("127.0.0.1:8081", two.public)]);
        Self::start(folder, address, &format!("include {SHIPPED}/nginx.conf;"))
    }

    fn start(folder: TempDir, address: SocketAddr, http: &str) -> Self {
        fs::write(folder.path().join("nginx.conf"), configuration(http)).expect("it can be written");
        let nginx = Self { process: launch(folder.path()), address, folder };
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
        self.process = launch(self.folder.path());
        self.wait_until_up();
    }

    fn wait_until_up(&self) {
        wait_for("nginx to listen", || TcpStream::connect(self.address).is_ok());
    }
}

fn launch(folder: &Path) -> Process {
    let mut command = Command::new("/usr/sbin/nginx");
    command.arg("-p").arg(folder).args(["-c", "nginx.conf", "-e", "stderr"]);
    Process::start(&mut command)
}

/// One process, so that nothing is left when it is killed, and nothing outside its own folder.
fn configuration(http: &str) -> String {
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
            {http}
        }}"
    )
}
