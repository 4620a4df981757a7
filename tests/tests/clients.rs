//! Event stream clients of other makes: each hears publications and every control message, and those
//! that come back by themselves miss nothing.

use std::{net::SocketAddr, path::Path, process::Command};

use tests::{Event, Gateway, Proxy, Redis, Reporter, process::Process, report::Report, wait_for};

/// A cursor of a gateway that nobody here has ever heard of.
const FOREIGN_CURSOR: &str = "00000000000000aa-1-5";

/// A client's program, in the folder that holds all of them.
struct Client {
    process: Process,
    read: fn(&[String]) -> Vec<Report>,
}

impl Client {
    fn eventsource(package: &str, url: &str) -> Self {
        Self::node(&["eventsource.js", package, url])
    }

    fn fetch_event_source(url: &str) -> Self {
        Self::node(&["fetch-event-source.js", url])
    }

    fn node(arguments: &[&str]) -> Self {
        Self::start(Command::new("node").args(arguments), read_json)
    }

    fn python(url: &str, last_id: Option<&str>) -> Self {
        let mut command = Command::new(folder().join(".venv/bin/python"));
        Self::start(command.args(["sse.py", url]).args(last_id), read_json)
    }

    fn curl(url: &str, last_id: Option<&str>) -> Self {
        let mut command = Command::new("curl");
        command.args([
            "--silent",
            "--show-error",
            "--no-buffer",
            "--header",
            "Accept: text/event-stream",
            url,
        ]);
        if let Some(id) = last_id {
            command.args(["--header", &format!("Last-Event-ID: {id}")]);
        }
        Self::start(&mut command, read_event_stream)
    }

    fn start(command: &mut Command, read: fn(&[String]) -> Vec<Report>) -> Self {
        Self { process: Process::start(command.current_dir(folder())), read }
    }
}

impl Reporter for Client {
    fn reports(&self) -> Vec<Report> {
        (self.read)(&self.process.said())
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the client said: {:#?}", self.process.said());
        }
    }
}

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/clients"))
}

/// What the scripts print: a report in each line.
fn read_json(lines: &[String]) -> Vec<Report> {
    let report = |line: &String| Report::from_json(&serde_json::from_str(line).ok()?);
    lines.iter().filter_map(report).collect()
}

/// What curl prints: the stream itself.
fn read_event_stream(lines: &[String]) -> Vec<Report> {
    let (mut reports, mut event) = (Vec::new(), Event::default());
    for line in lines {
        match line.split_once(": ") {
            Some(("event", name)) => name.clone_into(&mut event.name),
            Some(("id", id)) => event.id = Some(id.to_owned()),
            Some(("data", data)) if event.data.is_empty() => data.clone_into(&mut event.data),
            Some(("data", data)) => event.data = format!("{}\n{data}", event.data),
            _ if line.is_empty() => reports.push(Report::Event(std::mem::take(&mut event))),
            _ => {}
        }
    }
    reports
}

fn url(gateway: SocketAddr, query: &str) -> String {
    format!("http://{gateway}/events?channel=a&{query}")
}

fn publish(redis: &Redis, numbers: std::ops::Range<u32>) {
    redis.publish_all(numbers.map(|number| ("a", number.to_string())));
}

/// Lets a client hear all there is to hear, up to the drain; `start` starts it on a URL.
fn hears_everything(start: impl FnOnce(&str) -> Client) -> Client {
    let gateway = Gateway::plan().set("sessions.heartbeat", "\"200ms\"").start();
    let client = start(&url(gateway.public(), &format!("since={FOREIGN_CURSOR}")));
    assert!(client.wait_for_control("open").data.starts_with('{'));
    let gap = client.wait_for_control("gap");
    assert!(gap.id.is_some() && gap.data.contains("unknown-cursor"), "{gap:?}");
    // While the session still waited for its cursor, heartbeats had no id of their own.
    let moves_on = |cursor: &Event| cursor.id.as_deref().is_some_and(|id| id != FOREIGN_CURSOR);
    wait_for("a heartbeat with an id", || client.controls("cursor").iter().any(moves_on));
    gateway.post("channel=a", "plain");
    gateway.post("channel=a", "two\nlines");
    client.expect_all(["plain", "two\nlines"]);
    gateway.drain();
    let bye = client.wait_for_control("bye");
    assert!(bye.id.is_some() && bye.data.contains("drain"), "{bye:?}");
    client.expect_all(["plain", "two\nlines"]);
    client
}

/// A gateway whose clients come back soon, and that is ready soon beside another.
fn quick(redis: &Redis) -> Gateway {
    Gateway::plan_on(redis.port())
        .set("sessions.retry", "\"100ms\"")
        .set("sessions.heartbeat", "\"200ms\"")
        .start()
}

/// Cuts a client off, publishes while it is away, and lets it in again.
fn comes_back_after_a_cut(start: impl FnOnce(&str) -> Client) {
    let redis = Redis::start();
    let gateway = quick(&redis);
    let proxy = Proxy::to(gateway.public());
    let client = start(&url(proxy.address(), ""));
    client.wait_for_control("open");
    publish(&redis, 0..10);
    client.expect_all(0..10);
    client.cut_off(&proxy);
    publish(&redis, 10..20);
    proxy.set_closed(false);
    client.expect_all(0..20);
    publish(&redis, 20..30);
    client.expect_all(0..30);
    assert_eq!(client.controls("gap"), [], "no gap");
}

/// Drains a client's gateway while another one answers in its place.
fn comes_back_after_a_bye(start: impl FnOnce(&str) -> Client) {
    let redis = Redis::start();
    let (one, two) = (quick(&redis), quick(&redis));
    let proxy = Proxy::to(one.public());
    let client = start(&url(proxy.address(), ""));
    client.wait_for_control("open");
    publish(&redis, 0..10);
    client.expect_all(0..10);
    proxy.redirect(two.public());
    one.drain();
    publish(&redis, 10..20);
    client.wait_for_control("bye");
    client.expect_all(0..20);
    publish(&redis, 20..30);
    client.expect_all(0..30);
    assert_eq!(client.controls("gap"), [], "no gap");
}

/// The claims that hold for each client that comes back by itself.
macro_rules! reconnecting_client {
    ($name:ident, $start:expr) => {
        mod $name {
            use super::*;

            #[test]
            fn hears_publications_and_every_control_message() {
                hears_everything($start);
            }

            #[test]
            fn comes_back_after_a_cut_and_has_everything_exactly_once() {
                comes_back_after_a_cut($start);
            }

            #[test]
            fn comes_back_after_a_bye_and_has_everything_exactly_once() {
                comes_back_after_a_bye($start);
            }
        }
    };
}

reconnecting_client!(eventsource_3, |url: &str| Client::eventsource("eventsource-3", url));
reconnecting_client!(eventsource_4, |url: &str| Client::eventsource("eventsource-4", url));
reconnecting_client!(eventsource_5, |url: &str| Client::eventsource("eventsource-5", url));
reconnecting_client!(fetch_event_source, Client::fetch_event_source);

#[test]
fn python_hears_publications_and_every_control_message() {
    let mut client = hears_everything(|url| Client::python(url, None));
    client.wait_for_state("closed", 1);
    assert_eq!(client.process.wait().code(), Some(0));
}

#[test]
fn curl_hears_publications_and_every_control_message_and_a_whole_body() {
    let mut client = hears_everything(|url| Client::curl(url, None));
    assert_eq!(client.process.wait().code(), Some(0), "curl takes a body that was cut short for an error");
}

#[test]
fn python_and_curl_go_on_after_the_last_id_they_are_given() {
    let gateway = Gateway::embedded();
    let mut listener = gateway.listen("channel=a");
    gateway.post("channel=a", "known");
    gateway.post("channel=a", "missed");
    let known = listener.expect("known").id;
    let url = url(gateway.public(), "");
    let clients = [Client::python(&url, known.as_deref()), Client::curl(&url, known.as_deref())];
    for client in &clients {
        client.expect_all(["missed"]);
    }
    gateway.post("channel=a", "live");
    for client in &clients {
        client.expect_all(["missed", "live"]);
    }
}
