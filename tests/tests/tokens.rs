//! Who is let in: every rule × token × transport.

use std::{
    io::{Read, Write},
    net::SocketAddr,
};

use jsonwebtoken::Algorithm;
use serde_json::{Value, json};
use tests::{
    Gateway, Issuer, WebSocket,
    gateway::on_every_broker_with,
    http,
    tokens::{in_seconds, unsigned},
    wait_some,
};

const SECRET: &str = "a secret for tests, which everybody may know";
const OPEN_TO_TOKENS: &str = r#"
[[channels]]
match = "*"
subscribe = "token"
publish = "token"
presence = "token"
"#;

const RULES: &str = r#"
[[channels]]
match = "open/*"
subscribe = "anyone"
publish = "anyone"
presence = "anyone"
[[channels]]
match = "closed/*"
[[channels]]
match = "user/{sub}"
subscribe = "token"
publish = "token"
presence = "token"
[[channels]]
match = "tenant/{claim.tenant}/*"
subscribe = "token"
publish = "token"
presence = "token"
[[channels]]
match = "*"
subscribe = "token"
publish = "token"
presence = "token"
"#;

/// Channels, and what they are to one with the valid token.
const CHANNELS: &[(&str, To)] = &[
    ("open/1", To::Anyone),
    ("closed/1", To::Nobody),
    ("a/1", To::Bearer),
    ("b", To::Bearer),
    ("ab", To::Others),
    ("a", To::Others),
    ("c/1", To::Others),
    ("user/42", To::Bearer),
    ("user/43", To::Others),
    ("user/4", To::Others),
    ("tenant/acme/x", To::Bearer),
    ("tenant/acm/x", To::Others),
];

/// Patterns, which can only be read.
const PATTERNS: &[(&str, To)] = &[
    ("open/*", To::Anyone),
    ("a/*", To::Bearer),
    ("a/x*", To::Bearer),
    ("a*", To::Others),
    ("b*", To::Others),
    ("*", To::Nobody),
    ("user/*", To::Others),
    ("user/42*", To::Others),
    ("tenant/acme/*", To::Bearer),
    ("tenant/*", To::Others),
    ("closed/*", To::Nobody),
];

#[derive(Clone, Copy, Debug, PartialEq)]
enum To {
    Anyone,
    Bearer,
    /// Not to this one, but perhaps to another.
    Others,
    Nobody,
}

/// How something is asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    Sse,
    Poll,
    Advice,
    Presence,
    Post,
    Batch,
    Delete,
    Handshake,
    Subscribe,
    Publish,
    AskPresence,
}

const WAYS: [Way; 11] = [
    Way::Sse,
    Way::Poll,
    Way::Advice,
    Way::Presence,
    Way::Post,
    Way::Batch,
    Way::Delete,
    Way::Handshake,
    Way::Subscribe,
    Way::Publish,
    Way::AskPresence,
];

impl Way {
    fn takes_patterns(self) -> bool {
        matches!(self, Self::Sse | Self::Poll | Self::Advice | Self::Handshake | Self::Subscribe)
    }

    /// Asks, and says with which status and code it was answered; 200 is yes.
    fn ask(self, address: SocketAddr, channel: &str, token: Option<&str>) -> (u16, String) {
        let bearer = token.map(|token| format!("Bearer {token}"));
        let mut headers: Vec<(&str, &str)> = Vec::new();
        headers.extend(bearer.as_deref().map(|bearer| ("Authorization", bearer)));
        let channel_query = format!("channel={}", channel.replace('*', "%2A"));
        let query = match token {
            Some(token) => format!("{channel_query}&token={token}"),
            None => channel_query.clone(),
        };
        let said = |request: Value| {
            let token = token.map(|token| format!("token={token}")).unwrap_or_default();
            let refused = WebSocket::handshake(address, &format!("/events?{token}"), &upgrade());
            if refused.status != 101 {
                return (refused.status, refused.error_code());
            }
            let answer = WebSocket::open(address, &token).ask(request);
            match answer["error"]["code"].as_str() {
                None => (200, String::new()),
                Some(code) => (if code == "unauthorized" { 401 } else { 403 }, code.to_owned()),
            }
        };
        match self {
            Self::Sse => {
                headers.push(("Accept", "text/event-stream"));
                beginning(address, "GET", &format!("/events?{channel_query}"), &headers, "")
            }
            Self::Poll => beginning(address, "GET", &format!("/events?{channel_query}"), &headers, ""),
            Self::Advice => beginning(address, "GET", &format!("/advice?{channel_query}"), &headers, ""),
            Self::Presence => beginning(address, "GET", &format!("/presence?{query}"), &[], ""),
            Self::Post => beginning(address, "POST", &format!("/events?{channel_query}"), &headers, "x"),
            Self::Batch => {
                headers.push(("Content-Type", "application/x-ndjson"));
                let line = json!({"channel": channel, "data": "x"}).to_string();
                let answer = http::request(address, "POST", "/events", &headers, line.as_bytes());
                if answer.status != 200 {
                    return (answer.status, answer.error_code());
                }
                match answer.json()[0]["error"]["code"].as_str() {
                    None => (200, String::new()),
                    Some(code) => (if code == "unauthorized" { 401 } else { 403 }, code.to_owned()),
                }
            }
            Self::Delete => beginning(address, "DELETE", &format!("/events?{query}"), &[], ""),
            Self::Handshake => {
                let answer = WebSocket::handshake(address, &format!("/events?{query}"), &upgrade());
                let code = if answer.status == 101 { String::new() } else { answer.error_code() };
                (if answer.status == 101 { 200 } else { answer.status }, code)
            }
            Self::Subscribe => said(json!({"subscribe": [channel]})),
            Self::Publish => said(json!({"publish": {"channel": channel, "data": "x"}})),
            Self::AskPresence => said(json!({"presence": channel})),
        }
    }
}

fn upgrade() -> [(&'static str, &'static str); 4] {
    tests::websocket::headers("dGhlIHNhbXBsZSBub25jZQ==")
}

/// The status of an answer, and the code of its error if it is one; a stream is not read.
fn beginning(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> (u16, String) {
    let mut stream = http::connect(address);
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&format!("Content-Length: {}\r\n\r\n{body}", body.len()));
    if method == "GET" {
        head = head.replace("Content-Length: 0\r\n", "");
    }
    stream.write_all(head.as_bytes()).expect("it takes a request");
    let mut bytes = Vec::new();
    loop {
        let mut buffer = [0; 4096];
        let read = stream.read(&mut buffer).expect("an answer");
        bytes.extend_from_slice(&buffer[..read]);
        let Some(answer) = http::parse(&bytes) else { continue };
        let length: usize =
            answer.header("content-length").map_or(0, |length| length.parse().expect("a number"));
        if answer.status < 400 {
            return (200, String::new());
        }
        if answer.body.len() >= length {
            return (answer.status, answer.error_code());
        }
    }
}

/// What the gateway is to trust.
fn gateway(issuer: &Issuer) -> Gateway {
    Gateway::plan()
        .set("auth.public_key_file", &format!("{:?}", issuer.public_key_file()))
        .set("auth.issuer", "\"https://login.example\"")
        .set("auth.audience", "[\"dashboard\", \"other\"]")
        .rules(RULES)
        .start()
}

/// What a valid token says.
fn claims() -> Value {
    json!({
        "iss": "https://login.example",
        "aud": ["someone", "dashboard"],
        "sub": "42",
        "tenant": "acme",
        "exp": in_seconds(600.0),
        "nbf": in_seconds(-1.0),
        "fanfare": {
            "subscribe": ["a/*", "b", "closed/*"],
            "publish": ["a/*", "b", "closed/*"],
            "info": {"name": "Ada"},
        },
    })
}

fn with(key: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[key] = value;
    claims
}

#[test]
fn without_a_token_only_what_is_open_is() {
    let issuer = Issuer::pair(Algorithm::RS256);
    let gateway = gateway(&issuer);
    check_all(&gateway, None, |to| match to {
        To::Anyone => (200, ""),
        To::Bearer | To::Others => (401, "unauthorized"),
        To::Nobody => (403, "forbidden"),
    });
}

#[test]
fn a_valid_token_opens_what_it_grants_and_what_is_its_own() {
    let issuer = Issuer::pair(Algorithm::RS256);
    let gateway = gateway(&issuer);
    check_all(&gateway, Some(&issuer.token(&claims())), |to| match to {
        To::Anyone | To::Bearer => (200, ""),
        To::Others | To::Nobody => (403, "forbidden"),
    });
}

/// Asks for everything on every way.
fn check_all(gateway: &Gateway, token: Option<&str>, expected: impl Fn(To) -> (u16, &'static str)) {
    for way in WAYS {
        let patterns = PATTERNS.iter().filter(|_| way.takes_patterns());
        for (channel, to) in CHANNELS.iter().chain(patterns) {
            let (status, code) = expected(*to);
            let (got, error) = way.ask(gateway.public(), channel, token);
            assert_eq!((got, &*error), (status, code), "{way:?} {channel} {token:?}");
        }
    }
}

#[test]
fn a_token_that_is_not_accepted_opens_nothing_on_any_transport_not_even_what_is_open() {
    let issuer = Issuer::pair(Algorithm::RS256);
    let other = Issuer::pair(Algorithm::RS256);
    let gateway = gateway(&issuer);
    let public = std::fs::read(issuer.public_key_file()).unwrap();
    let confused = Issuer::hmac(Algorithm::HS256, &public);
    let valid = issuer.token(&claims());
    let (head, signature) = valid.rsplit_once('.').unwrap();
    let tampered = with("sub", json!("43"));
    let tampered = format!("{}.{signature}", unsigned(&json!({"typ": "JWT", "alg": "RS256"}), &tampered));
    let mut tokens = vec![
        ("expired", issuer.token(&with("exp", json!(in_seconds(-1.0)))), "token_expired"),
        ("expired long ago", issuer.token(&with("exp", json!(1))), "token_expired"),
        ("not yet", issuer.token(&with("nbf", json!(in_seconds(60.0)))), "bad_token"),
        ("wrong key", other.token(&claims()), "bad_token"),
        ("wrong algorithm", Issuer::pair(Algorithm::ES256).token(&claims()), "bad_token"),
        ("HS for RS", confused.token(&claims()), "bad_token"),
        ("wrong audience", issuer.token(&with("aud", json!("somebody"))), "bad_token"),
        ("no audience", issuer.token(&with("aud", json!([]))), "bad_token"),
        ("wrong issuer", issuer.token(&with("iss", json!("https://evil.example"))), "bad_token"),
        ("no issuer", issuer.token(&with("iss", Value::Null)), "bad_token"),
        ("tampered", tampered, "bad_token"),
        ("unsigned", format!("{head}."), "bad_token"),
        ("cut", head.to_owned(), "bad_token"),
        ("longer", format!("{valid}.x"), "bad_token"),
        ("another signature", format!("{head}.{}", signature.chars().rev().collect::<String>()), "bad_token"),
        ("no JSON", "a.b.c".to_owned(), "bad_token"),
        ("empty", String::new(), "bad_token"),
        ("a bad grant", issuer.token(&with("fanfare", json!({"subscribe": ["a*b"]}))), "bad_token"),
        ("an unknown grant", issuer.token(&with("fanfare", json!({"read": ["a"]}))), "bad_token"),
        ("a text for a time", issuer.token(&with("exp", json!("soon"))), "bad_token"),
        (
            "extensions",
            issuer.token_as(&json!({"alg": "RS256", "crit": ["b64"], "b64": false}), &claims()),
            "bad_token",
        ),
    ];
    for none in ["none", "None", "NONE", "nOnE", ""] {
        let token = unsigned(&json!({"typ": "JWT", "alg": none}), &claims());
        tokens.push(("none", format!("{token}."), "bad_token"));
        tokens.push(("none, signed", format!("{token}.{signature}"), "bad_token"));
    }
    // Signed as HS with the public key, but called RS; signed as RS, but called HS.
    tokens.push(("called RS", confused.token_as(&json!({"alg": "RS256"}), &claims()), "bad_token"));
    tokens.push(("called HS", issuer.token_as(&json!({"alg": "HS256"}), &claims()), "bad_token"));
    for (name, token, code) in &tokens {
        for way in WAYS {
            for channel in ["open/1", "a/1", "closed/1"] {
                let answer = way.ask(gateway.public(), channel, Some(token));
                assert_eq!(answer, (401, (*code).to_owned()), "{name} {way:?} {channel}");
            }
        }
    }
    // It was not the gateway's bad day.
    assert_eq!(Way::Poll.ask(gateway.public(), "a/1", Some(&valid)), (200, String::new()));
}

#[test]
fn every_kind_of_key_signs_by_its_own_algorithms_and_by_no_other() {
    use Algorithm::{ES256, ES384, EdDSA, HS256, HS384, HS512, PS256, PS384, PS512, RS256, RS384, RS512};
    let secret = b"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    for algorithm in [HS256, HS384, HS512] {
        let gateway = Gateway::plan()
            .set("auth.secret", &format!("{:?}", String::from_utf8_lossy(secret)))
            .rules("[[channels]]\nmatch = \"*\"\nsubscribe = \"token\"\n")
            .start();
        let issuer = Issuer::hmac(algorithm, secret);
        check_key(&gateway, &issuer, &Issuer::hmac(algorithm, b"another secret that is long enough, surely"));
    }
    for algorithm in [RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA] {
        let issuer = Issuer::pair(algorithm);
        let gateway = Gateway::plan()
            .set("auth.public_key_file", &format!("{:?}", issuer.public_key_file()))
            .rules("[[channels]]\nmatch = \"*\"\nsubscribe = \"token\"\n")
            .start();
        check_key(&gateway, &issuer, &Issuer::pair(algorithm));
    }
}

fn check_key(gateway: &Gateway, issuer: &Issuer, other: &Issuer) {
    let claims = json!({"fanfare": {"subscribe": ["a"]}});
    assert_eq!(Way::Poll.ask(gateway.public(), "a", Some(&issuer.token(&claims))).0, 200);
    assert_eq!(Way::Poll.ask(gateway.public(), "a", Some(&other.token(&claims))).0, 401);
    // Without a name of its own the gateway is nobody's audience.
    let claims = json!({"aud": "x", "fanfare": {"subscribe": ["a"]}});
    assert_eq!(Way::Poll.ask(gateway.public(), "a", Some(&issuer.token(&claims))).0, 401);
}

#[test]
fn the_token_is_found_in_the_header_then_in_the_cookie_then_in_the_query() {
    let issuer = Issuer::pair(Algorithm::ES256);
    let gateway = gateway(&issuer);
    let token = |subject: &str| issuer.token(&with("sub", json!(subject)));
    let cookie = |token: &str| format!("x=1; fanfare_token={token}; y=2");
    let poll = |headers: &[(&str, &str)], query: &str, channel: &str| {
        beginning(gateway.public(), "GET", &format!("/events?channel={channel}{query}"), headers, "").0
    };
    let (one, two, three) = (token("1"), token("2"), token("3"));
    let (header, cookie_line, query) = (format!("bearer {one}"), cookie(&two), format!("&token={three}"));
    let all = [("Authorization", &*header), ("Cookie", &*cookie_line)];
    assert_eq!(poll(&all, &query, "user/1"), 200);
    assert_eq!(poll(&all, &query, "user/2"), 403);
    assert_eq!(poll(&all[1..], &query, "user/2"), 200);
    assert_eq!(poll(&all[1..], &query, "user/3"), 403);
    assert_eq!(poll(&[], &query, "user/3"), 200);
    // What is not accepted is not passed over.
    assert_eq!(poll(&[("Authorization", "Bearer x"), all[1]], &query, "user/2"), 401);
    assert_eq!(poll(&[("Cookie", "fanfare_token=x")], &query, "user/3"), 401);
    // Another scheme is somebody else's.
    assert_eq!(poll(&[("Authorization", "Basic YTpi")], &query, "user/3"), 200);
}

#[test]
fn what_a_token_opens_is_for_no_cache_and_no_token_stands_in_the_log() {
    let issuer = Issuer::pair(Algorithm::ES256);
    let gateway = Gateway::plan()
        .set("auth.public_key_file", &format!("{:?}", issuer.public_key_file()))
        .set("log.level", "\"trace\"")
        .set("log.sessions", "true")
        .rules(RULES)
        .start();
    let token = issuer.token(&json!({"sub": "42"}));
    let get = |channel: &str| gateway.get(&format!("/events?channel={channel}&transport=poll&token={token}"));
    assert_eq!(get("open/1").header("cache-control"), Some("public, max-age=1"));
    assert_eq!(get("user/42").header("cache-control"), Some("private, no-store"));
    // What is open to this machine alone is no more public where a proxy asks for others.
    let private = Gateway::plan().without_rules().set("auth.secret", &format!("{SECRET:?}")).start();
    let bearer = format!(
        "Bearer {}",
        Issuer::hmac(Algorithm::HS256, SECRET.as_bytes()).token(&json!({"fanfare": {"subscribe": ["a"]}}))
    );
    let headers = [("Authorization", &*bearer), ("X-Forwarded-For", "192.0.2.1")];
    let answer = http::request(private.public(), "GET", "/events?channel=a&transport=poll", &headers, b"");
    assert_eq!((answer.status, answer.header("cache-control")), (200, Some("private, no-store")));
    let refused = get("user/43");
    assert_eq!((refused.status, refused.header("www-authenticate")), (403, None));
    let unknown = gateway.get("/events?channel=user/42");
    assert_eq!((unknown.status, unknown.header("www-authenticate")), (401, Some("Bearer")));
    let bad = gateway.get(&format!("/events?channel=user/42&token={token}x"));
    assert_eq!(bad.header("www-authenticate"), Some("Bearer error=\"invalid_token\""));
    let mut listener = gateway.listen(&format!("channel=user/42&token={token}"));
    gateway.post(&format!("channel=user/42&token={token}"), "hello");
    listener.expect("hello");
    let mut socket = WebSocket::enter(&gateway, &format!("token={token}"));
    socket.ask(json!({"token": token}));
    socket.ask(json!({"token": format!("{token}x")}));
    drop((listener, socket));
    gateway.wait_for_metric("fanfare_sessions{transport=\"websocket\"}", 0.0);
    let signature = token.rsplit_once('.').unwrap().1;
    assert!(!gateway.log().contains(signature), "{}", gateway.log());
}

#[test]
fn others_are_told_who_it_is_by_its_token_and_not_by_its_word() {
    on_every_broker_with(&[("auth.secret", &format!("{SECRET:?}"))], OPEN_TO_TOKENS, |one, two| {
        let issuer = Issuer::hmac(Algorithm::HS256, SECRET.as_bytes());
        let grants = json!({"subscribe": ["a"], "publish": ["a"], "info": {"name": "Ada", "user": "admin"}});
        let token = issuer.token(&json!({"sub": "42", "fanfare": grants}));
        let query = format!("channel=a&token={token}");
        // By HTTP, by a batch, by a WebSocket with and without its echo.
        let mut listener = two.listen(&format!("{query}&format=json"));
        let mut socket = WebSocket::enter(one, &format!("{query}&member=%7B%22user%22%3A%22root%22%7D"));
        one.post(&query, "one");
        let line = json!({"channel": "a", "data": "two"}).to_string();
        let bearer = format!("Bearer {token}");
        let headers = [("Content-Type", "application/x-ndjson"), ("Authorization", &*bearer)];
        assert_eq!(http::request(one.public(), "POST", "/events", &headers, line.as_bytes()).status, 200);
        for (data, echo) in [("three", false), ("four", true)] {
            let answer =
                socket.ask(json!({"publish": {"channel": "a", "data": data}, "echo": echo, "ref": data}));
            assert_eq!(answer["ok"], true, "{answer}");
        }
        for data in ["one", "two", "three", "four"] {
            let envelope: Value = serde_json::from_str(&listener.next_but_cursor().data).unwrap();
            assert_eq!((&envelope["data"], &envelope["from"]), (&json!(data), &json!("42")), "{envelope}");
        }
        let seen = socket.ask(json!({"subscribe": ["a"], "ref": "end"}));
        assert_eq!(seen["ok"], true);
        let member = || {
            let answer = two.get(&format!("/presence?{query}")).json();
            let member = answer["members"][0].clone();
            (!member.is_null()).then_some(member)
        };
        let member = wait_some("the member to be seen", member);
        assert_eq!(member["member"], json!({"user": "root"}), "{member}");
        assert_eq!(member["user"], "42", "{member}");
        assert_eq!(member["info"], json!({"name": "Ada", "user": "admin"}), "{member}");
    });
}
