//! A stream in a real Redis, of which memory holds the newest part only: the rest is read back.

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
fn a_gateway_that_starts_knows_what_the_stream_holds() {
    let redis = Redis::start();
    let ids = redis.add_all(numbers(0..3_000));
    redis.add("b", "latest of b");
    let gateway = Gateway::on_stream(&redis);
    gateway.resume("channel=a", &ids[1_499]).expect_all(1_500..3_000);
    gateway.listen("channel=a&since=earliest").expect_all(0..3_000);
    let mut latest = gateway.listen("channel=a&channel=b&since=last");
    latest.expect("2999");
    latest.expect("latest of b");
    let poll = gateway.get(&format!("/events?channel=a&since={}", ids[2_997])).json();
    assert_eq!(poll["publications"].as_array().map(Vec::len), Some(2));
    assert_eq!(poll["complete"], true);
    assert_eq!(gateway.metric("fanfare_stream_reads_total"), 0.0, "memory holds all of it");
}

#[test]
fn what_memory_no_longer_holds_is_read_back_once_for_all_who_ask() {
    let redis = Redis::start();
    let gateway = Gateway::plan_on_stream(redis.port()).set("history.keep_count", "100").start();
    let ids = redis.add_all(numbers(0..5_000));
    let mut sessions: Vec<_> = (0..200)
        .map(|index| {
            let from = index * 20;
            (from as u64 + 1, Listener::open(gateway.public(), "channel=a", Some(&ids[from])))
        })
        .collect();
    let mut live = gateway.listen("channel=a");
    redis.add("a", "5000");
    live.expect("5000");
    for (from, session) in &mut sessions {
        session.expect_all(*from..5_001);
    }
    let reads = gateway.metric("fanfare_stream_reads_total");
    assert!((5.0..40.0).contains(&reads), "{reads} reads");
    assert_eq!(gateway.metric(r#"fanfare_gaps_total{reason="trimmed"}"#), 0.0);
}

#[test]
fn a_poll_pages_through_what_memory_no_longer_holds() {
    let redis = Redis::start();
    let gateway = Gateway::plan_on_stream(redis.port()).set("history.keep_count", "100").start();
    let ids = redis.add_all(numbers(0..3_500));
    redis.add("b", "other");
    gateway.wait_for_metric(r#"fanfare_publications_total{outcome="ok"}"#, 3_501.0);
    let (mut cursor, mut seen) = (ids[0].clone(), 1_u64);
    loop {
        let answer = gateway.get(&format!("/events?channel=a&since={cursor}"));
        assert_eq!(answer.status, 200, "{}", answer.text());
        let page = answer.json();
        assert_eq!(page["gap"], serde_json::Value::Null);
        for publication in page["publications"].as_array().unwrap() {
            assert_eq!(publication["data"], seen.to_string());
            seen += 1;
        }
        cursor = page["cursor"].as_str().unwrap().to_owned();
        if page["more"] == false {
            break;
        }
    }
    assert_eq!(seen, 3_500);
}

#[test]
fn a_trimmed_cursor_is_a_told_gap_and_a_quiet_channels_is_none() {
    let redis = Redis::start();
    let gateway = Gateway::plan_on_stream(redis.port()).set("history.keep_count", "100").start();
    let quiet = redis.add("quiet", "only one");
    wait_for("it to arrive", || gateway.metric("fanfare_history_publications") == 1.0);
    let ids = redis.add_all(numbers(0..3_000));
    gateway.wait_for_metric(r#"fanfare_publications_total{outcome="ok"}"#, 3_001.0);
    redis.command(&["XTRIM", tests::redis::STREAM, "MAXLEN", "1000"]);
    let mut browser = gateway.resume("channel=a", &ids[5]);
    browser.expect_gap("trimmed");
    browser.expect_all(2_000..3_000);
    let mut other = gateway.resume("channel=quiet", &quiet);
    redis.add("quiet", "another");
    other.expect("another");
    assert_eq!(gateway.metric(r#"fanfare_gaps_total{reason="trimmed"}"#), 1.0);
}

#[test]
fn a_cursor_of_the_empty_stream_stays_good() {
    let redis = Redis::start();
    let one = Gateway::on_stream(&redis);
    let start = one.listen("channel=a").cursor();
    redis.add_all(numbers(0..3));
    drop(one);
    let two = Gateway::plan_on_stream(redis.port()).set("history.keep_count", "1").start();
    let mut browser = two.resume("channel=a", &start);
    if !redis.counts() {
        // Nobody can say that nothing has gone: rather a gap too many.
        browser.expect_gap("trimmed");
    }
    browser.expect_all(0..3);
}

#[test]
fn the_gateways_trim_the_stream_by_count_and_by_age() {
    let redis = Redis::start();
    redis.command(&["XADD", tests::redis::STREAM, "5-1", "channel", "a", "data", "of 1970"]);
    redis.add_all(numbers(0..5_000));
    let length = || {
        let length: u64 = redis::from_redis_value(redis.command(&["XLEN", tests::redis::STREAM])).unwrap();
        length
    };
    let _gateway =
        Gateway::plan_on_stream(redis.port()).set("broker.redis.stream_keep_count", "1000").start();
    wait_for("the stream to be trimmed", || length() < 1_200);
    assert!(length() >= 1_000);
}

#[test]
fn a_newest_entry_that_was_deleted_keeps_nobody_waiting() {
    let redis = Redis::start();
    let ids = redis.add_all(numbers(0..3));
    redis.command(&["XDEL", tests::redis::STREAM, &ids[2]]);
    let gateway = Gateway::plan_on_stream(redis.port()).set("history.keep_for", "\"100ms\"").start();
    wait_for("memory to be empty", || gateway.metric("fanfare_history_publications") == 0.0);
    let mut before = gateway.resume("channel=a", &ids[1]);
    let mut at = gateway.resume("channel=a", &ids[2]);
    assert_eq!(gateway.get(&format!("/events?channel=a&since={}", ids[1])).status, 200);
    redis.add("a", "next");
    before.expect("next");
    at.expect("next");
    let reads = gateway.metric("fanfare_stream_reads_total");
    assert!(reads < 10.0, "{reads} reads");
}

#[test]
fn nobody_is_let_in_before_the_newest_part_has_been_read_back() {
    let redis = Redis::start();
    for start in 0..10 {
        redis.add_all(numbers(start * 1_000..(start + 1) * 1_000));
    }
    let proxy = Proxy::before(&redis);
    proxy.set_delay(Duration::from_millis(30));
    let gateway = Gateway::plan_on_stream(proxy.address().port()).launch();
    let mut turned_away = 0;
    let mut browser = loop {
        let mut browser = Listener::connect(gateway.public(), "channel=a", None, "1.1");
        if browser.next().name == "fanfare.open" {
            break browser;
        }
        turned_away += 1;
    };
    redis.add("a", "new");
    browser.expect("new");
    assert!(turned_away > 0);
}

#[test]
fn a_start_that_was_interrupted_does_not_keep_parts_from_being_of_use() {
    let redis = Redis::start();
    let ids = redis.add_all(numbers(0..100));
    let armed = AtomicBool::new(true);
    let address = tap(&redis, move |asked| {
        let is_first = asked.contains("XREVRANGE") && asked.contains("COUNT") && armed.swap(false, SeqCst);
        if is_first { Fate::Cut } else { Fate::Pass }
    });
    let gateway = Gateway::plan_on_stream(address.port()).set("history.keep_count", "10").start();
    gateway.resume("channel=a", &ids[0]).expect_all(1..100);
}

#[test]
fn what_was_not_there_a_moment_ago_is_not_said_to_be_lost() {
    let redis = Redis::start();
    let gateway = Gateway::plan_on_stream(redis.port()).set("history.keep_count", "10").start();
    let ids = redis.add_all(numbers(0..100));
    gateway.wait_for_metric(r#"fanfare_publications_total{outcome="ok"}"#, 100.0);
    let mut browser = gateway.listen("channel=a");
    redis.command(&["DEL", STREAM]);
    browser.expect_gap("broker-lost");
    gateway.resume("channel=a", &ids[5]).expect_gap("trimmed");
    let ids = redis.add_all(numbers(100..200));
    gateway.wait_for_metric(r#"fanfare_publications_total{outcome="ok"}"#, 200.0);
    gateway.resume("channel=a", &ids[20]).expect_all(121..200);
}

#[test]
fn parts_are_no_larger_than_meant_and_are_given_back() {
    let redis = Redis::start();
    let mut ids = redis.add_all((0..3_000).map(|_| ("a", "small".to_owned())));
    let data = "x".repeat(60_000);
    for _ in 0..60 {
        ids.extend(redis.add_all((0..50).map(|_| ("a", data.clone()))));
    }
    let gateway = Gateway::plan_on_stream(redis.port()).set("history.keep_count", "10").start();
    let resident = || gateway.metric("process_resident_memory_bytes");
    let before = resident();
    let poll = |index: usize| {
        let answer = gateway.get(&format!("/events?channel=a&since={}", ids[index]));
        assert_eq!(answer.status, 200);
    };
    // What was learned of small ones says nothing of large ones.
    [0, 3_200, 1_500, 4_200].into_iter().for_each(poll);
    (3_000..5_000).step_by(40).for_each(poll);
    assert!(resident() - before < 60e6, "{before} bytes before, {} after", resident());
    wait_for("them to be given back", || resident() - before < 40e6);
}

#[test]
fn a_stream_is_trimmed_however_much_too_long_it_is() {
    let redis = Redis::start();
    for _ in 0..5 {
        redis.add_all(numbers(0..20_000));
    }
    let _gateway =
        Gateway::plan_on_stream(redis.port()).set("broker.redis.stream_keep_count", "1000").start();
    wait_for("it to be trimmed", || redis.length() < 1_200);
}
