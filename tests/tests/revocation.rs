//! What backends have done with somebody's sessions, on every gateway.

use std::time::{Duration, Instant};

use jsonwebtoken::Algorithm;
use serde_json::{Value, json};
use tests::{Gateway, Issuer, Listener, Redis, WebSocket, gateway::Plan, tokens::in_seconds, wait_for};

const SECRET: &str = "a secret for tests, which everybody may know";
const RULES: &str = "[[channels]]\nmatch = \"*\"\nsubscribe = \"token\"\npublish = \"token\"\n";

fn plan(plan: Plan) -> Plan {
    plan.set("auth.secret", &format!("{SECRET:?}")).rules(RULES)
}

/// Two gateways on a Redis of their own, of each kind.
fn on_both_kinds(check: impl Fn(&Redis, fn(u16) -> Plan)) {
    for kind in [Gateway::plan_on as fn(u16) -> Plan, Gateway::plan_on_stream] {
        check(&Redis::start(), kind);
    }
}

fn query(claims: &Value) -> String {
    let mut claims = claims.clone();
    claims["fanfare"] = json!({"subscribe": ["a", "b"], "publish": ["a", "b"]});
    let token = Issuer::hmac(Algorithm::HS256, SECRET.as_bytes()).token(&claims);
    format!("channel=a&token={token}")
}

fn control(redis: &Redis, directive: &Value) {
    redis.command(&["PUBLISH", "fanfare:@control", &directive.to_string()]);
}

fn expect_bye(listener: &mut Listener, reason: &str, reconnect: bool) {
    let bye = listener.expect_control("bye");
    assert_eq!((&bye["reason"], &bye["reconnect"]), (&json!(reason), &json!(reconnect)), "{bye}");
    listener.expect_end();
}

#[test]
fn a_revoked_token_ends_its_sessions_everywhere_and_opens_nothing_any_more() {
    on_both_kinds(|redis, kind| {
        let gateways = [(); 2].map(|()| plan(kind(redis.port())).start());
        let (bad, good) =
            (query(&json!({"jti": "bad", "sub": "42"})), query(&json!({"jti": "good", "sub": "42"})));
        let mut ended: Vec<_> = gateways.iter().map(|gateway| gateway.listen(&bad)).collect();
        let mut sockets: Vec<_> = gateways.iter().map(|gateway| WebSocket::enter(gateway, &bad)).collect();
        let mut stays: Vec<_> = gateways.iter().map(|gateway| gateway.listen(&good)).collect();
        control(redis, &json!({"revoke": {"token": "bad"}}));
        let began = Instant::now();
        ended.iter_mut().for_each(|listener| expect_bye(listener, "revoked", false));
        for socket in &mut sockets {
            assert_eq!(socket.expect_event("bye")["data"]["reconnect"], false);
            assert_eq!(socket.expect_close(), (Some(3003), "revoked".to_owned()));
        }
        assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
        let refused = |gateway: &Gateway| {
            let answer = gateway.get(&format!("/events?{bad}"));
            assert_eq!((answer.status, &*answer.error_code()), (401, "token_revoked"));
        };
        gateways.iter().for_each(refused);
        gateways[0].post(&good, "hello");
        stays.iter_mut().for_each(|listener| drop(listener.expect("hello")));
        // One that starts later knows it too; also when Redis has lost all that it held.
        refused(&plan(kind(redis.port())).start());
        redis.command(&["DEL", "fanfare:@revocations"]);
        wait_for("it to be written anew", || {
            redis.command(&["EXISTS", "fanfare:@revocations"]) == redis::Value::Int(1)
        });
        drop(gateways);
        let late = plan(kind(redis.port())).start();
        refused(&late);
        late.wait_for_metric("fanfare_revocations", 1.0);
    });
}

#[test]
fn a_revoked_subject_may_come_back_with_a_token_that_was_issued_later() {
    on_both_kinds(|redis, kind| {
        let gateway = plan(kind(redis.port())).start();
        let issued = |seconds: f64| query(&json!({"sub": "42", "iat": in_seconds(seconds)}));
        let mut listener = gateway.listen(&issued(-10.0));
        let mut undated = gateway.listen(&query(&json!({"sub": "42"})));
        let other = query(&json!({"sub": "43", "iat": in_seconds(-10.0)}));
        let mut stays = gateway.listen(&other);
        control(redis, &json!({"revoke": {"subject": "42"}}));
        expect_bye(&mut listener, "revoked", false);
        expect_bye(&mut undated, "revoked", false);
        assert_eq!(gateway.get(&format!("/events?{}", issued(-1.0))).error_code(), "token_revoked");
        assert_eq!(gateway.get(&format!("/events?{}", issued(5.0))).status, 200);
        gateway.post(&other, "hello");
        stays.expect("hello");
    });
}

#[test]
fn a_revocation_is_forgotten_when_it_says() {
    let redis = Redis::start();
    let gateway = plan(Gateway::plan_on(redis.port())).start();
    let (short, long) = (query(&json!({"jti": "short"})), query(&json!({"jti": "long"})));
    let until = in_seconds(2.0) as u64;
    control(&redis, &json!({"revoke": {"token": "short", "until": until}}));
    control(&redis, &json!({"revoke": {"token": "long"}}));
    let status = |query: &str| gateway.get(&format!("/events?{query}")).status;
    wait_for("the revocations", || (status(&short), status(&long)) == (401, 401));
    wait_for("the end of one of them", || (status(&short), status(&long)) == (200, 401));
}

#[test]
fn the_sessions_of_a_subject_are_ended_and_given_channels() {
    on_both_kinds(|redis, kind| {
        let gateways = [(); 2].map(|()| plan(kind(redis.port())).start());
        let (mine, other) = (query(&json!({"sub": "42"})), query(&json!({"sub": "43"})));
        let mut listener = gateways[0].listen(&mine);
        let mut socket = WebSocket::enter(&gateways[1], &mine);
        let mut stays = gateways[1].listen(&other);
        let publish = |channel: &str, data: &str| {
            gateways[0].post(&mine.replace("channel=a", &format!("channel={channel}")), data);
        };
        control(redis, &json!({"subscribe": {"subject": "42", "channels": ["b"]}}));
        let directed = "fanfare_directives_total{kind=\"subscribe\"}";
        gateways.iter().for_each(|gateway| gateway.wait_for_metric(directed, 1.0));
        // It is passed on to the shards a moment after it was counted.
        wait_for("the channel to be read", || {
            publish("b", "b");
            publish("a", "a");
            let reads_b = listener.next_but_cursor().data == "b";
            if reads_b {
                listener.expect("a");
            }
            reads_b
        });
        control(redis, &json!({"unsubscribe": {"subject": "42", "channels": ["b"]}}));
        let directed = "fanfare_directives_total{kind=\"unsubscribe\"}";
        gateways.iter().for_each(|gateway| gateway.wait_for_metric(directed, 1.0));
        publish("a", "end");
        while listener.next_but_cursor().data != "end" {}
        while stays.next_but_cursor().data != "end" {}
        control(redis, &json!({"disconnect": {"subject": "42"}}));
        expect_bye(&mut listener, "disconnected", true);
        while socket.message()["event"] != "fanfare.bye" {}
        drop(gateways[0].listen(&mine));
        publish("a", "after");
        stays.expect("after");
    });
}

#[test]
fn what_cannot_be_understood_is_counted_and_disturbs_nothing() {
    on_both_kinds(|redis, kind| {
        let gateway = plan(kind(redis.port())).start();
        let mine = query(&json!({"sub": "42"}));
        let mut listener = gateway.listen(&mine);
        for bad in [
            json!({"revoke": {}}),
            json!({"destroy": {"subject": "42"}}),
            json!({"disconnect": {"subject": 42}}),
        ] {
            control(redis, &bad);
        }
        redis.command(&["PUBLISH", "fanfare:@control", "garbage"]);
        gateway.wait_for_metric("fanfare_directives_total{kind=\"dropped\"}", 3.0);
        gateway.post(&mine, "hello");
        listener.expect("hello");
        assert!(gateway.log().contains("was not done"), "{}", gateway.log());
    });
}
