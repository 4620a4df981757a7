//! Sessions that read more slowly than is published, by the rule of their channels.

use tests::{Gateway, Listener, Redis, Stall, wait_for};

const DATA: usize = 60_000;

/// Publishes numbers with much data, on two channels in turn, until the slow one's socket is long full.
fn flood(gateway: &Gateway, count: u64) {
    let data = "x".repeat(DATA);
    for number in 0..count {
        let channel = if number % 2 == 0 { "a" } else { "b" };
        gateway.post(&format!("channel={channel}"), &format!("{number} {data}"));
    }
}

fn number(data: &str) -> Option<u64> {
    data.split(' ').next()?.parse().ok()
}

fn rule(when_slow: &str) -> String {
    format!(
        "[[channels]]\nmatch = \"*\"\nsubscribe = \"anyone\"\npublish = \"anyone\"\nwhen_slow = \"{when_slow}\"\n"
    )
}

/// Reads up to the publication `end`: the numbers, and the control messages between.
fn read_to_end(listener: &mut Listener) -> (Vec<u64>, Vec<String>) {
    let (mut numbers, mut controls) = (Vec::new(), Vec::new());
    loop {
        let event = listener.next_but_cursor();
        match event.name.as_str() {
            "" if event.data == "end" => return (numbers, controls),
            "" => numbers.extend(number(&event.data)),
            name => controls.push(name.to_owned()),
        }
    }
}

#[test]
fn latest_a_session_that_is_behind_gets_only_the_newest_of_each_channel() {
    let gateway = Gateway::plan().rules(&rule("latest")).start();
    let mut slow = gateway.listen("channel=a&channel=b");
    let mut other = gateway.listen("channel=b");
    flood(&gateway, 300);
    gateway.post("channel=c", "unrelated");
    gateway.post("channel=a", "end");
    let (numbers, controls) = read_to_end(&mut slow);
    assert!(numbers.len() < 200, "{} of 300", numbers.len());
    assert!(numbers.is_sorted_by(|one, two| one < two), "in order and once");
    assert_eq!(numbers.last(), Some(&299), "the newest of b comes; a's has been superseded");
    assert!(controls.is_empty(), "what has been superseded is no loss: {controls:?}");
    assert!(gateway.metric("fanfare_conflated_total") >= 1.0);
    // From there on it is live again, and has cursors to come back with.
    let mut back = gateway.resume("channel=a&channel=b", &slow.cursor());
    for listener in [&mut slow, &mut back] {
        gateway.post("channel=b", "live");
        listener.expect("live");
    }
    drop(other.socket().try_clone());
    other.next();
}

#[test]
fn latest_a_session_that_history_has_left_behind_still_gets_the_newest_of_each() {
    let plan = Gateway::plan().set("history.keep_count", "10").rules(&rule("latest"));
    let gateway = plan.start();
    let mut slow = gateway.listen("channel=a&channel=b&channel=q");
    let data = "x".repeat(DATA);
    for number in 0..200 {
        gateway.post("channel=a", &format!("{number} {data}"));
    }
    gateway.post("channel=q", &format!("200 {data}"));
    for number in 201..300 {
        gateway.post("channel=a", &format!("{number} {data}"));
    }
    gateway.post("channel=b", "end");
    let (numbers, controls) = read_to_end(&mut slow);
    assert!(numbers.ends_with(&[200, 299]), "{numbers:?}");
    assert!(controls.is_empty(), "{controls:?}");
}

#[test]
fn close_a_session_that_history_has_left_behind_ends_and_knows_its_place() {
    let gateway = Gateway::plan().set("history.keep_count", "50").rules(&rule("close")).start();
    let mut slow = gateway.listen("channel=a");
    flood(&gateway, 600);
    gateway.wait_for_metric(r#"fanfare_sessions_closed_total{reason="slow",transport="sse"}"#, 1.0);
    let mut last = None;
    loop {
        let event = slow.next_but_cursor();
        if event.name == "fanfare.bye" {
            assert!(event.data.contains("slow") && event.id.is_none(), "{event:?}");
            break;
        }
        last = number(&event.data);
    }
    let mut back = gateway.resume("channel=a", &slow.cursor());
    back.expect_gap("trimmed");
    assert!(number(&back.next().data) > last);
}

#[test]
fn skip_on_a_stream_a_slow_session_reads_on_from_redis() {
    let redis = Redis::start();
    let gateway = Gateway::plan_on_stream(redis.port()).set("history.keep_count", "20").start();
    let mut slow = gateway.listen("channel=a");
    let data = "x".repeat(DATA);
    redis.add_all((0..300).map(|number| ("a", format!("{number} {data}"))));
    redis.add("a", "end");
    let (numbers, controls) = read_to_end(&mut slow);
    assert_eq!(numbers, (0..300).collect::<Vec<_>>());
    assert!(controls.is_empty(), "{controls:?}");
}

#[test]
fn whatever_readers_do_memory_stays_bounded() {
    let gateway = Gateway::plan()
        .set("listen.shards", "1")
        .set("history.keep_bytes", "4194304")
        .rules(&rule("latest"))
        .start();
    let resident = || gateway.metric("process_resident_memory_bytes");
    let stalled: Vec<Listener> = (0..200)
        .map(|index| gateway.listen(if index % 2 == 0 { "channel=a&channel=b" } else { "channel=*" }))
        .collect();
    flood(&gateway, 200);
    let before = resident();
    flood(&gateway, 600);
    wait_for("it to settle", || resident() - before < 20e6);
    assert_eq!(stalled.len(), 200);
}

/// Has a shard find all of these at once when it goes on after it was held up, each in a batch of its
/// own.
fn burst_at_a_held_shard(redis: &Redis, gateway: &mut Gateway, count: u64) {
    let stall = Stall::of(gateway.process().pid(), "shard-0");
    for number in 0..count {
        redis.publish("a", &number.to_string());
        // Nothing else comes before the broker has taken it.
        gateway.wait_for_metric(r#"fanfare_publications_total{outcome="ok"}"#, (number + 1) as f64);
    }
    drop(stall);
}

#[test]
fn many_batches_at_once_leave_no_willing_reader_behind() {
    for (limit, value) in [("keep_count", "20"), ("keep_bytes", "4000"), ("keep_count", "1")] {
        let redis = Redis::start();
        let plan = Gateway::plan_on(redis.port()).set(&format!("history.{limit}"), value);
        let plan = plan.set("listen.shards", "1").set("sessions.heartbeat", "\"30s\"");
        let mut gateway = plan.launch_by(Stall::consenting());
        wait_for("the gateway to be ready", || gateway.is_ready());
        let mut willing = gateway.listen("channel=a");
        burst_at_a_held_shard(&redis, &mut gateway, 60);
        willing.expect_all(0..60);
    }
}

#[test]
fn a_batch_larger_than_history_leaves_no_willing_reader_behind() {
    for (limit, value) in [("keep_count", "20"), ("keep_bytes", "4000"), ("keep_count", "1")] {
        let redis = Redis::start();
        let gateway = Gateway::plan_on(redis.port()).set(&format!("history.{limit}"), value).start();
        let mut willing = gateway.listen("channel=a");
        redis.publish_all((0..2_000).map(|number| ("a", number.to_string())));
        willing.expect_all(0..2_000);
    }
}
