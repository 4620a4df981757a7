//! What becomes of sessions when the time of their tokens is over.

use std::{
    io::{Read, Write},
    time::{Duration, Instant},
};

use jsonwebtoken::Algorithm;
use serde_json::{Value, json};
use tests::{Gateway, Issuer, WebSocket, http, tokens::in_seconds};

const RULES: &str = r#"
[[channels]]
match = "*"
subscribe = "token"
publish = "token"
"#;
const SECRET: &str = "a secret for tests, which everybody may know";

fn gateway() -> (Gateway, Issuer) {
    let plan = Gateway::plan().set("auth.secret", &format!("{SECRET:?}")).set("sessions.heartbeat", "\"1s\"");
    (plan.rules(RULES).start(), Issuer::hmac(Algorithm::HS256, SECRET.as_bytes()))
}

/// A token for this channel that holds so many seconds.
fn token(issuer: &Issuer, channel: &str, seconds: f64) -> String {
    issuer.token(&claims(channel, seconds))
}

fn claims(channel: &str, seconds: f64) -> Value {
    let grants = json!({"subscribe": [channel], "publish": [channel]});
    json!({"sub": "42", "exp": in_seconds(seconds), "fanfare": grants})
}

#[test]
fn a_stream_is_told_before_its_token_expires_ends_then_and_goes_on_with_another() {
    let (gateway, issuer) = gateway();
    let began = Instant::now();
    let mut listener = gateway.listen(&format!("channel=a&token={}", token(&issuer, "a", 3.0)));
    let left = listener.expect_control("expiring")["expires_in_ms"].as_u64().unwrap();
    assert!((1_000..=3_000).contains(&left), "{left}");
    let lasting = token(&issuer, "a", 600.0);
    gateway.post(&format!("channel=a&token={lasting}"), "one");
    listener.expect("one");
    let bye = listener.next_but_cursor();
    assert_eq!((&*bye.name, &*bye.data), ("fanfare.bye", r#"{"reason":"token-expired","reconnect":true}"#));
    let after = began.elapsed();
    assert!(after > Duration::from_millis(2_900) && after < Duration::from_secs(6), "{after:?}");
    listener.expect_end();
    gateway.post(&format!("channel=a&token={lasting}"), "two");
    let mut again = gateway.resume(&format!("channel=a&token={lasting}"), &bye.id.unwrap());
    again.expect("two");
    gateway.wait_for_metric("fanfare_sessions_closed_total{reason=\"token-expired\",transport=\"sse\"}", 1.0);
}

#[test]
fn a_token_that_holds_long_brings_no_warning() {
    let (gateway, issuer) = gateway();
    let query = format!("channel=a&token={}", token(&issuer, "a", 120.0));
    let (mut listener, mut socket) = (gateway.listen(&query), WebSocket::enter(&gateway, &query));
    listener.heartbeat();
    gateway.post(&query, "hello");
    listener.expect("hello");
    let mut message = socket.message();
    while message["event"] == "fanfare.cursor" {
        message = socket.message();
    }
    assert_eq!(message["data"], "hello");
}

#[test]
fn a_websocket_goes_on_with_another_token_in_place() {
    let (gateway, issuer) = gateway();
    let query = format!("channel=a&token={}", token(&issuer, "a", 3.0));
    let mut socket = WebSocket::enter(&gateway, &query);
    socket.expect_event("expiring");
    // Of these none takes the place of the one that it has.
    let mut refused = |token: String, code: &str| {
        let answer = socket.ask(json!({"token": token, "ref": 1}));
        assert_eq!(answer["error"]["code"], code, "{answer}");
    };
    refused(token(&issuer, "b", 600.0), "forbidden");
    refused(token(&issuer, "a", -1.0), "token_expired");
    refused(format!("{}x", token(&issuer, "a", 600.0)), "bad_token");
    refused(issuer.token(&json!({"sub": "43", "fanfare": {"subscribe": ["a"]}})), "forbidden");
    let answer = socket.ask(json!({"token": token(&issuer, "*", 6.0), "ref": 2}));
    assert_eq!(answer["ok"], true, "{answer}");
    assert!((4_000..=6_000).contains(&answer["expires_in_ms"].as_u64().unwrap()), "{answer}");
    // What only the new one grants is open now ...
    assert_eq!(socket.ask(json!({"subscribe": ["c"], "ref": 3}))["ok"], true);
    // ... and the old one's end is past.
    let began = Instant::now();
    socket.expect_event("expiring");
    let bye = socket.expect_event("bye");
    assert_eq!(bye["data"]["reason"], "token-expired");
    assert!(began.elapsed() > Duration::from_secs(3), "{:?}", began.elapsed());
    assert_eq!(socket.expect_close(), (Some(3000), "token-expired".to_owned()));
}

#[test]
fn a_poll_waits_no_longer_than_its_token_holds() {
    let (gateway, issuer) = gateway();
    let token = token(&issuer, "a", 2.0);
    let poll = |query: &str| gateway.get(&format!("/events?channel=a&token={token}{query}"));
    let cursor = poll("").json()["cursor"].as_str().unwrap().to_owned();
    let began = Instant::now();
    let answer = poll(&format!("&since={cursor}&wait=30"));
    assert_eq!(answer.json()["publications"], json!([]));
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    assert_eq!(poll("").error_code(), "token_expired");
}

#[test]
fn an_event_source_that_can_send_no_headers_gets_a_cookie() {
    let (gateway, issuer) = gateway();
    let address = gateway.public();
    let bearer = format!("Bearer {}", token(&issuer, "a", 60.0));
    let answer = http::request(address, "POST", "/token", &[("Authorization", &bearer)], b"");
    assert_eq!(answer.status, 200, "{}", answer.text());
    let cookie = answer.header("set-cookie").unwrap().to_owned();
    let (pair, attributes) = cookie.split_once("; ").unwrap();
    assert_eq!(attributes, "Path=/; HttpOnly; SameSite=Strict; Max-Age=59");
    let mut stream = http::connect(address);
    let head = format!(
        "GET /events?channel=a HTTP/1.1\r\nHost: {address}\r\nAccept: text/event-stream\r\nCookie: {pair}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut begin = [0; 15];
    stream.read_exact(&mut begin).unwrap();
    assert_eq!(&begin, b"HTTP/1.1 200 OK");
    let secure = http::request(
        address,
        "POST",
        "/token",
        &[("Authorization", &bearer), ("X-Forwarded-Proto", "https")],
        b"",
    );
    assert!(secure.header("set-cookie").unwrap().ends_with("; Secure"));
    let cleared = http::request(address, "DELETE", "/token", &[], b"");
    assert_eq!(cleared.status, 204);
    let cleared = cleared.header("set-cookie").unwrap().to_owned();
    assert_eq!(cleared, "fanfare_token=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0");
    // Nothing is put there that is not accepted, and nothing by pages of others.
    let refused = |method: &str, headers: &[(&str, &str)]| {
        let answer = http::request(address, method, "/token", headers, b"");
        assert_eq!(answer.header("set-cookie"), None);
        answer.status
    };
    assert_eq!(refused("POST", &[]), 401);
    assert_eq!(refused("POST", &[("Cookie", pair)]), 401);
    assert_eq!(refused("POST", &[("Authorization", "Bearer x")]), 401);
    let foreign = ("Origin", "https://evil.example");
    assert_eq!(refused("POST", &[("Authorization", &bearer), foreign]), 403);
    assert_eq!(refused("DELETE", &[foreign]), 403);
    assert_eq!(refused("GET", &[]), 405);
}

#[test]
fn a_cookie_counts_for_pages_of_its_own_and_of_listed_origins_alone() {
    let issuer = Issuer::hmac(Algorithm::HS256, SECRET.as_bytes());
    let gateway = Gateway::plan()
        .set("auth.secret", &format!("{SECRET:?}"))
        .set("cors.origins", "[\"https://app.example\", \"https://*.example.org\"]")
        .rules(RULES)
        .start();
    let address = gateway.public();
    let cookie = format!("fanfare_token={}", token(&issuer, "a", 60.0));
    let ask = |method: &str, origin: &str| {
        let headers = [("Cookie", &*cookie), ("Origin", origin)];
        let answer = http::request(address, method, "/events?channel=a", &headers, b"x");
        let header = answer.header("access-control-allow-credentials").map(str::to_owned);
        (answer.status, header)
    };
    let (yes, own) = (Some("true".to_owned()), format!("http://{address}"));
    for method in ["POST", "DELETE"] {
        assert_eq!(ask(method, "https://app.example"), (200, yes.clone()));
        assert_eq!(ask(method, "https://a.b.example.org"), (200, yes.clone()));
        assert_eq!(ask(method, &own), (200, None));
        for foreign in ["https://evil.example", "https://example.org", "null", "http://localhost:3000"] {
            assert_eq!(ask(method, foreign), (403, None), "{foreign}");
        }
    }
    let mut upgrade = tests::websocket::headers("dGhlIHNhbXBsZSBub25jZQ==").to_vec();
    upgrade.push(("Cookie", &cookie));
    let handshake = |origin| {
        let headers = [&upgrade[..], &[("Origin", origin)]].concat();
        WebSocket::handshake(address, "/events?channel=a", &headers).status
    };
    assert_eq!(handshake("https://app.example"), 101);
    assert_eq!(handshake("http://localhost:3000"), 403);
    assert_eq!(handshake("https://evil.example"), 403);
}
