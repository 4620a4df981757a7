//! Keys that issuers publish at URLs.

use jsonwebtoken::Algorithm;
use serde_json::{Value, json};
use tests::{Gateway, Issuer, Listener, Site, WebSocket, gateway::Plan, http, wait_for};

const RULES: &str = "[[channels]]\nmatch = \"*\"\nsubscribe = \"token\"\n";

fn set(issuers: &[&Issuer]) -> String {
    let keys: Vec<Value> = issuers.iter().map(|issuer| issuer.jwk()).collect();
    json!({ "keys": keys }).to_string()
}

fn plan(site: &Site) -> Plan {
    let plan = Gateway::plan().set("auth.jwks_url", &format!("{:?}", site.url()));
    plan.set("sessions.heartbeat", "\"1s\"").rules(RULES)
}

fn token(issuer: &Issuer) -> String {
    issuer.token(&json!({"sub": "42", "fanfare": {"subscribe": ["a"]}}))
}

fn poll(gateway: &Gateway, token: &str) -> http::Answer {
    gateway.get(&format!("/events?channel=a&token={token}"))
}

#[test]
fn a_key_that_is_new_is_read_at_once_and_one_that_has_gone_counts_no_longer() {
    let old = Issuer::pair(Algorithm::RS256).named("old");
    let site = Site::with(&set(&[&old]));
    let gateway = plan(&site).set("auth.jwks_refresh", "\"2s\"").start();
    assert_eq!(poll(&gateway, &token(&old)).status, 200);
    let new = Issuer::pair(Algorithm::ES256).named("new");
    site.set(&set(&[&old, &new]));
    let mut listener = gateway.listen(&format!("channel=a&token={}", token(&new)));
    listener.heartbeat();
    assert_eq!(poll(&gateway, &token(&old)).status, 200);
    // One with a name that is known, signed by another.
    let forged = Issuer::pair(Algorithm::ES256).named("new");
    assert_eq!(poll(&gateway, &token(&forged)).error_code(), "bad_token");
    site.set(&set(&[&new]));
    wait_for("the old key to be forgotten", || poll(&gateway, &token(&old)).status == 401);
    assert_eq!(poll(&gateway, &token(&new)).status, 200);
}

#[test]
fn whoever_invents_names_of_keys_has_them_read_at_a_bounded_rate() {
    let issuer = Issuer::pair(Algorithm::EdDSA).named("known");
    let site = Site::with(&set(&[&issuer]));
    let gateway = plan(&site).start();
    for number in 0..100 {
        let invented = Issuer::hmac(Algorithm::HS256, b"x").named(&format!("invented-{number}"));
        assert_eq!(poll(&gateway, &token(&invented)).status, 401);
    }
    assert_eq!(poll(&gateway, &token(&issuer)).status, 200);
    assert!(site.asked() <= 8, "{}", site.asked());
}

#[test]
fn while_there_are_no_keys_nobody_is_sent_away_for_good_and_while_there_are_old_ones_they_hold() {
    let issuer = Issuer::pair(Algorithm::PS256).named("a");
    let site = Site::start(|_| None);
    let gateway = plan(&site).set("auth.jwks_refresh", "\"1s\"").start();
    let query = format!("channel=a&token={}", token(&issuer));
    let answer = poll(&gateway, &token(&issuer));
    assert_eq!((answer.status, &*answer.error_code()), (503, "auth-unavailable"));
    assert!(answer.header("retry-after").is_some());
    let mut listener = Listener::connect(gateway.public(), &query, None, "1.1");
    let bye = listener.next();
    assert_eq!(
        (&*bye.name, &*bye.data),
        ("fanfare.bye", r#"{"reason":"auth-unavailable","reconnect":true}"#)
    );
    listener.expect_end();
    let upgrade = tests::websocket::headers("dGhlIHNhbXBsZSBub25jZQ==");
    assert_eq!(WebSocket::handshake(gateway.public(), &format!("/events?{query}"), &upgrade).status, 503);
    site.set(&set(&[&issuer]));
    wait_for("the keys to be read", || poll(&gateway, &token(&issuer)).status == 200);
    for silence in [
        |_: &str| None,
        |_: &str| Some("HTTP/1.1 500 No\r\n\r\n".to_owned()),
        |_: &str| Some(tests::site::ok("{\"keys\":[]}")),
    ] {
        site.change(silence);
        let failed = "fanfare_key_fetches_total{outcome=\"failed\"}";
        let before = gateway.metric(failed);
        wait_for("the keys to be asked for in vain", || gateway.metric(failed) > before);
        assert_eq!(poll(&gateway, &token(&issuer)).status, 200);
    }
    assert_eq!(gateway.log().matches("the keys of an issuer cannot be read").count(), 2, "{}", gateway.log());
}

#[test]
fn each_issuer_signs_for_itself_alone_and_a_set_holds_no_secret() {
    let (one, two) = (Issuer::pair(Algorithm::RS256).named("k"), Issuer::pair(Algorithm::RS256).named("k"));
    let site = Site::with(&set(&[&two]));
    let gateway = Gateway::plan()
        .set("auth.issuer", "\"one\"")
        .set("auth.public_key_file", &format!("{:?}", one.public_key_file()))
        .rules(&format!("[[auth.issuers]]\nissuer = \"two\"\njwks_url = {:?}\n{RULES}", site.url()))
        .start();
    let poll = |issuer: &Issuer, name: &str| {
        let claims = json!({"iss": name, "fanfare": {"subscribe": ["a"]}});
        poll(&gateway, &issuer.token(&claims)).status
    };
    assert_eq!((poll(&one, "one"), poll(&two, "two")), (200, 200));
    assert_eq!((poll(&one, "two"), poll(&two, "one")), (401, 401));
    assert_eq!(poll(&one, "three"), 401);
    // Whoever can read it could sign: such a key opens nothing.
    let secret = Issuer::hmac(Algorithm::HS256, b"0123456789abcdef0123456789abcdef").named("s");
    let published = Site::with(
        &json!({"keys": [
            {"kty": "oct", "kid": "s", "alg": "HS256", "k": "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY"},
            two.jwk(),
        ]})
        .to_string(),
    );
    let gateway = plan(&published).start();
    assert_eq!(self::poll(&gateway, &token(&secret)).status, 401);
    assert_eq!(self::poll(&gateway, &token(&two)).status, 200);
}

#[test]
fn what_was_read_is_kept_over_a_reload() {
    let issuer = Issuer::pair(Algorithm::ES384).named("a");
    let site = Site::with(&set(&[&issuer]));
    let mut gateway = plan(&site).start();
    assert_eq!(poll(&gateway, &token(&issuer)).status, 200);
    site.fall_silent();
    assert!(gateway.reload(|plan| plan.set("sessions.heartbeat", "\"3s\"")));
    assert_eq!(poll(&gateway, &token(&issuer)).status, 200);
    // Another URL is another's.
    let other = Site::with(&set(&[&Issuer::pair(Algorithm::ES384).named("b")]));
    assert!(gateway.reload(|plan| plan.set("auth.jwks_url", &format!("{:?}", other.url()))));
    wait_for("the key to count no longer", || poll(&gateway, &token(&issuer)).status == 401);
}
