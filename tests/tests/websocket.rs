//! A WebSocket is a session like any other, in which the client can speak too.

use std::thread;

use serde_json::{Value, json};
use tests::{
    Frame, Gateway, Redis, WebSocket, http, wait_for, wait_some,
    websocket::{draw_key, headers},
};

/// What a request is answered with.
fn ask(socket: &mut WebSocket, request: Value) -> Value {
    socket.send_json(request.clone());
    loop {
        let message = socket.message();
        if message["event"] != "fanfare.cursor" {
            assert_eq!(message["ref"], request["ref"], "{message}");
            return message;
        }
    }
}

fn error_code(answer: &Value) -> &str {
    answer["error"]["code"].as_str().unwrap_or_else(|| panic!("this should be an error: {answer}"))
}

fn data(publications: &Value) -> Vec<&str> {
    let publications = publications.as_array().expect("a list");
    publications.iter().map(|publication| publication["data"].as_str().expect("text")).collect()
}

/// The next publication's data, heartbeats aside.
fn next_data(socket: &mut WebSocket) -> String {
    loop {
        let message = socket.message();
        if message["event"] != "fanfare.cursor" {
            return message["data"]
                .as_str()
                .unwrap_or_else(|| panic!("no publication: {message}"))
                .to_owned();
        }
    }
}

#[test]
fn it_reads_what_all_others_read_on_the_same_url() {
    let gateway = Gateway::embedded();
    let mut socket = WebSocket::open(gateway.public(), "channel=a&channel=b*");
    let opened = socket.expect_event("open");
    assert!(opened["id"].is_string() && opened["retry"].is_u64() && opened["data"]["heartbeat_ms"] == 15_000);
    let mut events = gateway.listen("channel=a&format=json");
    gateway.post("channel=a&event=disk", "full \"up\"");
    gateway.post("channel=other", "not for it");
    gateway.post("channel=b/1", "ä");
    let first = socket.message();
    assert_eq!(first, serde_json::from_str::<Value>(&events.next_but_cursor().data).expect("an envelope"));
    assert_eq!((&first["event"], &first["data"]), (&json!("disk"), &json!("full \"up\"")));
    let second = socket.message();
    assert_eq!((&second["channel"], &second["data"]), (&json!("b/1"), &json!("ä")));
    let metric = |name: &str| gateway.metric(&format!("fanfare_{name}{{transport=\"websocket\"}}"));
    assert_eq!((metric("sessions"), metric("sessions_opened_total")), (1.0, 1.0));
    gateway.wait_for_metric("fanfare_deliveries_total{transport=\"websocket\"}", 2.0);
    assert_eq!(socket.close(1000, "enough"), Some(1000));
    gateway.wait_for_metric("fanfare_sessions{transport=\"websocket\"}", 0.0);
}

#[test]
fn what_it_publishes_comes_to_all_and_is_acknowledged() {
    let redis = Redis::start();
    for gateway in [Gateway::embedded(), Gateway::on(&redis), Gateway::on_stream(&redis)] {
        let mut events = gateway.listen("channel=a&format=json");
        let mut socket = WebSocket::enter(&gateway, "");
        let answer =
            ask(&mut socket, json!({"publish": {"channel": "a", "event": "x", "data": "hi"}, "ref": 1}));
        assert!(answer["ok"] == true && (answer["cursor"].is_string() || answer["subscribers"].is_u64()));
        let shown: Value = serde_json::from_str(&events.next_but_cursor().data).expect("an envelope");
        assert_eq!((&shown["event"], &shown["data"]), (&json!("x"), &json!("hi")));
        // Any JSON value, as its compact text.
        ask(&mut socket, json!({"publish": {"channel": "a", "data": {"n": [1, 2]}}, "ref": "two"}));
        let shown: Value = serde_json::from_str(&events.next_but_cursor().data).expect("an envelope");
        assert_eq!(shown["data"], "{\"n\":[1,2]}");
        // And taken back.
        ask(&mut socket, json!({"publish": {"channel": "a", "retract": true}, "ref": 3}));
        let shown: Value = serde_json::from_str(&events.next_but_cursor().data).expect("an envelope");
        assert_eq!(shown["retract"], true);
    }
}

#[test]
fn where_a_rule_says_json_data_is_the_value_itself() {
    let gateway = Gateway::plan()
        .rules("[[channels]]\nmatch = \"json/*\"\nsubscribe = \"anyone\"\npublish = \"anyone\"\ndata = \"json\"\n")
        .start();
    let mut socket = WebSocket::enter(&gateway, "channel=json/a");
    for value in [json!("text"), json!({"a": 1.5}), json!(null), json!([])] {
        socket.send_json(json!({"publish": {"channel": "json/a", "data": value}, "ref": 1}));
        let mut came = [socket.message(), socket.message()];
        came.sort_by_key(|message| message["ok"] == true);
        assert_eq!((&came[0]["data"], &came[1]["ok"]), (&value, &json!(true)));
    }
}

#[test]
fn catching_up_and_what_follows_are_one_order_without_hole_or_double() {
    let redis = Redis::start();
    let (one, other) = (Gateway::on_stream(&redis), Gateway::on_stream(&redis));
    one.post("channel=b", "before");
    // A cursor from a poll on one gateway goes on over a WebSocket on another.
    let since = wait_some("what was published to be there", || {
        let poll = one.get("/events?channel=b");
        (data(&poll.json()["publications"]) == ["before"])
            .then(|| poll.header("fanfare-cursor").map(str::to_owned))?
    });
    const COUNT: usize = 2_000;
    thread::scope(|scope| {
        let publisher =
            scope.spawn(|| (0..COUNT).for_each(|number| drop(one.post("channel=b", &number.to_string()))));
        let mut socket = WebSocket::enter(&other, "channel=a");
        wait_for("a quarter to be published", || {
            let latest = other.get("/events?channel=b").json();
            let number = |data: &str| data.parse::<usize>().is_ok_and(|number| number >= COUNT / 4);
            data(&latest["publications"]).into_iter().any(number)
        });
        let (mut cursor, mut got) = (since, Vec::new());
        loop {
            let answer = ask(&mut socket, json!({"subscribe": ["b"], "since": cursor, "ref": got.len()}));
            assert_eq!((&answer["ok"], &answer["gap"]), (&json!(true), &Value::Null), "{answer}");
            got.extend(data(&answer["publications"]).into_iter().map(str::to_owned));
            cursor = answer["cursor"].as_str().expect("a cursor").to_owned();
            if answer["more"] == false {
                break;
            }
        }
        while got.len() < COUNT {
            got.push(next_data(&mut socket));
        }
        publisher.join().expect("all is published");
        assert!(got.iter().map(|data| data.parse::<usize>().expect("a number")).eq(0..COUNT));
    });
}

#[test]
fn what_was_missed_comes_in_pages_and_only_then_it_is_subscribed() {
    let gateway = Gateway::embedded();
    for number in 0..1_500 {
        gateway.post("channel=b", &number.to_string());
    }
    let mut socket = WebSocket::enter(&gateway, "channel=a");
    let first = ask(&mut socket, json!({"subscribe": ["b"], "since": "earliest", "ref": 1}));
    assert_eq!((data(&first["publications"]).len(), &first["more"]), (1_000, &json!(true)));
    gateway.post("channel=b", "not subscribed yet");
    gateway.post("channel=a", "subscribed");
    assert_eq!(next_data(&mut socket), "subscribed");
    let rest = ask(&mut socket, json!({"subscribe": ["b"], "since": first["cursor"], "ref": 2}));
    assert_eq!((data(&rest["publications"]).len(), &rest["more"]), (501, &json!(false)));
    gateway.post("channel=b", "live");
    assert_eq!(next_data(&mut socket), "live");
    // Latest values, and nothing at all.
    let last = ask(&mut socket, json!({"subscribe": ["b", "a"], "since": "last", "ref": 3}));
    assert_eq!(data(&last["publications"]), ["subscribed", "live"]);
    let none = ask(&mut socket, json!({"subscribe": ["c"], "ref": 4}));
    assert_eq!(data(&none["publications"]), [""; 0]);
    // What it no longer wants does not come; what it still wants does.
    ask(&mut socket, json!({"unsubscribe": ["b", "c"], "ref": 5}));
    gateway.post("channel=b", "unwanted");
    gateway.post("channel=a", "wanted");
    assert_eq!(next_data(&mut socket), "wanted");
}

#[test]
fn one_that_returns_goes_on_where_it_was() {
    let gateway = Gateway::embedded();
    let mut socket = WebSocket::enter(&gateway, "channel=a");
    gateway.post("channel=a", "one");
    let seen = socket.message()["id"].as_str().expect("an id").to_owned();
    drop(socket);
    gateway.post("channel=a", "two");
    let mut socket = WebSocket::enter(&gateway, &format!("channel=a&since={seen}"));
    assert_eq!(next_data(&mut socket), "two");
    let mut lost = WebSocket::enter(&gateway, "channel=a&since=00000000000000aa-1-2");
    assert_eq!(lost.expect_event("gap")["data"]["reason"], "unknown-cursor");
    let mut latest = WebSocket::open(gateway.public(), "channel=a&since=last");
    assert_eq!(latest.expect_event("open")["id"], Value::Null);
    let value = latest.message();
    assert_eq!((&value["data"], &value["id"]), (&json!("two"), &Value::Null));
    assert!(latest.message()["id"].is_string(), "a cursor follows");
}

#[test]
fn what_cannot_be_understood_is_an_error_with_its_ref_and_disturbs_nothing() {
    let gateway = Gateway::plan()
        .rules("[[channels]]\nmatch = \"open\"\nsubscribe = \"anyone\"\npublish = \"nobody\"\n")
        .rules(
            "[[channels]]\nmatch = \"json\"\nsubscribe = \"anyone\"\npublish = \"anyone\"\ndata = \"json\"\n",
        )
        .start();
    let mut socket = WebSocket::enter(&gateway, "channel=open");
    for (request, code) in [
        (json!({"subscribe": ["open"], "sinse": "last", "ref": 1}), "bad_message"),
        (json!({"subscribe": "open", "ref": "a"}), "bad_message"),
        (json!({"subscribe": [], "ref": 2.5}), "bad_message"),
        (json!({"subscribe": ["open"], "unsubscribe": ["open"], "ref": 3}), "bad_message"),
        (json!({"unsubscribe": ["open"], "since": "last", "ref": 4}), "bad_message"),
        (json!({"ref": 5}), "bad_message"),
        (json!({"subscribe": ["a*b"], "ref": 6}), "bad_channel"),
        (json!({"subscribe": ["open"], "since": "yesterday", "ref": 7}), "bad_since"),
        (json!({"subscribe": ["closed"], "ref": 8}), "forbidden"),
        (json!({"publish": {"channel": "open", "data": "x"}, "ref": 9}), "forbidden"),
        (json!({"publish": {"channel": "json"}, "ref": 10}), "bad_message"),
        (json!({"publish": {"channel": "json", "data": 1, "to": 2}, "ref": 11}), "bad_message"),
        (json!({"publish": {"channel": "json", "data": 1, "event": "open"}, "ref": 12}), "bad_event"),
        (json!({"publish": {"channel": "json", "data": 1, "ttl": 0}, "ref": 13}), "bad_ttl"),
        (json!({"publish": {"channel": "json", "data": "x".repeat(65_536)}, "ref": 14}), "too_long"),
    ] {
        assert_eq!(error_code(&ask(&mut socket, request.clone())), code, "{request}");
    }
    for text in ["", "what?", "[1]", r#"{"ref":[1]}"#, r#"{"ref":1,"ref":2}"#, r#"{"subscribe":["#] {
        socket.send(text);
        let answer = socket.message();
        assert_eq!((error_code(&answer), &answer["ref"]), ("bad_message", &Value::Null), "{text}");
    }
    assert_eq!(ask(&mut socket, json!({"subscribe": ["json"], "ref": 99}))["ok"], true);
}

#[test]
fn who_asks_for_more_than_a_session_may_is_told_so_and_closed() {
    let gateway = Gateway::plan()
        .set("sessions.max_requests_per_second", "5")
        .set("sessions.max_channels", "2")
        .start();
    let expect_end = |socket: &mut WebSocket, code: &str| {
        let refused = loop {
            let answer = socket.message();
            if answer["ok"] != true {
                break answer;
            }
        };
        assert_eq!(error_code(&refused), code);
        assert_eq!(socket.expect_event("bye")["data"]["reason"], "limit");
        assert_eq!(socket.expect_close().0, Some(1008));
    };
    let mut hasty = WebSocket::enter(&gateway, "channel=a");
    (0..10).for_each(|number| hasty.send_json(json!({"unsubscribe": ["b"], "ref": number})));
    expect_end(&mut hasty, "too_many_requests");
    let mut greedy = WebSocket::enter(&gateway, "channel=a");
    greedy.send_json(json!({"subscribe": ["a", "b"], "ref": 1}));
    assert_eq!(greedy.message()["ok"], true);
    greedy.send_json(json!({"subscribe": ["c"], "ref": 2}));
    expect_end(&mut greedy, "too_many_channels");
    let closed = r#"fanfare_sessions_closed_total{reason="limit",transport="websocket"}"#;
    assert_eq!(gateway.metric(closed), 2.0);
}

#[test]
fn who_does_not_answer_pings_is_closed_and_who_does_is_kept() {
    let gateway = Gateway::plan().set("sessions.heartbeat", "\"200ms\"").start();
    let mut silent = WebSocket::enter(&gateway, "channel=a");
    let mut alive = WebSocket::enter(&gateway, "channel=a");
    let pings = |socket: &mut WebSocket, answers: bool| {
        let mut pings = 0;
        while let Some(frame) = socket.frame() {
            match frame.opcode {
                Frame::PING if pings == 8 => return (pings, None),
                Frame::PING => {
                    pings += 1;
                    if answers {
                        socket.send_raw(&Frame::new(Frame::PONG, frame.payload).masked());
                    }
                }
                Frame::CLOSE => return (pings, frame.closing().0),
                _ => {}
            }
        }
        panic!("it ended without a close");
    };
    thread::scope(|scope| {
        scope.spawn(|| assert_eq!(pings(&mut alive, true), (8, None)));
        assert_eq!(pings(&mut silent, false), (3, Some(1008)));
    });
}

#[test]
fn who_may_not_come_in_is_told_so_in_http() {
    let gateway = Gateway::plan()
        .set("sessions.max", "1")
        .rules("[[channels]]\nmatch = \"open\"\nsubscribe = \"anyone\"\npublish = \"nobody\"\n")
        .start();
    let key = draw_key();
    let shake = |path: &str, further: &[(&str, &str)]| {
        let headers = [&headers(&key), further].concat();
        WebSocket::handshake(gateway.public(), path, &headers)
    };
    let refused = shake("/events?channel=closed", &[]);
    assert_eq!((refused.status, &*refused.error_code()), (403, "forbidden"));
    let refused = shake("/events?channel=open", &[("Origin", "https://elsewhere.example")]);
    assert_eq!((refused.status, &*refused.error_code()), (403, "foreign_origin"));
    let refused = shake("/events?channel=open&sinse=last", &[]);
    assert_eq!((refused.status, &*refused.error_code()), (400, "bad_parameter"));
    let plain = http::request(gateway.public(), "GET", "/events?channel=open&transport=websocket", &[], b"");
    assert_eq!((plain.status, &*plain.error_code()), (426, "bad_handshake"));
    let kept = WebSocket::enter(&gateway, "channel=open");
    let full = shake("/events?channel=open", &[]);
    assert_eq!((full.status, &*full.error_code()), (503, "overloaded"));
    assert!(full.header("retry-after").is_some());
    drop(kept);
    gateway.wait_for_metric("fanfare_sessions{transport=\"websocket\"}", 0.0);
    let _ = WebSocket::enter(&gateway, "channel=open");
}

#[test]
fn a_drain_says_good_bye_with_the_sessions_place() {
    let gateway = Gateway::embedded();
    let mut socket = WebSocket::enter(&gateway, "channel=a");
    gateway.post("channel=a", "one");
    let seen = socket.message();
    gateway.drain();
    let bye = socket.expect_event("bye");
    assert_eq!((&bye["data"]["reason"], &bye["id"]), (&json!("drain"), &seen["id"]));
    assert!(bye["retry"].is_u64());
    assert_eq!(socket.expect_close(), (Some(1001), "drain".to_owned()));
}

#[test]
fn what_it_does_not_want_to_hear_again_comes_to_all_others_alone() {
    let redis = Redis::start();
    for [one, other] in
        [[Gateway::on(&redis), Gateway::on(&redis)], [Gateway::on_stream(&redis), Gateway::on_stream(&redis)]]
    {
        let mut socket = WebSocket::open(one.public(), "channel=a");
        let name = socket.expect_event("open")["data"]["session"].clone();
        let mut beside = WebSocket::enter(&one, "channel=a");
        let mut events = other.listen("channel=a&format=json");
        for (number, echo) in [(0, true), (1, false), (2, false), (3, true), (4, false)] {
            let publish = json!({"channel": "a", "data": number});
            socket.send_json(json!({"publish": publish, "echo": echo, "ref": number}));
        }
        let mut heard = Vec::new();
        let mut hear = |socket: &mut WebSocket, last: &dyn Fn(&Value) -> bool| loop {
            let message = socket.message();
            if message["channel"] == "a" {
                heard.push((message["data"].clone(), message["from"].clone()));
            }
            if last(&message) {
                return;
            }
        };
        hear(&mut socket, &|message| message["ref"] == 4);
        one.post("channel=a", "5");
        hear(&mut socket, &|message| message["data"] == "5");
        assert_eq!(
            heard,
            [(json!("0"), name.clone()), (json!("3"), name.clone()), (json!("5"), Value::Null)]
        );
        for number in 0..5 {
            let shown: Value = serde_json::from_str(&events.next_but_cursor().data).expect("an envelope");
            assert_eq!((&shown["data"], &shown["from"]), (&json!(number.to_string()), &name));
            assert_eq!(next_data(&mut beside), number.to_string());
        }
    }
}
