//! A stream in a real Redis that is emptied, gone, or another one: what is lost is told.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use tests::{
    Gateway, Proxy, Redis,
    redis::{STREAM, numbers},
    tap::{Fate, tap},
};

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
fn a_cursor_from_an_end_of_the_stream_that_is_lost_is_told_on_every_gateway() {
    let redis = Redis::start();
    let seen = Gateway::on_stream(&redis);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    let ids: Vec<_> = (0..3).map(|ms| format!("{}-0", now + ms)).collect();
    let add = |id: &str, data| {
        redis.command(&["XADD", STREAM, id, "channel", "a", "data", data]);
    };
    add(&ids[0], "before");
    add(&ids[1], "lost");
    seen.resume("channel=a", &ids[0]).expect("lost");
    // As if a replica had taken over that never had the second; another gateway starts after that.
    redis.command(&["FLUSHALL"]);
    add(&ids[0], "before");
    add(&ids[2], "after");
    let fresh = Gateway::on_stream(&redis);
    let mut browser = fresh.resume("channel=a", &ids[1]);
    browser.expect_gap("unknown-cursor");
    browser.expect("after");
    // A cursor that names an entry is told nothing.
    fresh.resume("channel=a", &ids[0]).expect("after");
    let page = fresh.get(&format!("/events?channel=a&since={}", ids[1])).json();
    assert_eq!(page["gap"]["reason"], "unknown-cursor", "{page}");
    assert_eq!(page["publications"][0]["data"], "after", "{page}");
}

#[test]
fn a_stream_emptied_under_load_is_noticed_too() {
    let redis = Redis::start();
    let gateway = Gateway::on_stream(&redis);
    let mut browser = gateway.listen("channel=a");
    redis.add_all(numbers(0..100));
    gateway.wait_for_metric(r#"fanfare_publications_total{outcome="ok"}"#, 100.0);
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
    redis.command(&["DEL", STREAM]);
    redis.command(&["XADD", STREAM, "5-1", "channel", "a", "data", "new"]);
    browser.expect_gap("broker-lost");
    redis.command(&["XADD", STREAM, "5-2", "channel", "a", "data", "newer"]);
    browser.expect("newer");
    reader.expect_gap("broker-lost");
    reader.expect("newer");
    gateway.resume("channel=a&since=last", "").expect("newer");
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
    redis.command(&["DEL", STREAM]);
    gateway.resume("channel=a", &ids[5]).expect_gap("trimmed");
    // One that lies before all there can be disturbs nobody.
    let mut odd = gateway.resume("channel=a", "0-0b");
    odd.expect_gap("trimmed");
    odd.expect("90");
    let poll = gateway.get(&format!("/events?channel=a&since={}", ids[5])).json();
    assert_eq!(poll["gap"]["reason"], "trimmed");
}

#[test]
fn parts_of_another_stream_are_of_no_use_for_this_one() {
    let redis = Redis::start();
    let ids = redis.add_all(numbers(0..100));
    let gateway = Gateway::plan_on_stream(redis.port()).set("history.keep_count", "10").start();
    gateway.resume("channel=a", &ids[0]).expect_all(1..100);
    let mut live = gateway.listen("channel=a");
    redis.command(&["DEL", STREAM]);
    let add = |number: u64| {
        let id = format!("5-{number}");
        redis.command(&["XADD", STREAM, &id, "channel", "a", "data", &number.to_string()]);
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
fn what_is_trimmed_while_a_gateway_starts_leaves_no_hole() {
    let redis = Arc::new(Redis::start());
    let ids = redis.add_all(numbers(0..3_000));
    // Not held by the tap, which never ends: it would not end either.
    let (armed, trimmed) = (AtomicBool::new(true), Arc::downgrade(&redis));
    let address = tap(&redis, move |asked| {
        // Between two steps of the reading back.
        if asked.contains("XREVRANGE") && asked.contains("\r\n(") && armed.swap(false, SeqCst) {
            trimmed.upgrade().expect("the test goes on").command(&["XTRIM", STREAM, "MAXLEN", "500"]);
        }
        Fate::Pass
    });
    let gateway = Gateway::plan_on_stream(address.port()).start();
    let mut browser = gateway.resume("channel=a", &ids[10]);
    browser.expect_gap("trimmed");
    let first = browser.next_but_cursor().data.parse::<u64>().expect("a number");
    assert!((1_000..=2_500).contains(&first), "{first}");
    browser.expect_all(first + 1..3_000);
}

#[test]
fn a_beginning_anew_that_was_interrupted_is_told_and_goes_on() {
    let redis = Arc::new(Redis::start());
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis() as u64;
    let (armed, adding) = (Arc::new(AtomicBool::new(false)), Arc::downgrade(&redis));
    let may_cut = Arc::clone(&armed);
    let address = tap(&redis, move |asked| {
        if asked.contains("XREVRANGE") && asked.contains("COUNT") && may_cut.swap(false, SeqCst) {
            // By the time the link is back, ids have passed where they were before.
            let id = format!("{}-0", now + 10_000);
            adding
                .upgrade()
                .expect("the test goes on")
                .command(&["XADD", STREAM, &id, "channel", "a", "data", "now"]);
            return Fate::Cut;
        }
        Fate::Pass
    });
    // One shard: what one session was shown, the next one's knows.
    let gateway = Gateway::plan_on_stream(address.port()).set("listen.shards", "1").start();
    let mut browser = gateway.listen("channel=a");
    // A primary whose clock was ahead, and then one without what it had.
    redis.command(&["XADD", STREAM, &format!("{}-0", now + 3_000), "channel", "a", "data", "old"]);
    browser.expect("old");
    armed.store(true, SeqCst);
    redis.command(&["DEL", STREAM]);
    redis.command(&["XADD", STREAM, &format!("{now}-0"), "channel", "a", "data", "new"]);
    browser.expect_gap("broker-lost");
    redis.add("a", "next");
    while browser.next_but_cursor().data != "next" {}
    gateway.listen("channel=a&since=last").expect("next");
}

#[test]
fn who_comes_back_from_an_end_that_is_lost_is_told_at_once() {
    let redis = Redis::start();
    let proxy = Proxy::before(&redis);
    // One shard: what one session was told, the next one's knows.
    let plan = Gateway::plan_on_stream(proxy.address().port()).set("listen.shards", "1");
    let gateway = plan.set("history.keep_count", "10").start();
    let mut browser = gateway.listen("channel=b");
    let ids = redis.add_all(numbers(0..100));
    gateway.wait_for_metric(r#"fanfare_publications_total{outcome="ok"}"#, 100.0);
    proxy.set_closed(true);
    proxy.cut();
    // As on a replica that lacked the newest half.
    redis.command(&["DEL", STREAM]);
    for (number, id) in ids[..50].iter().enumerate() {
        redis.command(&["XADD", STREAM, id, "channel", "a", "data", &number.to_string()]);
    }
    proxy.set_closed(false);
    browser.expect_gap("broker-lost");
    gateway.resume("channel=a", &ids[60]).expect_gap("unknown-cursor");
    let poll = gateway.get(&format!("/events?channel=a&since={}", ids[60])).json();
    assert_eq!(poll["gap"]["reason"], "unknown-cursor", "{poll}");
    gateway.resume("channel=a", &ids[48]).expect("49");
}
