//! A real Prometheus on a free port, on the very files of `deploy/prometheus`.

use std::{fs, net::SocketAddr, path::PathBuf, process::Command};

use serde_json::Value;
use tempfile::TempDir;

use crate::{http, port::free_port, process::Process, wait::wait_for};

/// A Prometheus of the test's own.
pub struct Prometheus {
    _process: Process,
    address: SocketAddr,
    _folder: TempDir,
}

/// Where its files are.
#[must_use]
pub fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../deploy/prometheus")
}

impl Prometheus {
    /// Starts one that scrapes these admin ports.
    ///
    /// # Panics
    /// It cannot be started.
    #[must_use]
    pub fn start(gateways: &[SocketAddr], watchers: &[SocketAddr]) -> Self {
        let files = TempDir::new().expect("a temporary folder");
        fs::create_dir(files.path().join("targets")).expect("a folder");
        for name in ["prometheus.yml", "rules.yml"] {
            let text = fs::read_to_string(folder().join(name)).expect("it is shipped");
            // Nobody waits here for a quarter of a minute.
            let text = text.replace("scrape_interval: 15s", "scrape_interval: 1s");
            fs::write(files.path().join(name), text).expect("it can be written");
        }
        for (name, targets) in [("gateways", gateways), ("watchers", watchers)] {
            let targets: Vec<_> = targets.iter().map(|target| format!("\"{target}\"")).collect();
            let text = format!("- targets: [{}]\n", targets.join(", "));
            fs::write(files.path().join(format!("targets/{name}.yml")), text).expect("it can be written");
        }
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let mut command = Command::new("prometheus");
        command.arg(format!("--config.file={}", files.path().join("prometheus.yml").display()));
        command.arg(format!("--storage.tsdb.path={}", files.path().join("data").display()));
        command.arg(format!("--web.listen-address={address}"));
        let process = Process::start(&mut command);
        let prometheus = Self { _process: process, address, _folder: files };
        wait_for("Prometheus to be ready", || {
            std::net::TcpStream::connect(address).is_ok()
                && http::request(address, "GET", "/-/ready", &[], b"").status == 200
        });
        prometheus
    }

    /// What an expression comes to: a list of series.
    ///
    /// # Panics
    /// Prometheus cannot evaluate it.
    #[must_use]
    pub fn query(&self, expression: &str) -> Vec<Value> {
        let encoded: String = expression.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let answer =
            http::request(self.address, "GET", &format!("/api/v1/query?query={encoded}"), &[], b"").text();
        let answer: Value = serde_json::from_str(&answer).expect("JSON");
        assert_eq!(answer["status"], "success", "{expression}: {answer}");
        answer["data"]["result"].as_array().cloned().unwrap_or_default()
    }
}
