//! What careless and hostile clients do over a WebSocket, and what it does to them and to others.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use serde_json::json;
use tests::{
    Frame, Gateway, Redis, WebSocket, http, wait_for,
    websocket::{draw_key, headers},
};

#[test]
fn who_never_stops_sending_stops_nobody_else() {
    let gateway = Gateway::plan().set("listen.shards", "1").start();
    let over = AtomicBool::new(false);
    let pong = Frame::new(Frame::PONG, "").masked();
    let fragment = Frame::new(Frame::CONTINUATION, "").unfinished().masked();
    let begin = Frame::new(Frame::TEXT, "").unfinished().masked();
    thread::scope(|scope| {
        for (first, frame) in
            [(Vec::new(), &pong), (Vec::new(), &pong), (begin.clone(), &fragment), (begin, &fragment)]
        {
            let (mut socket, over) = (WebSocket::enter(&gateway, "channel=a"), &over);
            scope.spawn(move || {
                socket.send_raw(&first);
                let many = frame.repeat(4_000);
                while !over.load(Ordering::Relaxed) {
                    socket.send_raw(&many);
                }
            });
        }
        let mut reader = gateway.listen("channel=a&transport=sse");
        for number in 0..20 {
            gateway.post("channel=a", &number.to_string());
            reader.expect(&number.to_string());
        }
        let healthy = http::request(gateway.admin(), "GET", "/healthz", &[], b"");
        over.store(true, Ordering::Relaxed);
        assert_eq!(healthy.status, 200, "{healthy:?}");
    });
}

#[test]
fn what_it_does_not_want_to_hear_again_it_never_hears_however_much_it_says_elsewhere() {
    let gateway = Gateway::plan().set("sessions.max_requests_per_second", "0").start();
    let mut socket = WebSocket::enter(&gateway, "channel=own");
    for number in 0..1_100 {
        let publish = json!({"channel": "elsewhere", "data": "x"});
        assert_eq!(socket.ask(json!({"publish": publish, "echo": false, "ref": number}))["ok"], true);
    }
    socket.ask(json!({"publish": {"channel": "own", "data": "unheard"}, "echo": false, "ref": "a"}));
    socket.ask(json!({"publish": {"channel": "own", "data": "heard"}, "ref": "b"}));
    gateway.post("channel=own", "the end");
    let mut heard = Vec::new();
    while heard.last().is_none_or(|last| last != "the end") {
        let message = socket.message();
        heard.extend(message["data"].as_str().map(str::to_owned));
    }
    // What came with the answer before it is passed over.
    assert!(!heard.contains(&"unheard".to_owned()), "{heard:?}");
}

#[test]
fn who_is_owed_latest_values_gets_those_of_what_it_asked_for_then() {
    let gateway = Gateway::plan().set("sessions.send_buffer_bytes", "4096").start();
    for number in 0..100 {
        gateway.post(&format!("channel=big/{number}"), &"x".repeat(20_000));
    }
    gateway.post("channel=b", "old b");
    gateway.post("channel=c", "old c");
    wait_for("all of it", || gateway.get("/events?channel=c").text().contains("old c"));
    let mut socket = WebSocket::open(gateway.public(), "channel=big/*&since=last");
    socket.send_json(json!({"subscribe": ["b"], "ref": 1}));
    socket.send_json(json!({"subscribe": ["c"], "since": "last", "ref": 2}));
    let (mut seen, mut answers) = (Vec::new(), 0);
    while answers < 2 {
        let message = socket.message();
        answers += usize::from(message["ref"].is_number());
        seen.extend(
            message["channel"].as_str().filter(|channel| !channel.starts_with("big")).map(str::to_owned),
        );
        for publication in message["publications"].as_array().into_iter().flatten() {
            seen.extend(publication["data"].as_str().map(str::to_owned));
        }
    }
    assert_eq!(seen, ["old c"]);
}

#[test]
fn who_waits_for_an_answer_is_not_silent() {
    let redis = Redis::start();
    let gateway = Gateway::plan_on(redis.port())
        .set("sessions.heartbeat", "\"300ms\"")
        .set("broker.redis.timeout", "\"4s\"")
        .start();
    let mut socket = WebSocket::enter(&gateway, "channel=a");
    redis.freeze();
    let began = Instant::now();
    let answer = socket.ask(json!({"publish": {"channel": "a", "data": "x"}, "ref": 1}));
    assert_eq!(answer["error"]["code"], "broker");
    assert!(began.elapsed() > Duration::from_millis(4 * 300), "it had to wait: {:?}", began.elapsed());
    redis.thaw();
}

#[test]
fn refusals_are_short_and_wait_for_who_does_not_read_them() {
    let gateway = Gateway::plan().set("sessions.max_requests_per_second", "0").start();
    let mut socket = WebSocket::enter(&gateway, "channel=a");
    let long = "\u{7f}".repeat(100_000);
    let answer = socket.ask(json!({"subscribe": [long], "ref": 1}));
    assert!(answer.to_string().len() < 1_000, "{} bytes", answer.to_string().len());
    let reference = "x".repeat(300);
    socket.send_json(json!({"subscribe": ["a"], "ref": reference}));
    assert_eq!(socket.message()["error"]["code"], "bad_message");
    // As many as a client cares to send: it is heard as fast as it reads.
    for _ in 0..20_000 {
        socket.send_json(json!({"subscribe": ["a*b"], "ref": 2}));
    }
    for _ in 0..20_000 {
        assert_eq!(socket.message()["error"]["code"], "bad_channel");
    }
}

#[test]
fn a_handshake_is_a_get_that_upgrades() {
    let gateway = Gateway::embedded();
    let key = draw_key();
    let headers = headers(&key);
    let refused = |method: &str, headers: &[(&str, &str)]| {
        let path = "/events?channel=a&transport=websocket";
        let answer = http::request(gateway.public(), method, path, headers, b"");
        (answer.status, answer.header("sec-websocket-version").map(str::to_owned))
    };
    let upgrade = (426, Some("13".to_owned()));
    assert_eq!(refused("GET", &headers[1..]), upgrade);
    assert_eq!(refused("GET", &[]), upgrade);
    assert_eq!(refused("HEAD", &headers), upgrade);
    assert_eq!(gateway.metric("fanfare_sessions_opened_total{transport=\"websocket\"}"), 0.0);
    let twice = [&headers[..], &[("Sec-WebSocket-Key", &*key)]].concat();
    assert_eq!(refused("GET", &twice).0, 400);
}

#[test]
fn half_a_character_is_no_text() {
    let gateway = Gateway::embedded();
    let mut socket = WebSocket::enter(&gateway, "channel=a");
    socket.send(r#"{"publish":{"channel":"a","data":"\ud83c"},"ref":1}"#);
    assert_eq!(socket.message()["error"]["code"], "bad_message");
    socket.send(r#"{"publish":{"channel":"a","data":"\ud83c\udfba"},"echo":false,"ref":2}"#);
    assert_eq!(socket.message()["ok"], true);
}

#[test]
fn a_channel_named_twice_counts_once() {
    let gateway = Gateway::plan().set("sessions.max_channels", "3").start();
    let mut socket = WebSocket::enter(&gateway, "channel=a");
    assert_eq!(socket.ask(json!({"subscribe": ["b", "c", "b", "a"], "ref": 1}))["ok"], true);
}

#[test]
fn who_ends_its_side_still_gets_its_answers() {
    let gateway = Gateway::embedded();
    let mut socket = WebSocket::enter(&gateway, "channel=a");
    for number in 0..3 {
        socket.send_json(json!({"publish": {"channel": "b", "data": "x"}, "ref": number}));
    }
    socket.end();
    for number in 0..3 {
        assert_eq!(socket.message()["ref"], number);
    }
}

#[test]
fn a_request_in_hand_is_answered_before_the_bye_of_a_drain() {
    let redis = Redis::start();
    let gateway = Gateway::plan_on(redis.port())
        .set("broker.redis.timeout", "\"1s\"")
        .set("drain.spread", "\"3s\"")
        .start();
    let mut socket = WebSocket::enter(&gateway, "channel=a");
    redis.freeze();
    socket.send_json(json!({"publish": {"channel": "a", "data": "x"}, "ref": 1}));
    gateway.drain();
    let _ = gateway.wait_for_line("draining");
    loop {
        let message = socket.message();
        if message["event"] != "fanfare.cursor" {
            assert_eq!(message["ref"], 1, "{message}");
            break;
        }
    }
    socket.expect_event("bye");
    redis.thaw();
}

#[test]
fn who_comes_in_a_rush_is_told_its_turn() {
    let gateway = Gateway::plan().set("sessions.max_new_per_second", "1").start();
    let key = draw_key();
    let turned_away: Vec<u64> = (0..30)
        .map(|_| WebSocket::handshake(gateway.public(), "/events?channel=a", &headers(&key)))
        .filter(|answer| answer.status == 503)
        .map(|answer| answer.header("retry-after").and_then(|after| after.parse().ok()).expect("a number"))
        .collect();
    assert!(turned_away.iter().max() > Some(&12), "{turned_away:?}");
}
