//! The demo: nothing to set up, a living dashboard, and as many queries for five thousand viewers as for one.

use std::{
    fs,
    io::Write,
    net::{SocketAddr, TcpStream},
    process::Command,
    time::{Duration, Instant},
};

use rustix::process::Signal;
use tempfile::TempDir;
use tests::{Listener, gateway::binary, http, process::Process, wait::wait_until, wait_for};

/// Those who look on at once.
const VIEWERS: usize = 5_000;
/// How long queries are counted.
const WINDOW: Duration = Duration::from_secs(6);

/// A demo on free ports.
struct Demo {
    process: Process,
    public: SocketAddr,
    admin: SocketAddr,
    /// Where it keeps what it keeps.
    folder: TempDir,
}

impl Demo {
    fn start() -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let mut command = Command::new(binary());
        command
            .arg("demo")
            .env("TMPDIR", folder.path())
            .env("FANFARE__LISTEN__PUBLIC", "127.0.0.1:0")
            .env("FANFARE__LISTEN__ADMIN", "127.0.0.1:0");
        command.env("FANFARE__BROKER__EMBEDDED__RESP", "127.0.0.1:0");
        let process = Process::start(&mut command);
        let address = |part| {
            let rest = process.wait_for_line(part);
            rest.split_once('/').expect("a path").0.parse().expect("an address")
        };
        let (public, admin) = (address("browsers: http://"), address("health: http://"));
        let demo = Self { process, public, admin, folder };
        wait_for("the demo to be ready", || http::request(admin, "GET", "/readyz", &[], b"").status == 200);
        demo
    }

    fn metric(&self, name: &str) -> f64 {
        let metrics = http::request(self.admin, "GET", "/metrics", &[], b"").text();
        let value = |line: &str| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok();
        metrics.lines().find_map(value).unwrap_or_default()
    }

    /// All runs of all queries.
    fn queries(&self) -> f64 {
        let runs =
            |query| self.metric(&format!("fanfare_watch_runs_total{{outcome=\"ok\",query=\"{query}\"}}"));
        runs("monitors") + runs("incidents")
    }

    /// How many queries there are in a while.
    fn count_queries(&self) -> f64 {
        let before = self.queries();
        wait_until("queries to be counted", Instant::now() + WINDOW);
        self.queries() - before
    }
}

#[test]
fn it_needs_nothing_and_lives() {
    let mut demo = Demo::start();
    let page = http::request(demo.public, "GET", "/", &[], b"");
    assert!(page.text().contains("<title>Uptime"));
    for path in [
        "/style.css",
        "/main.js",
        "/stream.js",
        "/board.js",
        "/detail.js",
        "/incidents.js",
        "/line.js",
        "/words.js",
        "/gateway.js",
    ] {
        assert_eq!(http::request(demo.public, "GET", path, &[], b"").status, 200, "{path}");
    }
    // The one that fails first is told as an incident.
    let mut listener = Listener::open(demo.public, "channel=uptime/incidents/*&since=last", None);
    let incident = listener.next_but_cursor();
    assert!(incident.data.contains("\"cause\":\"answers with 5"), "{}", incident.data);
    assert_eq!(fs::read_dir(demo.folder.path()).unwrap().count(), 1);
    demo.process.signal(Signal::TERM);
    assert!(demo.process.wait().success());
    assert_eq!(fs::read_dir(demo.folder.path()).unwrap().count(), 0, "nothing is left behind");
}

#[test]
fn five_thousand_viewers_cost_as_many_queries_as_one() {
    let demo = Demo::start();
    let _one = Listener::open(demo.public, "channel=uptime/*&since=last", None);
    let of_one = demo.count_queries();
    let request = "GET /events?channel=uptime/*&since=last&transport=sse HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let mut viewers = Vec::with_capacity(VIEWERS);
    for _ in 0..VIEWERS {
        let mut viewer = TcpStream::connect(demo.public).unwrap();
        viewer.write_all(request.as_bytes()).unwrap();
        viewers.push(viewer);
    }
    let sessions = "fanfare_sessions{transport=\"sse\"}";
    wait_for("all of them to look", || demo.metric(sessions) > VIEWERS as f64 - 0.5);
    let of_all = demo.count_queries();
    assert!(of_one >= 8.0, "two queries a second: {of_one} in {WINDOW:?}");
    assert!((of_one - of_all).abs() <= 4.0, "{of_one} in {WINDOW:?} for one, {of_all} for {VIEWERS}");
    eprintln!("queries in {WINDOW:?}: {of_one} for one viewer, {of_all} for {VIEWERS}");
}
