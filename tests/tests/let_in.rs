//! Who was let in, and what becomes of what it has under way when that no longer holds.

use std::{
    io::Write,
    thread,
    time::{Duration, Instant},
};

use jsonwebtoken::Algorithm;
use serde_json::{Value, json};
use tests::{
    Gateway, Issuer, Redis, WebSocket,
    gateway::Plan,
    http::{self, Answer, parse},
    tokens::in_seconds,
    wait_for,
};

const SECRET: &str = "a secret for tests, which everybody may know";
const RULES: &str = r#"
[[channels]]
match = "given/*"
subscribe = "token"
presence = "nobody"
[[channels]]
match = "*"
subscribe = "token"
publish = "token"
presence = "token"
"#;

fn plan(redis: &Redis) -> Plan {
    Gateway::plan_on(redis.port()).set("auth.secret", &format!("{SECRET:?}")).rules(RULES)
}

fn token(claims: &Value) -> String {
    let mut claims = claims.clone();
    claims["fanfare"] = json!({"subscribe": ["a", "b"], "publish": ["a", "b"]});
    Issuer::hmac(Algorithm::HS256, SECRET.as_bytes()).token(&claims)
}

fn control(redis: &Redis, directive: &Value) {
    redis.command(&["PUBLISH", "fanfare:@control", &directive.to_string()]);
}

fn revoke(redis: &Redis, gateway: &Gateway, id: &str) {
    let before = gateway.metric("fanfare_directives_total{kind=\"revoke\"}");
    control(redis, &json!({"revoke": {"token": id}}));
    gateway.wait_for_metric("fanfare_directives_total{kind=\"revoke\"}", before + 1.0);
}

#[test]
fn a_poll_that_waits_is_called_when_its_token_is_revoked_or_its_subject_is_sent_away() {
    let redis = Redis::start();
    let gateway = plan(&redis).start();
    let bearer = format!("Bearer {}", token(&json!({"jti": "bad", "sub": "42"})));
    let get = |path: &str| -> Answer {
        http::request(gateway.public(), "GET", path, &[("Authorization", &bearer)], b"")
    };
    let cursor = get("/events?channel=a").json()["cursor"].as_str().unwrap().to_owned();
    let wait = format!("/events?channel=a&since={cursor}&wait=30");
    let opened = "fanfare_sessions_opened_total{transport=\"poll\"}";
    for (number, directive, status) in [
        (1.0, json!({"disconnect": {"subject": "42"}}), 200),
        (2.0, json!({"revoke": {"token": "bad"}}), 401),
    ] {
        thread::scope(|scope| {
            let waiting = scope.spawn(|| get(&wait));
            gateway.wait_for_metric(opened, number);
            let began = Instant::now();
            control(&redis, &directive);
            assert_eq!(waiting.join().unwrap().status, status, "{directive}");
            assert!(began.elapsed() < Duration::from_secs(1), "{directive}: {:?}", began.elapsed());
        });
    }
}

#[test]
fn what_comes_in_slowly_is_published_by_what_holds_at_its_end() {
    let redis = Redis::start();
    let gateway = plan(&redis).start();
    let publish = |token: &str, between: &dyn Fn()| {
        let mut stream = http::connect(gateway.public());
        let head = format!(
            "POST /events?channel=a HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\
             Content-Length: 4\r\n\r\nhe"
        );
        stream.write_all(head.as_bytes()).unwrap();
        between();
        stream.write_all(b"re").unwrap();
        let mut answer = Vec::new();
        std::io::Read::read_to_end(&mut stream, &mut answer).unwrap();
        let answer = parse(&answer).expect("an answer");
        if answer.status == 401 { answer.error_code() } else { answer.status.to_string() }
    };
    assert_eq!(publish(&token(&json!({"jti": "good"})), &|| {}), "202");
    let revoked = token(&json!({"jti": "bad"}));
    assert_eq!(publish(&revoked, &|| revoke(&redis, &gateway, "bad")), "token_revoked");
    let expires = in_seconds(2.0);
    let expiring = token(&json!({"exp": expires}));
    assert_eq!(publish(&expiring, &|| wait_for("its end", || in_seconds(0.0) > expires)), "token_expired");
}

#[test]
fn revocations_that_come_all_at_once_all_count() {
    const COUNT: usize = 5_000;
    let redis = Redis::start();
    let gateways = [(); 2].map(|()| plan(&redis).start());
    redis.publish_all((0..COUNT).map(|number| {
        let directive = json!({"revoke": {"token": format!("bad {number}")}});
        ("@control", directive.to_string())
    }));
    for gateway in &gateways {
        gateway.wait_for_metric("fanfare_directives_total{kind=\"revoke\"}", COUNT as f64);
        assert_eq!(gateway.metric("fanfare_directives_total{kind=\"dropped\"}"), 0.0);
        for number in (0..COUNT).step_by(97) {
            let token = token(&json!({"jti": format!("bad {number}")}));
            assert_eq!(gateway.get(&format!("/events?channel=a&token={token}")).status, 401, "{number}");
        }
    }
    wait_for("all to be kept", || {
        redis.command(&["HLEN", "fanfare:@revocations"]) == redis::Value::Int(COUNT as i64 + 1)
    });
}

#[test]
fn whoever_starts_reads_all_revocations_however_many_there_are() {
    let redis = Redis::start();
    let mut pipeline = redis::pipe();
    for number in 0..50_000 {
        pipeline.hset("fanfare:@revocations", format!("t:bad {number}"), "4000000000").ignore();
    }
    pipeline.hset("fanfare:@revocations", "t:over", "1000").ignore();
    pipeline.query::<()>(&mut redis.connection()).expect("Redis takes them");
    let gateway = plan(&redis).start();
    for number in (0..50_000).step_by(4_999) {
        let token = token(&json!({"jti": format!("bad {number}")}));
        let status = || gateway.get(&format!("/events?channel=a&token={token}")).status;
        wait_for("it to be known", || status() != 503);
        assert_eq!(status(), 401, "{number}");
    }
    gateway.wait_for_metric("fanfare_revocations", 50_000.0);
    wait_for("what is over to be taken away", || {
        redis.command(&["HEXISTS", "fanfare:@revocations", "t:over"]) == redis::Value::Int(0)
    });
}

#[test]
fn a_revocation_that_is_prolonged_is_kept_so() {
    let redis = Redis::start();
    let _gateway = plan(&redis).start();
    let kept = |until: u64| {
        control(&redis, &json!({"revoke": {"token": "bad", "until": until}}));
        let expected = redis::Value::BulkString(until.to_string().into());
        wait_for("it to be kept", || redis.command(&["HGET", "fanfare:@revocations", "t:bad"]) == expected);
    };
    kept(4_000_000_000);
    kept(4_000_000_001);
}

#[test]
fn channels_that_a_backend_gave_take_no_room_from_those_that_are_asked_for() {
    let redis = Redis::start();
    let gateway = plan(&redis).set("sessions.max_channels", "2").start();
    let mut socket = WebSocket::enter(&gateway, &format!("channel=a&token={}", token(&json!({"sub": "42"}))));
    let channels: Vec<_> = (0..10).map(|number| format!("given/{number}")).collect();
    control(&redis, &json!({"subscribe": {"subject": "42", "channels": channels}}));
    wait_for("the first of them to be read", || {
        redis.command(&["PUBLISH", "fanfare:given/0", "x"]);
        redis.command(&["PUBLISH", "fanfare:given/9", "too many"]);
        redis.command(&["PUBLISH", "fanfare:a", "end"]);
        let came: Vec<_> = std::iter::repeat_with(|| socket.message())
            .take_while(|message| message["data"] != "end")
            .collect();
        assert!(came.iter().all(|message| message["data"] != "too many"), "{came:?}");
        came.iter().any(|message| message["data"] == "x")
    });
    assert_eq!(socket.ask(json!({"subscribe": ["b"], "ref": 1}))["ok"], true);
}

#[test]
fn what_a_backend_gave_hinders_no_other_token_and_shows_nobody() {
    let redis = Redis::start();
    let gateway = plan(&redis).start();
    let token = token(&json!({"sub": "42"}));
    let mut socket = WebSocket::enter(
        &gateway,
        &format!("channel=a&presence=true&member=%7B%22n%22%3A1%7D&token={token}"),
    );
    control(&redis, &json!({"subscribe": {"subject": "42", "channels": ["given/1"]}}));
    wait_for("the channel to be read", || {
        redis.command(&["PUBLISH", "fanfare:given/1", "x"]);
        redis.command(&["PUBLISH", "fanfare:a", "end"]);
        let mut reads = false;
        loop {
            let message = socket.message();
            assert_ne!(message["data"]["channel"], "given/1", "{message}");
            reads |= message["channel"] == "given/1";
            if message["data"] == "end" {
                return reads;
            }
        }
    });
    let answer = loop {
        let answer = socket.ask(json!({"token": token, "ref": 1}));
        if answer["ref"] == 1 {
            break answer;
        }
    };
    assert_eq!(answer["ok"], true, "{answer}");
}

#[test]
fn the_idempotency_key_of_one_subject_is_no_others() {
    let redis = Redis::start();
    let gateway = plan(&redis).start();
    let post = |subject: &str, data: &str| {
        let bearer = format!("Bearer {}", token(&json!({"sub": subject})));
        let headers = [("Authorization", &*bearer), ("Idempotency-Key", "1")];
        let answer = http::request(gateway.public(), "POST", "/events?channel=a", &headers, data.as_bytes());
        (answer.status, answer.header("idempotent-replayed").is_some())
    };
    assert_eq!(post("alice", "yes"), (202, false));
    assert_eq!(post("bob", "yes"), (202, false));
    assert_eq!(post("carol", "no"), (202, false));
    assert_eq!(post("alice", "yes"), (202, true));
}
