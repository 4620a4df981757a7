//! What those who mean harm do, and that nobody else feels it. How much they feel, `make bench` measures.

use std::{io::Write, net::TcpStream};

use jsonwebtoken::Algorithm;
use serde_json::json;
use tests::{
    Gateway, Issuer, Redis, WebSocket,
    http::{self, connect_from},
    wait_for,
};

const SECRET: &str = "a secret for tests, which everybody may know";

fn rejected(gateway: &Gateway, reason: &str) -> f64 {
    gateway.metric(&format!("fanfare_rejected_total{{reason=\"{reason}\"}}"))
}

/// The answers in what came until the connection ended.
fn statuses(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    text.split("HTTP/1.1 ").skip(1).map(|answer| answer[..3].to_owned()).collect()
}

#[test]
fn what_two_servers_could_read_differently_is_refused() {
    let gateway = Gateway::embedded();
    let mut reader = gateway.listen("channel=*");
    // Each ends with what would be a second request, if the first were read otherwise.
    let ask = |headers: &str| {
        let smuggled = "5\r\nhello\r\n0\r\n\r\nPOST /events?channel=smuggled HTTP/1.1\r\nHost: x\r\n\r\n";
        let head = format!("POST /events?channel=a HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n");
        statuses(&http::raw(gateway.public(), &[head.as_bytes(), smuggled.as_bytes()].concat()))
    };
    for headers in [
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Content-Length: 5, 6\r\n",
        "Content-Length: 5, 5\r\n",
        "Content-Length: +5\r\n",
        "Content-Length: -1\r\n",
        "Content-Length: 0x5\r\n",
        "Content-Length: 18446744073709551616\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        "Transfer-Encoding: identity\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding : chunked\r\n",
        "Transfer-Encoding:\x0bchunked\r\n",
        "X: a\r\n folded\r\nContent-Length: 5\r\n",
        "X: a\rY: b\r\nContent-Length: 5\r\n",
        "X\0: a\r\nContent-Length: 5\r\n",
        " X: a\r\nContent-Length: 5\r\n",
        "Host: other\r\nContent-Length: 5\r\n",
    ] {
        assert_eq!(ask(headers), ["400"], "{headers:?}");
    }
    assert!(rejected(&gateway, "bad_http") >= 16.0);
    // RFC 9112, section 6.3: chunks count, and the connection ends with the answer.
    for headers in [
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
    ] {
        assert_eq!(ask(headers), ["200"], "{headers:?}");
        reader.expect("hello");
    }
    for body in
        ["-5\r\nhello\r\n0\r\n\r\n", "5\nhello\n0\n\n", "5\r\nhelloXX0\r\n\r\n", "fffffffffffffffff\r\nx"]
    {
        let head = "POST /events?channel=a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
        assert_eq!(
            statuses(&http::raw(gateway.public(), format!("{head}{body}").as_bytes())),
            ["400"],
            "{body:?}"
        );
    }
    gateway.post("channel=a", "the end");
    reader.expect("the end");
}

#[test]
fn floods_over_a_websocket_end_it() {
    let gateway = Gateway::plan().set("sessions.max_requests_per_second", "50").start();
    let ping = [0x89, 0x80, 0, 0, 0, 0];
    let mut socket = WebSocket::enter(&gateway, "");
    socket.send_raw(&ping.repeat(200));
    let answer = socket.message();
    assert_eq!(answer["error"]["code"], "too_many_requests", "{answer}");
    assert_eq!(socket.message()["data"]["reason"], "limit");
    assert_eq!(socket.expect_close().0, Some(1008));
    let mut socket = WebSocket::enter(&gateway, "");
    socket.send_raw(&[0x01, 0x81, 0, 0, 0, 0, b'x']);
    socket.send_raw(&[0x00, 0x80, 0, 0, 0, 0].repeat(2_000));
    assert_eq!(socket.expect_close().0, Some(1009));
    assert_eq!((rejected(&gateway, "too_many_requests"), rejected(&gateway, "websocket")), (1.0, 1.0));
}

/// Connections of one address that begin like this.
fn wave(gateway: &Gateway, count: usize, opening: &[u8]) -> Vec<TcpStream> {
    let begin = |_| {
        let mut stream = http::connect(gateway.public());
        let _ = stream.write_all(opening);
        stream
    };
    (0..count).map(begin).collect()
}

#[test]
fn of_all_at_once_nobody_else_is_disturbed_and_each_is_counted() {
    const EACH: usize = 100;
    let redis = Redis::start();
    let gateway = Gateway::plan_on(redis.port())
        .set("auth.secret", &format!("{SECRET:?}"))
        .set("listen.head_timeout", "\"1s\"")
        .set("sessions.max_per_address", "250")
        .rules("[[channels]]\nmatch = \"*\"\nsubscribe = \"token\"\npublish = \"token\"\n")
        .start();
    let issuer = Issuer::hmac(Algorithm::HS256, SECRET.as_bytes());
    let token = issuer.token(&json!({"fanfare": {"subscribe": ["a"], "publish": ["a"]}}));
    let forged = Issuer::hmac(Algorithm::HS256, &[b'x'; 32]).token(&json!({"sub": "42"}));
    let mut belongs = connect_from("127.0.0.2".parse().expect("an address"), gateway.public());
    let head =
        format!("GET /events?channel=a&transport=sse&token={token} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    belongs.write_all(head.as_bytes()).expect("it takes a request");
    http::read_until(&mut belongs, &["fanfare.open"]);

    let get = |headers: &str| format!("GET /events?channel=a HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n");
    let openings = [
        "GET /events?channel=a HTTP/1.1\r\nHost: localhost\r\nX: ".to_owned(),
        format!(
            "POST /events?channel=a&token={token} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nx"
        ),
        String::new(),
        get(&format!("X: {}\r\n", "x".repeat(100_000))),
        get(&"X: y\r\n".repeat(1_000)),
        "garbage\r\n".repeat(100),
        get(&format!("Authorization: Bearer {forged}\r\nConnection: close\r\n")),
    ];
    let waves: Vec<_> = openings.iter().map(|opening| wave(&gateway, EACH, opening.as_bytes())).collect();
    for number in 0..EACH {
        for channel in ["@json", "a*b", "@other"] {
            redis.publish(channel, "{\"channel\":");
        }
        redis.publish_raw(b"fanfare:a", b"\xff");
        redis.publish("a", &format!("publication {number}."));
    }
    let said = http::read_until(&mut belongs, &[&format!("publication {}.", EACH - 1)]);
    let mut came = said.split("publication ").skip(1).map(|rest| rest.split('.').next().unwrap_or_default());
    assert!((0..EACH).all(|number| came.next() == Some(&number.to_string())), "{said}");

    let refused = || -> f64 {
        let reasons =
            ["head_timeout", "body_timeout", "head_too_large", "bad_http", "address-limit", "bad_token"];
        reasons.iter().map(|reason| rejected(&gateway, reason)).sum()
    };
    wait_for("each to be counted", || refused() >= (EACH * openings.len()) as f64);
    drop(waves);
    let dropped: f64 = ["malformed", "bad_channel", "not_utf8"]
        .iter()
        .map(|outcome| gateway.metric(&format!("fanfare_publications_total{{outcome=\"{outcome}\"}}")))
        .sum();
    assert_eq!(dropped, (4 * EACH) as f64);
}
