//! `fanfare doctor`: what it finds, what it says to do, and that doing it works.

use std::{
    io::Write,
    net::SocketAddr,
    process::{Command, Output, Stdio},
};

use tests::{Gateway, Redis, gateway::binary, port::free_port, process::Process, wait_for};

/// A configuration on a Redis, with ports that are free.
fn config(redis: &Redis, kind: &str, more: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    write!(
        file,
        "[listen]\npublic = \"127.0.0.1:{}\"\nadmin = \"127.0.0.1:{}\"\n[broker]\nkind = {kind:?}\n\
         [broker.redis]\nurl = \"redis://127.0.0.1:{}\"\n{more}",
        free_port(),
        free_port(),
        redis.port()
    )
    .expect("it can be written");
    file
}

/// Puts other ports in a configuration.
fn listen_on(config: &tempfile::NamedTempFile, public: SocketAddr, admin: SocketAddr) {
    let text = std::fs::read_to_string(config.path()).expect("it is there");
    let (_, broker) = text.split_once("[broker]").expect("it is there");
    let text = format!("[listen]\npublic = \"{public}\"\nadmin = \"{admin}\"\n[broker]{broker}");
    std::fs::write(config.path(), text).expect("it can be written");
}

fn command(config: &tempfile::NamedTempFile, seconds: u64) -> Command {
    let mut command = Command::new(binary());
    command.args(["doctor", "--seconds", &seconds.to_string(), "--config"]).arg(config.path());
    command
}

fn doctor(config: &tempfile::NamedTempFile) -> (Option<i32>, String) {
    let Output { status, stdout, .. } = command(config, 0).output().expect("it runs");
    (status.code(), String::from_utf8(stdout).expect("it is text"))
}

/// A doctor that listens; `publish` is called as soon as it does.
fn listening(redis: &Redis, config: &tempfile::NamedTempFile, publish: impl Fn()) -> (Option<i32>, String) {
    let mut process = Process::start(&mut command(config, 3));
    let _ = process.wait_for_line("listening for 3 s");
    // Names that begin so are passed over; nobody else listens to them.
    wait_for("it to subscribe", || redis.publish_raw(b"__is anybody there", b"") == 1);
    publish();
    let code = process.wait().code();
    wait_for("its last line", || process.said().iter().any(|line| line.starts_with("problems: ")));
    (code, process.said().join("\n"))
}

/// Runs what stands behind the arrow under a line, in a shell.
fn do_what_it_says(report: &str, line: &str) {
    let mut lines = report.lines().skip_while(|other| !other.contains(line));
    let remedy =
        lines.nth(1).and_then(|line| line.trim().strip_prefix("-> ")).unwrap_or_else(|| panic!("{report}"));
    let status =
        Command::new("sh").args(["-c", remedy]).stdout(Stdio::null()).status().expect("there is a shell");
    assert!(status.success(), "{remedy}");
}

#[test]
fn where_all_is_well_it_says_so() {
    let redis = Redis::durable();
    redis.add("a", "x");
    let (code, report) = doctor(&config(&redis, "redis-stream", ""));
    assert_eq!(code, Some(0), "{report}");
    for part in [
        "the configuration is valid",
        "is free",
        &format!("at 127.0.0.1:{}, the primary, replicas: 0", redis.port()),
        "the stream fanfare:@stream holds 1 entries, the oldest",
        "no setting of Redis will hurt",
        "may do all that is needed",
        "ACL SETUSER fanfare on '>PASSWORD' resetchannels '&fanfare:*' '~fanfare:*' +xread",
        "problems: 0, warnings: 0",
    ] {
        assert!(report.contains(part), "{part}: {report}");
    }
}

#[test]
fn what_nearly_arrives_is_listed_with_commands_that_work() {
    for kind in ["redis-pubsub", "redis-stream"] {
        let redis = Redis::durable();
        let gateway = Gateway::plan_on(redis.port()).set("broker.kind", &format!("{kind:?}")).start();
        let mut browser = gateway.listen("channel=alerts");
        redis.command(&["XADD", "fanfare:stream", "*", "channel", "alerts", "data", "old name"]);
        redis.command(&["XADD", "jobs", "*", "queue", "mail"]);
        let (code, report) = listening(&redis, &config(&redis, kind, ""), || {
            for name in ["alerts", "Fanfare:alerts", "fanfare.alerts", "app_fanfare:alerts", "sidekiq:beat"] {
                redis.publish_raw(name.as_bytes(), b"it's full");
            }
            redis.publish_raw(b"fanfare:a*", b"x");
            redis.add_fields(&[("chanel", "alerts"), ("data", "x")]);
            match kind {
                "redis-stream" => drop(redis.publish("alerts", "wrong door")),
                _ => drop(redis.add("alerts", "wrong door")),
            }
            match kind {
                "redis-stream" => drop(redis.add("alerts", "right")),
                _ => drop(redis.publish("alerts", "right")),
            }
        });
        assert_eq!(code, Some(0), "warnings are no problems: {report}");
        browser.expect("right");
        assert!(report.contains("publications that a gateway delivers: 1, on alerts"), "{report}");
        for name in ["alerts:", "Fanfare:alerts:", "fanfare.alerts:", "app_fanfare:alerts:"] {
            do_what_it_says(&report, &format!("warning  {name} published once, but not under fanfare:"));
            browser.expect("it's full");
        }
        let wrong = match kind {
            "redis-stream" => "fanfare:alerts: published once by PUBLISH",
            _ => "fanfare:@stream: added once by XADD",
        };
        do_what_it_says(&report, wrong);
        browser.expect("wrong door");
        do_what_it_says(&report, "fanfare:stream: a stream that holds publications");
        browser.expect("old name");
        for part in [
            "fanfare:a*: what came once is dropped",
            "fanfare:@stream: what came once is dropped: an entry has the fields `channel`",
            "none of Fanfare's: sidekiq:beat",
        ] {
            assert!(report.contains(part), "{part}: {report}");
        }
        assert!(!report.contains("jobs"), "{report}");
        if kind == "redis-pubsub" {
            assert!(report.contains("gateways under this prefix: 1"), "{report}");
        }
    }
}

#[test]
fn gateways_of_the_other_kind_are_found() {
    let redis = Redis::durable();
    let _gateway = Gateway::on(&redis);
    let (_, report) = listening(&redis, &config(&redis, "redis-stream", ""), || ());
    assert!(report.contains("gateways of the kind redis-pubsub run under this prefix: 1"), "{report}");
}

#[test]
fn what_cannot_work_is_a_problem_and_exit_1() {
    let expect = |config: &tempfile::NamedTempFile, parts: &[&str]| {
        let (code, report) = doctor(config);
        assert_eq!(code, Some(1), "{report}");
        for part in parts {
            assert!(report.contains(part), "{part}: {report}");
        }
    };
    let mut redis = Redis::start();
    let on_stream = config(&redis, "redis-stream", "");
    redis.command(&["SET", tests::redis::STREAM, "x"]);
    expect(&on_stream, &["is no stream", "WRONGTYPE"]);
    redis.kill();
    expect(&on_stream, &["Connection refused", "broker.redis.url"]);
    redis.revive();
    redis.command(&["ACL", "SETUSER", "default", "-xread"]);
    expect(&on_stream, &["-> ACL SETUSER default +xread"]);
    let replica = Redis::with(&["--replicaof", "127.0.0.1", &redis.port().to_string()]);
    expect(&config(&replica, "redis-pubsub", ""), &["this is a replica"]);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let embedded = config(&redis, "embedded", "");
    listen_on(&embedded, taken.local_addr().unwrap(), ([127, 0, 0, 1], free_port()).into());
    expect(&embedded, &["listen.public", "the embedded one"]);
}

#[test]
fn beside_a_running_gateway_its_ports_are_its_own() {
    let redis = Redis::durable();
    let gateway = Gateway::on_stream(&redis);
    let file = config(&redis, "redis-stream", "");
    listen_on(&file, gateway.public(), gateway.admin());
    let (code, report) = doctor(&file);
    assert_eq!(code, Some(0), "{report}");
    assert!(report.contains("a gateway is running here: ready, broker: ok"), "{report}");
}

#[test]
fn a_stream_that_will_not_fit_into_memory_is_a_warning() {
    let redis = Redis::durable();
    redis.add_all((0..2_000).map(|_| ("a", "x".repeat(1_000))));
    redis.command(&["CONFIG", "SET", "maxmemory", "100mb"]);
    let (_, report) = doctor(&config(&redis, "redis-stream", ""));
    assert!(
        report.contains("Redis may take 100 MB in all") && report.contains("stream_keep_count"),
        "{report}"
    );
}
