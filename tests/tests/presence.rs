//! Who is in a channel, across gateways.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use rustix::process::Signal;
use serde_json::{Value, json};
use tests::{Gateway, Listener, Redis, WebSocket, gateway::on_every_broker, http, wait_for};

/// What a browser asks for that is present as this.
fn as_member(channel: &str, member: &Value) -> String {
    let member: String = form(&member.to_string());
    format!("channel={channel}&transport=sse&member={member}")
}

fn form(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// Who is in a channel, as a gateway tells those who ask.
fn presence(gateway: &Gateway, channel: &str) -> Value {
    let answer = gateway.get(&format!("/presence?channel={channel}"));
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("cache-control"), Some("private, no-store"));
    answer.json()
}

fn count(gateway: &Gateway, channel: &str) -> u64 {
    presence(gateway, channel)["count"].as_u64().expect("a number")
}

/// The name under which a session is known.
fn name(listener: &Listener) -> String {
    let opened: Value = serde_json::from_str(&listener.opened.data).expect("JSON");
    opened["session"].as_str().expect("it has a name").to_owned()
}

#[test]
fn one_who_watches_is_told_who_is_there_who_comes_and_who_goes() {
    on_every_broker(|one, other| {
        let ada = one.listen(&as_member("a", &json!({"name": "Ada"})));
        wait_for("Ada to be seen", || count(other, "a") == 1);
        let mut watcher = other.listen("channel=a&channel=b&transport=sse&presence=true");
        let mut told = [watcher.expect_control("presence"), watcher.expect_control("presence")];
        told.sort_by_key(|told| told["channel"].to_string());
        let there = json!([{"session": name(&ada), "member": {"name": "Ada"}}]);
        assert_eq!(told[0], json!({"channel": "a", "count": 1, "members": there}));
        assert_eq!(told[1], json!({"channel": "b", "count": 0, "members": []}));

        let bob = one.listen(&as_member("a&channel=b", &json!({"name": "Böb \"B\""})));
        let mut joined = [watcher.expect_control("join"), watcher.expect_control("join")];
        joined.sort_by_key(|joined| joined["channel"].to_string());
        for (channel, joined) in ["a", "b"].into_iter().zip(joined) {
            let member = json!({"name": "Böb \"B\""});
            assert_eq!(joined, json!({"channel": channel, "session": name(&bob), "member": member}));
        }
        // News have no ids: an EventSource keeps its cursor.
        one.post("channel=a", "a publication");
        watcher.expect("a publication");
        let gone = name(&ada);
        drop(ada);
        assert_eq!(watcher.expect_control("leave"), json!({"channel": "a", "session": gone}));
        assert_eq!((count(one, "a"), count(other, "b")), (1, 1));
        drop(bob);
        watcher.expect_control("leave");
        watcher.expect_control("leave");
        // One who only reads is nobody.
        let _reader = one.listen("channel=a&transport=sse");
        assert_eq!(presence(one, "a"), json!({"channel": "a", "count": 0, "members": []}));
    });
}

#[test]
fn over_a_websocket_one_is_present_in_what_one_reads() {
    on_every_broker(|one, other| {
        let mut watcher = other.listen("channel=a&transport=sse&presence=true");
        watcher.expect_control("presence");
        let mut socket = WebSocket::open(one.public(), &format!("member={}&presence=true", form("{}")));
        let session = socket.expect_event("open")["data"]["session"].clone();
        assert_eq!(socket.ask(json!({"subscribe": ["a"], "ref": 1}))["ok"], true);
        // It is told of itself too, in the first or after it.
        let told = socket.expect_event("presence");
        if told["data"]["count"] == 0 {
            socket.expect_event("join");
        }
        assert_eq!(watcher.expect_control("join")["session"], session);
        wait_for("all to know", || count(one, "a") == 1 && count(other, "a") == 1);
        let there = json!([{"session": session, "member": {}}]);
        let expected = json!({"channel": "a", "count": 1, "members": there});
        let answer = socket.ask(json!({"presence": "a", "ref": 2}));
        assert_eq!(answer, json!({"ref": 2, "ok": true, "presence": expected}));
        // What it publishes bears its name.
        let mut reader = other.listen("channel=a&format=json&transport=sse");
        assert_eq!(socket.ask(json!({"publish": {"channel": "a", "data": "x"}, "ref": 3}))["ok"], true);
        let published: Value = serde_json::from_str(&reader.next_but_cursor().data).expect("an envelope");
        assert_eq!(published["from"], session);
        watcher.expect("x");
        assert_eq!(socket.ask(json!({"unsubscribe": ["a"], "ref": 4}))["ok"], true);
        assert_eq!(watcher.expect_control("leave")["session"], session);
        for refused in [json!({"presence": "a*"}), json!({"presence": 1})] {
            let mut request = refused.clone();
            request["ref"] = json!(5);
            let answer = socket.ask(request);
            assert!(answer["error"]["code"].is_string(), "{refused} is answered with {answer}");
        }
    });
}

#[test]
fn the_members_of_a_killed_gateway_go_and_nobody_else_is_disturbed() {
    const MEMBERS: usize = 1_000;
    let redis = Redis::start();
    let mut doomed = Gateway::on(&redis);
    let other = Gateway::plan_on(redis.port()).set("presence.max_members", "2000").start();
    let members: Vec<_> =
        (0..MEMBERS).map(|number| doomed.listen(&as_member("a", &json!({"n": number})))).collect();
    let stays = other.listen(&as_member("a", &json!({"stays": true})));
    wait_for("all to be seen", || count(&other, "a") == MEMBERS as u64 + 1);
    let mut watcher = other.listen("channel=a&transport=sse&presence=true");
    let mut known = Watcher::default();
    known.hear("fanfare.presence", &watcher.expect_control("presence"));
    assert_eq!(known.members.len(), MEMBERS + 1);
    let mut reader = other.listen("channel=news&transport=sse");
    doomed.process().signal(Signal::KILL);
    let killed = Instant::now();
    let mut published = 0;
    wait_for("all of it to be gone", || {
        redis.publish("news", &published.to_string());
        published += 1;
        count(&other, "a") == 1
    });
    let took = killed.elapsed();
    assert!(took < Duration::from_secs(15), "gone after {took:?}");
    // One by one, or, where that was too much for its socket at once, by who is left.
    while known.members.len() > 1 {
        let event = watcher.next_but_cursor();
        known.hear(&event.name, &serde_json::from_str(&event.data).expect("JSON"));
    }
    reader.expect_all(0..published);
    let there = json!([{"session": name(&stays), "member": {"stays": true}}]);
    assert_eq!(presence(&other, "a")["members"], there);
    drop(members);
}

#[test]
fn in_a_big_channel_they_are_counted() {
    let redis = Redis::start();
    let plan = || Gateway::plan_on(redis.port()).set("presence.max_members", "5");
    let (one, other) = (plan().start(), plan().start());
    let mut members: Vec<_> =
        (0..3).map(|number| one.listen(&as_member("a", &json!({"n": number})))).collect();
    wait_for("all to be seen", || count(&other, "a") == 3);
    let mut watcher = other.listen("channel=a&transport=sse&presence=true");
    assert_eq!(watcher.expect_control("presence")["members"].as_array().map(Vec::len), Some(3));
    members.extend((3..8).map(|number| one.listen(&as_member("a", &json!({"n": number})))));
    // As many as could still be told came one by one, the rest is a number.
    let counted = loop {
        let event = watcher.next_but_cursor();
        if event.name == "fanfare.presence" {
            break serde_json::from_str::<Value>(&event.data).expect("JSON");
        }
        assert_eq!(event.name, "fanfare.join");
    };
    assert_eq!(counted["members"], Value::Null);
    let mut counted = counted["count"].as_u64().expect("a number");
    while counted < 8 {
        counted = watcher.expect_control("presence")["count"].as_u64().expect("a number");
    }
    assert_eq!(presence(&other, "a"), json!({"channel": "a", "count": 8, "members": null}));
    // One who begins to watch is told so once: what comes next is a heartbeat.
    let third = plan().set("sessions.heartbeat", "\"2s\"").start();
    let mut newcomer = third.listen("channel=a&transport=sse&presence=true");
    assert_eq!(newcomer.expect_control("presence")["count"], 8);
    assert_eq!(newcomer.next().name, "fanfare.cursor");
    members.truncate(4);
    let listed = loop {
        let told = watcher.expect_control("presence");
        if told["members"].is_array() {
            break told;
        }
    };
    let mut known = Watcher::default();
    known.hear("fanfare.presence", &listed);
    while known.members.len() > 4 {
        let event = watcher.next_but_cursor();
        known.hear(&event.name, &serde_json::from_str(&event.data).expect("JSON"));
    }
    members.truncate(3);
    watcher.expect_control("leave");
}

#[test]
fn a_redis_that_forgets_is_told_anew_and_nobody_is_said_to_have_gone() {
    let mut redis = Redis::start();
    let plan = || Gateway::plan_on(redis.port()).set("presence.expire", "\"10s\"");
    let (mut one, other) = (plan().start(), plan().start());
    let ada = one.listen(&as_member("a", &json!({"name": "Ada"})));
    wait_for("Ada to be seen", || count(&other, "a") == 1);
    let mut watcher = other.listen("channel=a&transport=sse&presence=true");
    watcher.expect_control("presence");
    // The gateway whose member it is takes its time: Redis is empty for a while.
    one.process().signal(Signal::STOP);
    redis.kill();
    other.wait_for_metric("fanfare_presence_ok", 0.0);
    let refused = other.get("/presence?channel=a");
    assert_eq!((refused.status, &*refused.error_code()), (503, "presence"));
    assert!(refused.header("retry-after").is_some());
    redis.revive();
    other.wait_for_metric("fanfare_presence_ok", 1.0);
    wait_for("Redis to tell that it holds nobody", || {
        let answer = other.get("/presence?channel=a");
        answer.status == 200 && answer.json()["count"] == 0
    });
    one.process().signal(Signal::CONT);
    wait_for("Ada to be seen again", || {
        let answer = other.get("/presence?channel=a");
        answer.status == 200 && answer.json()["count"] == 1
    });
    let bob = one.listen(&as_member("a", &json!({"name": "Bob"})));
    let mut next = || loop {
        let event = watcher.next_but_cursor();
        // The order of publications broke.
        if event.name != "fanfare.gap" {
            return event;
        }
    };
    let event = next();
    assert!(event.name == "fanfare.join" && event.data.contains("Bob"), "{event:?}");
    drop((ada, bob));
    assert_eq!((&*next().name, &*next().name), ("fanfare.leave", "fanfare.leave"));
}

#[test]
fn a_redis_that_is_back_before_anybody_noticed_has_taken_nobody_away() {
    let mut redis = Redis::start();
    let plan = || Gateway::plan_on_stream(redis.port()).set("presence.expire", "\"5s\"");
    let (one, other) = (plan().start(), plan().start());
    let _ada = one.listen(&as_member("a", &json!({"name": "Ada"})));
    wait_for("Ada to be seen", || count(&other, "a") == 1);
    let mut watcher = other.listen("channel=a&transport=sse&presence=true");
    watcher.expect_control("presence");
    for round in 0..3 {
        redis.restart();
        let _bob = one.listen(&as_member("a", &json!({"round": round})));
        let joined = loop {
            let event = watcher.next_but_cursor();
            // The order of publications broke.
            if event.name != "fanfare.gap" {
                break event;
            }
        };
        assert!(joined.name == "fanfare.join" && joined.data.contains("round"), "{joined:?}");
        drop(_bob);
        let left = loop {
            let event = watcher.next_but_cursor();
            if event.name != "fanfare.gap" {
                break event;
            }
        };
        assert_eq!(left.name, "fanfare.leave");
    }
    assert_eq!(count(&other, "a"), 1);
}

#[test]
fn of_gateways_that_were_killed_nothing_stays_in_redis() {
    let redis = Redis::start();
    let plan = || Gateway::plan_on(redis.port()).set("presence.expire", "\"3s\"");
    let other = plan().start();
    let _stays = other.listen(&as_member("a:b", &json!({})));
    let mut watcher = other.listen("channel=a:b&transport=sse&presence=true");
    watcher.expect_control("presence");
    let gateways = || match redis.command(&["SCARD", "fanfare:@presence:at:a:b"]) {
        redis::Value::Int(count) => count,
        other => panic!("{other:?}"),
    };
    let mut doomed = plan().start();
    let _member = doomed.listen(&as_member("a:b", &json!({})));
    watcher.expect_control("join");
    assert_eq!(gateways(), 2);
    doomed.process().signal(Signal::KILL);
    watcher.expect_control("leave");
    wait_for("it to be cleared up", || gateways() == 1);
}

/// One who believes what it is told.
#[derive(Debug, Default)]
struct Watcher {
    members: BTreeMap<String, Value>,
    /// How many times it was told who is there.
    begun: usize,
}

impl Watcher {
    fn hear(&mut self, event: &str, data: &Value) {
        let session = |value: &Value| value["session"].as_str().expect("a name").to_owned();
        match event {
            "fanfare.presence" => {
                let members = data["members"].as_array().expect("a list");
                self.members = members.iter().map(|member| (session(member), member.clone())).collect();
                self.begun += 1;
            }
            "fanfare.join" => {
                assert!(self.members.insert(session(data), data.clone()).is_none(), "twice: {data}");
            }
            "fanfare.leave" => {
                assert!(self.members.remove(&session(data)).is_some(), "never came: {data}");
            }
            other => panic!("{other}"),
        }
    }
}

#[test]
fn one_who_does_not_read_is_told_anew_who_is_there() {
    let gateway = Gateway::plan().set("sessions.send_buffer_bytes", "4096").start();
    let mut watcher = gateway.listen("channel=a&transport=sse&presence=true");
    let big = json!({"text": "x".repeat(900)});
    let mut members = Vec::new();
    for round in 0..4 {
        let came: Vec<_> = (0..200).map(|_| gateway.listen(&as_member("a", &big))).collect();
        wait_for("all to be told", || count(&gateway, "a") == 200 + members.len() as u64);
        if round == 3 {
            members.extend(came);
        }
    }
    wait_for("the others to go", || count(&gateway, "a") == 200);
    let mut known = Watcher::default();
    while known.begun < 2 || known.members.len() != 200 {
        let event = watcher.next_but_cursor();
        known.hear(&event.name, &serde_json::from_str(&event.data).expect("JSON"));
    }
}

#[test]
fn it_is_closed_where_no_rule_opens_it_and_bad_questions_are_refused() {
    let gateway = Gateway::plan()
        .rules("[[channels]]\nmatch = \"open\"\nsubscribe = \"anyone\"\npresence = \"anyone\"\n")
        .rules("[[channels]]\nmatch = \"*\"\nsubscribe = \"anyone\"\n")
        .start();
    let check = |path: &str, status, code| {
        let answer = http::request(gateway.public(), "GET", path, &[], b"");
        assert_eq!((answer.status, &*answer.error_code()), (status, code), "{path}");
    };
    check("/presence", 400, "no_channel");
    check("/presence?channel=open&channel=open", 400, "too_many_channels");
    check("/presence?channel=op*", 400, "bad_channel");
    check("/presence?chanel=open", 400, "bad_parameter");
    check("/presence?channel=closed", 403, "forbidden");
    check("/events?transport=sse&channel=closed&presence=true", 403, "forbidden");
    check("/events?transport=sse&channel=closed&member=%7B%7D", 403, "forbidden");
    check("/events?transport=sse&channel=open&member=7", 400, "bad_value");
    check(
        &format!("/events?transport=sse&channel=open&member=%7B%22a%22:%22{}%22%7D", "x".repeat(1_024)),
        400,
        "bad_value",
    );
    for no_json in ["{\"a\":1 2}", "{\"a\":t rue}", "{\"a\":\"\\ud800\"}", "{\"a\":1e999}"] {
        check(&format!("/events?transport=sse&channel=open&member={}", form(no_json)), 400, "bad_value");
    }
    check("/events?transport=sse&channel=open&presence=yes", 400, "bad_value");
    check("/events?transport=sse&channel=o*&presence=true", 400, "bad_channel");
    check("/events?transport=poll&channel=open&presence=true", 400, "bad_value");
    let post = http::request(gateway.public(), "POST", "/presence?channel=open", &[], b"");
    assert_eq!((post.status, post.header("allow")), (405, Some("GET, HEAD")));
    assert_eq!(count(&gateway, "open"), 0);
    // Beside single channels there may be patterns, in which nobody is.
    let mut both = gateway.listen("channel=open&channel=o*&transport=sse&presence=true");
    assert_eq!(both.expect_control("presence")["channel"], "open");
    let origin = format!("http://{}", gateway.public());
    for path in ["/presence", "/advice", "/events"] {
        let preflight = http::request(gateway.public(), "OPTIONS", path, &[("Origin", &origin)], b"");
        assert_eq!(
            (preflight.status, preflight.header("access-control-allow-headers").is_some()),
            (204, true)
        );
    }
    // Who asks for nothing of it needs no rule for it.
    let _reader = gateway.listen("channel=closed&transport=sse&presence=false");
}
