//! The console on the admin port: what is here, what becomes of a publication, and who may look.

use std::{net::SocketAddr, time::Instant};

use jsonwebtoken::Algorithm;
use serde_json::{Value, json};
use tests::{
    Answer, Gateway, Issuer, Listener, PATIENCE, Redis, WebSocket, gateway::on_every_broker, http,
    port::free_port,
};

const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// Somebody who has the console open.
struct Operator {
    admin: SocketAddr,
    stream: Listener,
}

impl Operator {
    fn of(gateway: &Gateway) -> Self {
        let admin = gateway.admin();
        Self { admin, stream: Listener::get(admin, "/console/events", None, "1.1") }
    }

    /// Waits until an overview has this.
    fn wait_for<T>(&mut self, what: &str, look: impl Fn(&Value) -> Option<T>) -> T {
        let began = Instant::now();
        let mut last = Value::Null;
        while began.elapsed() < PATIENCE {
            let event = self.stream.next();
            if event.name == "fanfare.overview" {
                last = serde_json::from_str(&event.data).expect("an overview is JSON");
                if let Some(found) = look(&last) {
                    return found;
                }
            }
        }
        last["metrics"] = Value::Null;
        panic!("waited in vain for {what}: {last:#}")
    }

    fn post(&self, target: &str) -> u16 {
        http::request(self.admin, "POST", target, &[], b"").status
    }

    /// What has become of what is followed, when it is as it should be.
    fn trace(&mut self, interest: &str, is_meant: impl Fn(&Value) -> bool) -> Value {
        let (kind, name) = interest.split_once(':').expect("a kind");
        assert_eq!(self.post(&format!("/console/follow?{kind}={name}")), 202);
        self.wait_for(interest, |overview| {
            let trace = overview["traces"].as_array()?.iter().find(|trace| trace["interest"] == interest)?;
            is_meant(trace).then(|| trace.clone())
        })
    }

    /// The session of a client that reads this channel alone.
    fn session(&mut self, channel: &str) -> Value {
        self.wait_for(channel, |overview| {
            let sessions = overview["sessions"].as_array()?;
            sessions.iter().find(|session| session["channels"] == json!([channel])).cloned()
        })
    }
}

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
fn it_shows_what_became_of_a_publication_on_a_channel() {
    on_every_broker(|gateway, _| {
        let mut listeners: Vec<_> = (0..3).map(|_| gateway.listen("channel=a")).collect();
        let mut operator = Operator::of(gateway);
        operator.trace("channel:a", |_| true);
        assert!(gateway.post("channel=a&event=disk", "hello").status < 300);
        assert!(gateway.post("channel=nobody", "hello").status < 300);
        listeners.iter_mut().for_each(|listener| drop(listener.expect("hello")));
        let trace = operator.trace("channel:a", |trace| trace["rows"][0]["written"] == 3);
        let row = &trace["rows"][0];
        assert_eq!(
            (&row["matched"], &row["event"], &row["bytes"]),
            (&json!(3), &json!("disk"), &json!(5)),
            "{row}"
        );
        assert_eq!(row["cursor"], json!(listeners[0].last_id));
        assert!(
            row["first_ms"].as_f64() <= row["last_ms"].as_f64() && row["first_ms"].as_f64() >= Some(0.0),
            "{row}"
        );
        assert_eq!((&trace["rows"][1], &trace["sessions"]), (&Value::Null, &json!([])));
        // Who comes later and is given it, is counted apart.
        let mut late = gateway.listen("channel=a&since=earliest");
        late.expect("hello");
        let mut another = gateway.listen("channel=a&channel=zz&since=earliest");
        another.expect("hello");
        operator.trace("channel:a", |trace| trace["rows"][0]["later"] == 2);
        // As is who is given it in an answer.
        assert_eq!(gateway.get("/events?channel=a&since=earliest").status, 200);
        let mut socket = WebSocket::enter(gateway, "channel=zz");
        let subscribed = socket.ask(json!({ "subscribe": ["a"], "since": "earliest", "ref": 1 }));
        assert_eq!(subscribed["publications"][0]["data"], "hello");
        operator.trace("channel:a", |trace| trace["rows"][0]["answered"] == 2);
        let trace = operator.trace("channel:a", |trace| trace["rows"][0]["later"] == 2);
        assert_eq!(trace["rows"][0]["written"], 3, "{trace:#}");
        // And that nobody is there is said too.
        operator.trace("channel:nobody", |_| true);
        assert!(gateway.post("channel=nobody", "hello").status < 300);
        // An operator who looks on is no reader.
        let mut tail = Listener::open(operator.admin, "channel=nobody", None);
        assert!(gateway.post("channel=nobody", "again").status < 300);
        tail.expect("again");
        let trace = operator.trace("channel:nobody", |trace| trace["rows"][1]["matched"] == 0);
        assert_eq!(
            (&trace["rows"][0]["matched"], &trace["rows"][1]["written"]),
            (&json!(0), &json!(0)),
            "{trace:#}"
        );
    });
}

#[test]
fn it_shows_why_a_session_was_not_told() {
    let redis = Redis::start();
    let gateway = Gateway::plan_on_stream(redis.port()).set("sessions.write_timeout", "\"5m\"").start();
    let mut operator = Operator::of(&gateway);
    // One that reads nothing.
    let slow = gateway.listen("channel=slow");
    let id = operator.session("slow")["id"].as_str().expect("a name").to_owned();
    operator.trace(&format!("session:{id}"), |trace| trace["sessions"][0]["state"] == "live");
    let data = "x".repeat(60_000);
    let trace = loop {
        assert_eq!(gateway.post("channel=slow", &data).status, 200);
        let trace = operator.trace(&format!("session:{id}"), |_| true);
        if trace["sessions"][0]["state"] == "blocked" {
            break trace;
        }
    };
    let taken = |row: &Value| (row["matched"].as_u64(), row["written"].as_u64());
    assert_eq!(taken(&trace["rows"][0]), (Some(1), Some(1)), "{trace:#}");
    let unfinished = operator.trace("channel:slow", |trace| trace["sessions"][0]["state"] == "blocked");
    assert_eq!(unfinished["sessions"][0]["id"], json!(id));
    // What it misses since it cannot follow.
    assert_eq!(gateway.post("channel=slow", "the next").status, 200);
    let trace = operator.trace(&format!("session:{id}"), |trace| {
        trace["rows"].as_array().is_some_and(|rows| rows.last().is_some_and(|row| row["bytes"] == 8))
    });
    let last = trace["rows"].as_array().and_then(|rows| rows.last()).expect("a row");
    assert_eq!(taken(last), (Some(1), Some(0)), "{trace:#}");
    drop(slow);
    let trace = operator.trace(&format!("session:{id}"), |trace| trace["ended"] == "gone");
    assert_eq!(trace["sessions"], json!([]));
    // What it has published itself.
    let mut socket = WebSocket::enter(&gateway, "channel=own");
    let id = operator.session("own")["id"].as_str().expect("a name").to_owned();
    operator.trace(&format!("session:{id}"), |_| true);
    socket.ask(json!({ "publish": { "channel": "own", "data": "mine" }, "echo": false, "ref": 1 }));
    operator.trace(&format!("session:{id}"), |trace| trace["rows"][0]["own"] == 1);
}

/// On one channel, and the one in the middle on another too: there it is the latest.
fn publish_three(redis: &Redis) {
    redis.add("a", "old");
    redis.add_fields(&[("channels", r#"["a","b"]"#), ("data", "both")]);
    redis.add("a", "new");
}

#[test]
fn it_shows_to_whom_a_latest_value_was_given() {
    let redis = Redis::start();
    let gateway = Gateway::on_stream(&redis);
    let mut operator = Operator::of(&gateway);
    operator.trace("channel:a", |_| true);
    publish_three(&redis);
    operator.trace("channel:a", |trace| trace["rows"][2]["matched"] == 0);
    let mut newcomer = gateway.listen("channel=a&channel=b&since=last");
    newcomer.expect("both");
    newcomer.expect("new");
    let trace = operator.trace("channel:a", |trace| trace["rows"][2]["later"] == 1);
    let later: Vec<_> = trace["rows"].as_array().expect("rows").iter().map(|row| &row["later"]).collect();
    assert_eq!(later, [0, 1, 1], "{trace:#}");
}

#[test]
fn it_shows_what_was_superseded_for_who_was_too_slow() {
    let rule =
        "[[channels]]\nmatch = \"*\"\nsubscribe = \"anyone\"\npublish = \"anyone\"\nwhen_slow = \"latest\"\n";
    let redis = Redis::start();
    let plan = Gateway::plan_on_stream(redis.port()).set("sessions.write_timeout", "\"5m\"").rules(rule);
    let gateway = plan.start();
    let mut operator = Operator::of(&gateway);
    let mut slow = gateway.listen("channel=a&channel=b");
    let data = "x".repeat(60_000);
    while operator
        .wait_for("the session", |overview| overview["sessions"][0]["state"].as_str().map(str::to_owned))
        != "blocked"
    {
        (0..20).for_each(|_| drop(gateway.post("channel=a", &data)));
    }
    operator.trace("channel:a", |_| true);
    publish_three(&redis);
    while slow.next_but_cursor().data != "new" {}
    let trace = operator.trace("channel:a", |trace| trace["rows"][2]["written"] == 1);
    let fates = |name: &str| -> Vec<_> {
        trace["rows"].as_array().expect("rows").iter().map(|row| row[name].as_u64()).collect()
    };
    assert_eq!(fates("written"), [Some(0), Some(1), Some(1)], "{trace:#}");
    assert_eq!(fates("superseded"), [Some(1), Some(0), Some(0)], "{trace:#}");
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
