//! Publications through a stream in a real Redis: what arrives, and what outlives a restart.

use std::{
    sync::atomic::{AtomicBool, Ordering::SeqCst},
    time::Duration,
};

use tests::{
    Gateway, Listener, Proxy, Redis,
    redis::{STREAM, numbers},
    tap::{Fate, tap},
    wait_for,
};

#[test]
fn any_clients_xadd_arrives_and_its_id_is_the_cursor() {
    let redis = Redis::start();
    let gateway = Gateway::on_stream(&redis);
    let mut browser = gateway.listen("channel=a");
    let id = redis.add_fields(&[("channel", "a"), ("ignored", "x"), ("event", "disk"), ("data", "full")]);
    redis.add_fields(&[("data", "of both"), ("channels", r#"["b","a"]"#)]);
    let full = browser.expect("full");
    assert_eq!((full.name.as_str(), full.id.as_deref()), ("disk", Some(&*id)));
    browser.expect("of both");
    // One observation a write, which may hold both.
    assert!(gateway.metric("fanfare_publish_to_delivery_seconds_count") >= 1.0);
    assert!(gateway.metric("fanfare_publish_to_delivery_seconds_sum") < 1.0);
    gateway.resume("channel=b", &id).expect("of both");
}

#[test]
fn published_over_http_the_answer_holds_its_id() {
    let redis = Redis::start();
    let gateway = Gateway::on_stream(&redis);
    let mut browser = gateway.listen("channel=a");
    let answer = gateway.post("channel=a&event=disk", "full");
    assert_eq!(answer.status, 200);
    let full = browser.expect("full");
    assert_eq!(answer.json()["id"].as_str(), full.id.as_deref());
    assert_eq!(full.name, "disk");
}

#[test]
fn cursors_mean_the_same_on_every_gateway_and_after_a_restart() {
    let redis = Redis::start();
    let one = Gateway::on_stream(&redis);
    let mut browser = one.listen("channel=a");
    redis.add_all(numbers(0..50));
    let middle = (0..25).map(|number| browser.expect(&number.to_string())).last().unwrap();
    browser.expect_all(25..50);
    drop(one);
    let two = Gateway::on_stream(&redis);
    two.resume("channel=a", &middle.id.unwrap()).expect_all(25..50);
    let mut quiet = two.resume("channel=a", &browser.cursor());
    redis.add("a", "50");
    quiet.expect("50");
}

#[test]
fn a_cursor_that_the_answering_gateway_has_not_reached_is_waited_for() {
    let redis = Redis::start();
    let proxy = Proxy::before(&redis);
    let behind = Gateway::plan_on_stream(proxy.address().port()).start();
    proxy.freeze();
    let first = redis.add("a", "first");
    redis.add("a", "second");
    let mut browser = Listener::open(behind.public(), "channel=a", Some(&first));
    proxy.thaw();
    browser.expect("second");
    // One that never comes is a told gap.
    behind.resume("channel=a", "99999999999999-0").expect_gap("unknown-cursor");
}

#[test]
fn redis_restarted_costs_no_gap_and_no_publication() {
    let mut redis = Redis::durable();
    let gateway = Gateway::on_stream(&redis);
    let mut browser = gateway.listen("channel=a");
    redis.add_all(numbers(0..100));
    redis.kill();
    wait_for("the gateway to notice", || gateway.metric("fanfare_broker_roundtrip_ok") == 0.0);
    assert!(gateway.is_ready(), "its sessions are better kept");
    redis.revive();
    redis.add_all(numbers(100..200));
    browser.expect_all(0..200);
    assert_eq!(gateway.metric(r#"fanfare_gaps_total{reason="broker-lost"}"#), 0.0);
    assert_eq!(gateway.metric("fanfare_broker_reconnects_total"), 1.0);
}

#[test]
fn a_link_that_is_frozen_or_cut_costs_nothing() {
    let redis = Redis::start();
    let proxy = Proxy::before(&redis);
    let gateway = Gateway::plan_on_stream(proxy.address().port()).start();
    let mut browser = gateway.listen("channel=a");
    redis.add_all(numbers(0..10));
    // An older Redis cannot say that nothing is missing to one who has read nothing.
    gateway.wait_for_metric(r#"fanfare_publications_total{outcome="ok"}"#, 10.0);
    proxy.freeze();
    redis.add_all(numbers(10..20));
    wait_for("the gateway to notice", || gateway.metric("fanfare_broker_roundtrip_ok") == 0.0);
    proxy.cut();
    redis.add_all(numbers(20..30));
    browser.expect_all(0..30);
    proxy.cut();
    redis.add_all(numbers(30..40));
    browser.expect_all(30..40);
    assert_eq!(gateway.metric(r#"fanfare_gaps_total{reason="broker-lost"}"#), 0.0);
}

#[test]
fn what_else_an_entry_holds_may_be_long() {
    let redis = Redis::start();
    let gateway = Gateway::on_stream(&redis);
    let mut browser = gateway.listen("channel=a");
    redis.add_fields(&[("channel", "a"), ("trace", &"x".repeat(1_000_000)), ("data", "good")]);
    browser.expect("good");
    let mut fields = vec![("other", "x"); 1_000];
    fields.extend([("data", "of many"), ("channel", "a")]);
    redis.add_fields(&fields);
    browser.expect("of many");
}

#[test]
fn a_huge_entry_stops_nothing_and_keeps_no_gateway_from_starting() {
    let redis = Redis::start();
    let gateway = Gateway::on_stream(&redis);
    let mut browser = gateway.listen("channel=a");
    redis.add("a", &"x".repeat(17 * 1024 * 1024));
    gateway.wait_for_metric("fanfare_publications_total{outcome=\"too_long\"}", 1.0);
    // It is the first and the last entry, and as such part of what Redis says of the stream.
    let another = Gateway::on_stream(&redis);
    redis.add("a", "after");
    browser.expect("after");
    another.listen("channel=a&since=earliest").expect("after");
}

#[test]
fn a_slow_answer_at_the_start_costs_a_new_link_and_nothing_else() {
    let redis = Redis::start();
    let id = redis.add("a", "first");
    redis.add("a", "second");
    let late = AtomicBool::new(true);
    let address = tap(&redis, move |asked| {
        let is_first = asked.contains("TIME") && late.swap(false, SeqCst);
        if is_first { Fate::Late(Duration::from_millis(800)) } else { Fate::Pass }
    });
    let gateway = Gateway::plan_on_stream(address.port()).set("broker.redis.timeout", "\"500ms\"").start();
    gateway.resume("channel=a", &id).expect("second");
}

#[test]
fn malformed_entries_are_dropped_counted_and_disturb_nobody() {
    let redis = Redis::start();
    let gateway = Gateway::on_stream(&redis);
    let mut browser = gateway.listen("channel=a");
    redis.add_fields(&[("data", "no channel")]);
    redis.add_fields(&[("channel", "a")]);
    redis.add_fields(&[("channel", "a*"), ("data", "x")]);
    redis.add_fields(&[("channels", "{"), ("data", "x")]);
    redis.add("a", &"x".repeat(70_000));
    redis.add("a", &"x".repeat(300_000));
    redis.add_fields(&[("channel", "a"), ("event", "open"), ("data", "x")]);
    redis.add("a", "good");
    browser.expect("good");
    let outcome = |label: &str| gateway.metric(&format!("fanfare_publications_total{{outcome=\"{label}\"}}"));
    assert_eq!(
        ["malformed", "bad_channel", "too_long", "bad_event", "ok"].map(outcome),
        [3.0, 1.0, 2.0, 1.0, 1.0]
    );
}

#[test]
fn a_key_that_is_no_stream_is_refused_at_the_start() {
    let redis = Redis::start();
    redis.command(&["SET", STREAM, "x"]);
    let mut gateway = Gateway::plan_on_stream(redis.port()).launch();
    assert_eq!(gateway.process().wait().code(), Some(1));
    assert!(gateway.log().contains("WRONGTYPE"), "{}", gateway.log());
}

#[test]
fn bursts_of_every_size_come_once_and_in_order() {
    let redis = Redis::start();
    let gateway = Gateway::on_stream(&redis);
    let mut browser = gateway.listen("channel=a");
    let mut next = 0;
    for size in (1..70).chain([1, 2, 200, 2, 1, 63, 64, 65]) {
        redis.add_all(numbers(next..next + size));
        next += size;
        // One at a time, so that each is a burst of its own.
        browser.expect_all(next - size..next);
    }
    assert_eq!(gateway.metric(r#"fanfare_gaps_total{reason="broker-lost"}"#), 0.0);
}
