//! The console on the admin port: what is here, and who may look.

use jsonwebtoken::Algorithm;
use serde_json::{Value, json};
use tests::{
    Answer, Gateway, Issuer, Listener, Operator, WebSocket, gateway::on_every_broker, http, port::free_port,
};

const SECRET: &str = "0123456789abcdef0123456789abcdef";

#[test]
fn it_shows_what_is_here() {
    on_every_broker(|gateway, _| {
        let mut listener = gateway.listen("channel=a");
        let _other = gateway.listen("channel=a&channel=b");
        let mut socket = WebSocket::enter(gateway, "channel=a*");
        let mut operator = Operator::of(gateway);
        assert!(gateway.post("channel=a", "hello").status < 300);
        listener.expect("hello");
        socket.message();
        let channel = operator.wait_for("the channel", |overview| {
            let channels = overview["channels"].as_array()?;
            channels.iter().find(|seen| seen["channel"] == "a").cloned()
        });
        assert_eq!((&channel["recent"], &channel["sessions"]), (&json!(1), &json!(3)), "{channel}");
        let sessions = operator.wait_for("all sessions", |overview| {
            let sessions = overview["sessions"].as_array()?;
            let of_a = sessions.iter().filter(|session| session["delivered"] == 1);
            (of_a.count() == 3).then(|| sessions.clone())
        });
        assert!(sessions.iter().all(|session| session["state"] == "live"), "{sessions:#?}");
        let transports: Vec<_> =
            sessions.iter().filter(|session| session["transport"] == "websocket").collect();
        assert_eq!(transports.len(), 1);
        let metrics = operator.wait_for("metrics", |overview| Some(overview["metrics"].clone()));
        assert_eq!(metrics["fanfare_sessions{transport=\"websocket\"}"], 1.0);
        assert!(metrics["fanfare_gateway_delivery_seconds"]["count"].as_u64() >= Some(1), "{metrics:#}");
    });
}

#[test]
fn it_shows_channels_on_which_nothing_was_published() {
    let gateway = Gateway::embedded();
    let _few = gateway.listen("channel=few");
    let _many: Vec<_> = (0..3).map(|_| gateway.listen("channel=many")).collect();
    gateway.post("channel=busy", "1");
    let channels = Operator::of(&gateway).wait_for("all channels", |overview| {
        let channels = overview["channels"].as_array()?;
        let sum: u64 = channels.iter().filter_map(|seen| seen["sessions"].as_u64()).sum();
        (sum == 4).then(|| channels.clone())
    });
    let names: Vec<_> = channels.iter().map(|seen| &seen["channel"]).collect();
    assert_eq!(names, ["busy", "many", "few"]);
    assert_eq!(channels[1]["silent_ms"], Value::Null);
}

#[test]
fn sessions_can_be_found_and_ended() {
    let gateway = Gateway::embedded();
    let mut listener = gateway.listen("channel=monitors/7");
    let _other = gateway.listen("channel=others");
    let mut operator = Operator::of(&gateway);
    let _pattern = gateway.listen("channel=monitors/*");
    let all = operator.trace("text:monitors/*", |trace| trace["found"] == 1);
    assert_eq!(all["sessions"][0]["channels"], json!(["monitors/*"]));
    operator.trace("text:monitors/7", |trace| trace["found"] == 2);
    let found = operator.trace("text:tors/7", |trace| trace["sessions"][0]["id"].is_string());
    assert_eq!(found["sessions"].as_array().map(Vec::len), Some(1), "{found:#}");
    let id = found["sessions"][0]["id"].as_str().expect("a name");
    assert_eq!(operator.post(&format!("/console/end?session={id}")), 204);
    assert_eq!(listener.expect_control("bye")["reason"], "disconnected");
    // Its place is free, and whoever gets it is somebody else.
    let mut next = gateway.listen("channel=monitors/7");
    assert_eq!(operator.post(&format!("/console/end?session={id}")), 404);
    gateway.post("channel=monitors/7", "still here");
    next.expect("still here");
    assert_eq!(operator.post("/console/end?session=x"), 400);
    assert_eq!(operator.post("/console/end?channel=a"), 400);
    for none in ["", "?channel=*", "?channel=a/*", "?channel=@json", "?session=nobody", "?topic=a"] {
        assert_eq!(operator.post(&format!("/console/follow{none}")), 400, "{none}");
    }
    assert_eq!(http::request(gateway.admin(), "GET", "/console/end", &[], b"").status, 405);
}

#[test]
fn it_is_open_to_this_machine_and_to_tokens_that_say_so() {
    let gateway = Gateway::plan().set("auth.secret", &format!("{SECRET:?}")).start();
    let get =
        |target: &str, headers: &[(&str, &str)]| http::request(gateway.admin(), "GET", target, headers, b"");
    let refused = |answer: &Answer, status: u16| assert_eq!(answer.status, status, "{}", answer.text());
    assert_eq!(get("/console", &[]).status, 200);
    assert_eq!(get("/", &[]).header("location"), Some("/console"));
    let policy = get("/console", &[]).header("content-security-policy").map(str::to_owned);
    assert!(policy.is_some_and(|policy| policy.contains("default-src 'self'") && !policy.contains("unsafe")));
    assert_eq!(gateway.get("/console").status, 404, "it is not on the public port");
    let proxied = ("X-Forwarded-For", "192.0.2.1");
    for target in ["/console", "/console/events", "/events?channel=a"] {
        refused(&get(target, &[proxied]), 401);
    }
    let stranger =
        http::raw(gateway.admin(), b"GET /console/events HTTP/1.1\r\nHost: evil.example.com\r\n\r\n");
    assert!(stranger.starts_with(b"HTTP/1.1 401 "), "a page's own name that points here");
    let foreign = ("Origin", "http://localhost:3000");
    for target in ["/console/events", "/events?channel=a"] {
        refused(&get(target, &[foreign]), 403);
    }
    for target in ["/console/follow?channel=a", "/events?channel=a"] {
        refused(&http::request(gateway.admin(), "POST", target, &[foreign], b"x"), 403);
    }
    assert_eq!(get("/console", &[("Cookie", "fanfare_console=old")]).status, 200, "here it needs none");
    let issuer = Issuer::hmac(Algorithm::HS256, SECRET.as_bytes());
    let bearer = |claims: &Value| format!("Bearer {}", issuer.token(claims));
    let reader = bearer(&json!({ "fanfare": { "subscribe": ["*"] } }));
    let operator = bearer(&json!({ "fanfare": { "console": true } }));
    refused(&get("/console", &[proxied, ("Authorization", &reader)]), 403);
    let vain = http::request(gateway.admin(), "POST", "/token", &[("Authorization", &reader)], b"");
    assert_eq!((vain.status, vain.header("set-cookie")), (403, None));
    assert_eq!(get("/console", &[proxied, ("Authorization", &operator)]).status, 200);
    assert_eq!(get("/events?channel=a", &[proxied, ("Authorization", &operator)]).status, 200);
    // A browser keeps it in a cookie, which is not the one of the public port.
    let set = http::request(gateway.admin(), "POST", "/token", &[proxied, ("Authorization", &operator)], b"");
    let cookie = set.header("set-cookie").expect("a cookie").to_owned();
    assert!(cookie.starts_with("fanfare_console=") && cookie.contains("; Path=/;"), "{cookie}");
    let cookie = cookie.split(';').next().expect("its value");
    assert_eq!(get("/console", &[proxied, ("Cookie", cookie)]).status, 200);
    // What needs no token needs none.
    for target in ["/metrics", "/healthz", "/readyz"] {
        assert_eq!(get(target, &[proxied]).status, 200);
    }
}

#[test]
fn it_shows_why_nobody_is_let_in() {
    let gateway = Gateway::plan_on_stream(free_port()).launch();
    let state = Operator::of(&gateway)
        .wait_for("the state", |overview| overview["state"].as_str().map(str::to_owned));
    assert!(state.starts_with("starting\nbroker: "), "{state}");
}

#[test]
fn it_shows_how_a_drain_goes() {
    let gateway = Gateway::plan().set("drain.spread", "\"4s\"").start();
    let mut operator = Operator::of(&gateway);
    operator.wait_for("an overview", |overview| overview["at_ms"].as_u64());
    let mut listeners: Vec<_> = (0..10).map(|_| gateway.listen("channel=a")).collect();
    gateway.drain();
    operator.wait_for("a gateway that drains, and fewer sessions", |overview| {
        let sessions = overview["metrics"]["fanfare_sessions{transport=\"sse\"}"].as_f64()?;
        (overview["state"].as_str()?.starts_with("draining") && sessions < 9.0).then_some(())
    });
    listeners.iter_mut().for_each(|listener| drop(listener.expect_control("bye")));
}

#[test]
fn operators_who_come_together_are_shown_it_together() {
    let gateway = Gateway::embedded();
    let mut operators: Vec<_> = (0..40).map(|_| Operator::of(&gateway)).collect();
    let first =
        |operator: &mut Operator| operator.wait_for("an overview", |overview| overview["at_ms"].as_u64());
    let times: std::collections::HashSet<_> = operators.iter_mut().map(first).collect();
    assert!(times.len() < 10, "{} overviews for 40 who came at once", times.len());
}

#[test]
fn operators_read_and_publish_whatever_the_rules_say_and_however_many_are_here() {
    let gateway = Gateway::plan().without_rules().set("sessions.max", "1").rules(CLOSED).start();
    assert_eq!(gateway.get("/events?channel=a").status, 403);
    let mut first = Listener::open(gateway.admin(), "channel=a&format=json", None);
    let mut second = Listener::open(gateway.admin(), "channel=a", None);
    let mut operator = Operator::of(&gateway);
    let published = http::request(gateway.admin(), "POST", "/events?channel=a", &[], b"hello");
    assert_eq!(published.status, 200, "{}", published.text());
    assert!(first.next().data.contains("hello"));
    second.expect("hello");
    let poll = http::request(gateway.admin(), "GET", "/events?channel=a&transport=poll", &[], b"").json();
    assert_eq!(poll["publications"][0]["data"], "hello");
    operator.wait_for("three sessions", |overview| {
        (overview["metrics"]["fanfare_sessions{transport=\"sse\"}"] == 3.0).then_some(())
    });
    // Other than that a kept connection goes on as before.
    let mut stream = http::connect(gateway.admin());
    for _ in 0..2 {
        std::io::Write::write_all(&mut stream, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            .expect("taken");
        http::read_answers(&mut stream, 1);
    }
    let long = vec![b'x'; 2 * 1024 * 1024];
    assert_eq!(http::request(gateway.admin(), "POST", "/events?channel=a", &[], &long).status, 413);
}

const CLOSED: &str = "
[[channels]]
match = \"*\"
subscribe = \"nobody\"
publish = \"nobody\"
";
