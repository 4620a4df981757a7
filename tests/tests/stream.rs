//! Publications through a stream in a real Redis: nothing is lost silently, whatever restarts.

use std::time::{Duration, Instant};

use tests::{Gateway, Listener, Proxy, Redis, wait_for};

fn local(port: u16) -> std::net::SocketAddr {
    ([127, 0, 0, 1], port).into()
}

/// Numbers as data, on one channel.
fn numbers(range: std::ops::Range<u64>) -> impl Iterator<Item = (&'static str, String)> {
    range.map(|number| ("a", number.to_string()))
}

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
    assert!(gateway.metric("fanfare_publish_to_delivery_seconds_count") >= 2.0);
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
    let proxy = Proxy::to(local(redis.port()));
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
    let proxy = Proxy::to(local(redis.port()));
    let gateway = Gateway::plan_on_stream(proxy.address().port()).start();
    let mut browser = gateway.listen("channel=a");
    redis.add_all(numbers(0..10));
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
    let (mut cursor, mut seen) = (ids[0].clone(), 1_u64);
    loop {
        let page = gateway.get(&format!("/events?channel=a&since={cursor}")).json();
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
    two.resume("channel=a", &start).expect_all(0..3);
}

#[test]
fn an_emptied_stream_is_a_told_gap_and_delivery_goes_on() {
    let redis = Redis::start();
    let gateway = Gateway::on_stream(&redis);
    let mut browser = gateway.listen("channel=a");
    let mut quiet = gateway.listen("channel=quiet");
    redis.add_all(numbers(0..10));
    browser.expect_all(0..10);
    redis.command(&["FLUSHALL"]);
    // Noticed although nothing is published ...
    quiet.expect_gap("broker-lost");
    browser.expect_gap("broker-lost");
    redis.add("a", "after");
    browser.expect("after");
    // ... and told once.
    redis.add("quiet", "end");
    quiet.expect("end");
    assert_eq!(gateway.metric(r#"fanfare_gaps_total{reason="broker-lost"}"#), 2.0);
}

#[test]
fn a_stream_emptied_under_load_is_noticed_too() {
    let redis = Redis::start();
    let gateway = Gateway::on_stream(&redis);
    let mut browser = gateway.listen("channel=a");
    redis.add_all(numbers(0..100));
    redis.command(&["FLUSHALL"]);
    let began = Instant::now();
    while gateway.metric(r#"fanfare_gaps_total{reason="broker-lost"}"#) < 1.0 {
        redis.add("a", "x");
        assert!(began.elapsed() < Duration::from_secs(10), "no gap is told");
    }
    browser.expect_all(0..100);
}

#[test]
fn a_stream_whose_ids_have_gone_back_is_a_told_gap_and_delivery_goes_on() {
    let redis = Redis::start();
    let gateway = Gateway::on_stream(&redis);
    let mut browser = gateway.listen("channel=a");
    let mut reader = gateway.listen("channel=a");
    redis.add("a", "old");
    browser.expect("old");
    reader.expect("old");
    redis.command(&["DEL", tests::redis::STREAM]);
    redis.command(&["XADD", tests::redis::STREAM, "5-1", "channel", "a", "data", "new"]);
    browser.expect_gap("broker-lost");
    redis.command(&["XADD", tests::redis::STREAM, "5-2", "channel", "a", "data", "newer"]);
    browser.expect("newer");
    reader.expect_gap("broker-lost");
    reader.expect("newer");
    gateway.resume("channel=a&since=last", "").expect("newer");
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
fn a_key_that_is_no_stream_is_refused_at_the_start() {
    let redis = Redis::start();
    redis.command(&["SET", tests::redis::STREAM, "x"]);
    let mut gateway = Gateway::plan_on_stream(redis.port()).launch();
    assert_eq!(gateway.process().wait().code(), Some(1));
    assert!(gateway.log().contains("WRONGTYPE"), "{}", gateway.log());
}

#[test]
fn a_stream_emptied_while_no_gateway_ran_is_a_told_gap_for_who_comes_back() {
    let redis = Redis::start();
    let one = Gateway::on_stream(&redis);
    let ids = redis.add_all(numbers(0..100));
    drop(one);
    redis.command(&["FLUSHALL"]);
    redis.add_all(numbers(1_000..1_003));
    let two = Gateway::on_stream(&redis);
    let mut browser = two.resume("channel=a", &ids[50]);
    browser.expect_gap("trimmed");
    browser.expect_all(1_000..1_003);
}

#[test]
fn where_there_is_no_stream_any_more_old_cursors_are_told_a_gap() {
    let redis = Redis::start();
    let gateway = Gateway::plan_on_stream(redis.port()).set("history.keep_count", "10").start();
    let ids = redis.add_all(numbers(0..100));
    gateway.wait_for_metric(r#"fanfare_publications_total{outcome="ok"}"#, 100.0);
    redis.command(&["DEL", tests::redis::STREAM]);
    gateway.resume("channel=a", &ids[5]).expect_gap("trimmed");
    // One that lies before all there can be disturbs nobody.
    let mut odd = gateway.resume("channel=a", "0-0b");
    odd.expect_gap("trimmed");
    odd.expect("90");
    let poll = gateway.get(&format!("/events?channel=a&since={}", ids[5])).json();
    assert_eq!(poll["gap"]["reason"], "trimmed");
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
    let proxy = Proxy::to(local(redis.port()));
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
fn parts_of_another_stream_are_of_no_use_for_this_one() {
    let redis = Redis::start();
    let ids = redis.add_all(numbers(0..100));
    let gateway = Gateway::plan_on_stream(redis.port()).set("history.keep_count", "10").start();
    gateway.resume("channel=a", &ids[0]).expect_all(1..100);
    let mut live = gateway.listen("channel=a");
    redis.command(&["DEL", tests::redis::STREAM]);
    let add = |number: u64| {
        let id = format!("5-{number}");
        redis.command(&["XADD", tests::redis::STREAM, &id, "channel", "a", "data", &number.to_string()]);
    };
    (1..=50).for_each(add);
    live.expect_gap("broker-lost");
    (51..=100).for_each(add);
    live.expect_all(51..=100);
    let mut back = gateway.resume("channel=a", "5-60");
    add(101);
    back.expect_all(61..=101);
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
