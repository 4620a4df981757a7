//! What one may have of everything, and how one is told when that is reached.

use std::{
    io::Write,
    net::{IpAddr, SocketAddr, TcpStream},
};

use jsonwebtoken::Algorithm;
use serde_json::json;
use tests::{
    Gateway, Issuer, Listener, WebSocket,
    http::{self, Answer, connect_from, read_until},
    wait_for,
};

const SECRET: &str = "a secret for tests, which everybody may know";

/// An event stream from an address of its own, and the beginning of what it says.
fn stream_from(source: &str, gateway: &Gateway) -> (TcpStream, String) {
    let source: IpAddr = source.parse().expect("an address");
    let mut stream = connect_from(source, gateway.public());
    let head = "GET /events?channel=a&transport=sse HTTP/1.1\r\nHost: localhost\r\n\r\n";
    stream.write_all(head.as_bytes()).expect("it takes a request");
    let said = read_until(&mut stream, &["fanfare.open", "fanfare.bye"]);
    (stream, said)
}

fn rejected(gateway: &Gateway, reason: &str) -> f64 {
    gateway.metric(&format!("fanfare_rejected_total{{reason=\"{reason}\"}}"))
}

fn upgrade(address: SocketAddr, query: &str) -> Answer {
    WebSocket::handshake(
        address,
        &format!("/events?{query}"),
        &tests::websocket::headers("dGhlIHNhbXBsZSBub25jZQ=="),
    )
}

#[test]
fn an_address_has_its_share_of_sessions_on_all_transports_and_others_are_not_held_up() {
    let gateway = Gateway::plan().set("sessions.max_per_address", "3").start();
    let mut held: Vec<Listener> = (0..2).map(|_| gateway.listen("channel=a")).collect();
    let socket = WebSocket::enter(&gateway, "channel=a");
    let mut refused = Listener::connect(gateway.public(), "channel=a&transport=sse", None, "1.1");
    let bye = refused.next();
    assert_eq!((&*bye.name, &*bye.data), ("fanfare.bye", r#"{"reason":"address-limit","reconnect":true}"#));
    refused.expect_end();
    let answer = upgrade(gateway.public(), "channel=a");
    assert_eq!((answer.status, &*answer.error_code()), (429, "address-limit"));
    assert!(answer.header("retry-after").is_some());
    let cursor = gateway.get("/events?channel=a").json()["cursor"].as_str().unwrap().to_owned();
    let waiting = gateway.get(&format!("/events?channel=a&since={cursor}&wait=30"));
    assert_eq!((waiting.status, &*waiting.error_code()), (429, "address-limit"));
    assert_eq!(rejected(&gateway, "address-limit"), 3.0);
    let (_other, said) = stream_from("127.0.0.2", &gateway);
    assert!(said.contains("fanfare.open"), "{said}");
    // Who leaves makes room, on whichever shard it was.
    drop((held.pop(), socket));
    let comes_in = || {
        let mut listener = Listener::connect(gateway.public(), "channel=a&transport=sse", None, "1.1");
        listener.next().name == "fanfare.open"
    };
    wait_for("room for another", comes_in);
}

#[test]
fn an_address_has_as_many_connections_that_are_no_sessions() {
    let gateway = Gateway::plan().set("sessions.max_per_address", "3").start();
    let idle: Vec<TcpStream> = (0..4).map(|_| http::connect(gateway.public())).collect();
    gateway.wait_for_metric("fanfare_rejected_total{reason=\"address-limit\"}", 1.0);
    // Nobody answers who came too late, not even with a status that would keep an EventSource away for good.
    let head = b"GET /events?channel=a HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    assert!(http::raw(gateway.public(), head).is_empty());
    assert_eq!(rejected(&gateway, "address-limit"), 2.0);
    let (_other, said) = stream_from("127.0.0.2", &gateway);
    assert!(said.contains("fanfare.open"), "{said}");
    drop(idle);
    wait_for("room for another", || !http::raw(gateway.public(), head).is_empty());
}

#[test]
fn an_address_comes_at_its_rate() {
    let gateway = Gateway::plan().set("sessions.max_new_per_second_per_address", "5").start();
    let came: Vec<bool> =
        (0..20).map(|_| stream_from("127.0.0.1", &gateway).1.contains("fanfare.open")).collect();
    let open = came.iter().filter(|open| **open).count();
    assert!((5..12).contains(&open) && came[..5] == [true; 5], "{came:?}");
    assert!(stream_from("127.0.0.2", &gateway).1.contains("fanfare.open"));
    wait_for("its turn", || stream_from("127.0.0.1", &gateway).1.contains("fanfare.open"));
}

#[test]
fn whom_a_trusted_proxy_names_counts_and_of_ipv6_its_network() {
    let gateway = Gateway::plan()
        .set("sessions.max_per_address", "1")
        .set("listen.trusted_proxies", "[\"127.0.0.1\"]")
        .rules("[[channels]]\nmatch = \"*\"\nsubscribe = \"anyone\"\n")
        .start();
    let mut held = Vec::new();
    let mut comes_in = |address: &str| {
        let mut stream = http::connect(gateway.public());
        let head = format!(
            "GET /events?channel=a&transport=sse HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: {address}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        let said = read_until(&mut stream, &["fanfare.open", "fanfare.bye"]);
        held.push(stream);
        said.contains("fanfare.open")
    };
    assert!(comes_in("2001:db8:1:2::1"));
    assert!(!comes_in("2001:db8:1:2:ffff::9"));
    assert!(comes_in("2001:db8:1:3::1"));
    assert!(comes_in("192.0.2.1"));
    assert!(!comes_in("::ffff:192.0.2.1"));
    assert!(comes_in("192.0.2.2"));
}

#[test]
fn a_subject_has_its_share_of_sessions() {
    let gateway = Gateway::plan()
        .set("auth.secret", &format!("{SECRET:?}"))
        .set("sessions.max_per_subject", "2")
        .rules("[[channels]]\nmatch = \"*\"\nsubscribe = \"token\"\n")
        .start();
    let issuer = Issuer::hmac(Algorithm::HS256, SECRET.as_bytes());
    let query = |subject: &str| {
        let grants = json!({"subscribe": ["a"]});
        format!("channel=a&token={}", issuer.token(&json!({"sub": subject, "fanfare": grants})))
    };
    let held = (gateway.listen(&query("1")), WebSocket::enter(&gateway, &query("1")));
    assert_eq!(upgrade(gateway.public(), &query("1")).error_code(), "subject-limit");
    // Nor does one come in by naming itself later.
    let mut socket = WebSocket::enter(&gateway, "");
    let token = |subject| query(subject).split_once("token=").unwrap().1.to_owned();
    let answer = socket.ask(json!({"token": token("1")}));
    assert_eq!(answer["error"]["code"], "subject-limit", "{answer}");
    drop(gateway.listen(&query("2")));
    drop(held);
    wait_for("room for another", || upgrade(gateway.public(), &query("1")).status == 101);
}

#[test]
fn a_session_publishes_at_its_rate() {
    let gateway = Gateway::plan().set("sessions.max_publications_per_second", "5").start();
    let mut socket = WebSocket::enter(&gateway, "");
    for number in 0..20 {
        socket.send_json(json!({"publish": {"channel": "a", "data": "x"}, "ref": number}));
    }
    let mut answers = (0..).map(|_| socket.message()).skip_while(|answer| answer["ok"] == true);
    assert_eq!(answers.next().unwrap()["error"]["code"], "too_many_publications");
    assert_eq!(answers.next().unwrap()["data"]["reason"], "limit");
    drop(answers);
    assert_eq!(socket.expect_close().0, Some(1008));
    // What it asks beside that is not counted so.
    let mut socket = WebSocket::enter(&gateway, "");
    for number in 0..20 {
        assert_eq!(socket.ask(json!({"subscribe": ["a"], "ref": number}))["ok"], true);
    }
}

#[test]
fn a_head_that_is_too_long_is_told_so_and_counted() {
    let gateway = Gateway::plan()
        .set("listen.max_head_bytes", "8192")
        .set("listen.max_headers", "20")
        .set("listen.max_url_bytes", "200")
        .start();
    let get =
        |path: &str, headers: &[(&str, &str)]| http::request(gateway.public(), "GET", path, headers, b"");
    let long = "x".repeat(300);
    let answer = get(&format!("/events?channel=a&_={long}"), &[]);
    assert_eq!((answer.status, &*answer.error_code()), (414, "url_too_long"));
    assert_eq!(rejected(&gateway, "url_too_long"), 1.0);
    let longer = "x".repeat(9_000);
    assert_eq!(get("/events?channel=a", &[("X-Long", &longer)]).status, 431);
    let many: Vec<_> = (0..30).map(|_| ("X-Many", "x")).collect();
    assert_eq!(get("/events?channel=a", &many).status, 431);
    gateway.wait_for_metric("fanfare_rejected_total{reason=\"head_too_large\"}", 2.0);
    assert_eq!(get("/events?channel=a", &[]).status, 200);
}
