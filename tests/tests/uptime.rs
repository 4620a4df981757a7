//! The example `uptime` as real processes: a prober, two watchers, a gateway, Redis; and what a look can find.

use std::{
    fs,
    path::Path,
    process::Command,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde_json::{Value, json};
use tempfile::TempDir;
use tests::{
    Authority, Postgres, Redis, gateway::binary, http, port::free_port, process::Process, wait_for, wait_some,
};

/// The example's own configuration.
fn config() -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/uptime");
    fs::read_to_string(folder.join("fanfare.toml")).expect("it is shipped")
}

#[test]
fn what_a_look_finds_is_shown_by_the_gateway() {
    let (redis, folder, authority) = (Redis::start(), TempDir::new().unwrap(), Authority::new("one"));
    fs::write(folder.path().join("fanfare.toml"), config()).unwrap();
    // Something that answers by TLS, something whose certificate nobody trusts, and something that is not there.
    let (public, trusted, strange) = (free_port(), free_port(), free_port());
    let serve = |port: u16, authority: &Authority| {
        let signed = authority.sign("localhost", "DNS:localhost,IP:127.0.0.1");
        let mut server = Command::new("openssl");
        server.args(["s_server", "-quiet", "-www", "-accept", &port.to_string()]);
        Process::start(server.args(["-cert", &signed.certificate, "-key", &signed.key]))
    };
    let other = Authority::new("two");
    let _servers = [serve(trusted, &authority), serve(strange, &other)];
    let targets = json!([
        { "id": "good", "name": "Good", "url": format!("https://localhost:{trusted}/") },
        { "id": "strange", "url": format!("https://localhost:{strange}/") },
        { "id": "gone", "url": "http://127.0.0.1:1/" },
        { "id": "missing", "url": format!("http://127.0.0.1:{public}/nothing") },
    ]);
    let run = |command: &str| {
        let mut process = Command::new(binary());
        process.args([command, "--config", "fanfare.toml"]).current_dir(folder.path());
        process.env("FANFARE__BROKER__REDIS__URL", format!("redis://127.0.0.1:{}", redis.port()));
        process.env("FANFARE__LISTEN__PUBLIC", format!("127.0.0.1:{public}"));
        process.env("FANFARE__LISTEN__ADMIN", "127.0.0.1:0").env("FANFARE__WATCH__ADMIN", "127.0.0.1:0");
        process.env("FANFARE__PROBE__TARGETS", targets.to_string()).env("FANFARE__PROBE__INTERVAL", "500ms");
        process.env("SSL_CERT_FILE", authority.certificate());
        Process::start(&mut process)
    };
    let _gateway = run("serve");
    wait_for("the gateway to listen", || std::net::TcpStream::connect(("127.0.0.1", public)).is_ok());
    let probe = run("probe");
    // The database is the prober's to make.
    wait_for("the prober to look", || folder.path().join("uptime.db").is_file());
    let watcher = run("watch");
    drop(watcher.wait_for_line("this process watches now"));
    let second = run("watch");
    drop(second.wait_for_line("standing by"));

    let shown = |channel: &str| {
        let query = format!("/events?channel=uptime/{channel}&transport=poll");
        let page = wait_some("the gateway to answer", || {
            let answer = http::request(([127, 0, 0, 1], public).into(), "GET", &query, &[], b"");
            (answer.status == 200).then_some(answer)
        });
        let page: Value = serde_json::from_str(&page.text()).unwrap();
        page["publications"]
            .as_array()
            .unwrap()
            .iter()
            .map(|publication| publication["data"].clone())
            .collect::<Vec<_>>()
    };
    let monitor = |id: &str, status: &str| {
        wait_some(&format!("{id} to be {status}"), || {
            shown(&format!("monitors/{id}")).into_iter().find(|monitor| monitor["status"] == status)
        })
    };
    let good = monitor("good", "up");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let until = Duration::from_millis(good["certificate_until"].as_u64().unwrap());
    let left = until.checked_sub(now).unwrap();
    assert!(
        left > Duration::from_secs(24 * 60 * 60) && left < Duration::from_secs(3 * 24 * 60 * 60),
        "{left:?}"
    );
    assert_eq!((&good["http_status"], &good["name"]), (&json!(200), &json!("Good")));
    assert!(monitor("strange", "down")["error"].as_str().unwrap().contains("authority that is not trusted"));
    assert!(monitor("gone", "down")["error"].as_str().unwrap().starts_with("cannot be reached: "));
    assert_eq!(monitor("missing", "down")["error"], "answers with 404");
    wait_for("three incidents", || shown("incidents/*").len() == 3);

    // What the prober knows outlasts it.
    let looks = || monitor("good", "up")["checks"].as_i64().unwrap();
    drop(probe);
    let before = looks();
    let _probe = run("probe");
    wait_for("more looks", || looks() > before);
    assert_eq!(shown("incidents/*").len(), 3);
}

#[test]
fn a_prober_writes_to_postgres_too_and_goes_on_where_it_was() {
    let postgres = Postgres::start();
    let targets = json!([{ "id": "gone", "name": "Gone", "url": "http://127.0.0.1:1/" }]);
    let run = || {
        let mut process = Command::new(binary());
        process.arg("probe").env("FANFARE__PROBE__DATABASE", postgres.url());
        process.env("FANFARE__PROBE__TARGETS", targets.to_string()).env("FANFARE__PROBE__INTERVAL", "200ms");
        Process::start(&mut process)
    };
    let checks = || postgres.run("SELECT checks FROM uptime_monitors").parse::<u64>().unwrap_or_default();
    let first = run();
    let table = || postgres.run("SELECT to_regclass('uptime_monitors')") == "uptime_monitors";
    wait_for("some looks", || table() && checks() >= 3);
    drop(first);
    let before = checks();
    let second = run();
    wait_for("more looks", || checks() > before);
    assert_eq!(postgres.run("SELECT status, error IS NOT NULL FROM uptime_monitors"), "down|t");
    assert_eq!(postgres.run("SELECT monitor, ended FROM uptime_incidents"), "gone|");
    let said = second.said().join("\n");
    assert!(!said.contains("already exists"), "{said}");
}
