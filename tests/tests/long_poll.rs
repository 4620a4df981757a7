//! Polls that wait: a session like any other while they do, and a request like any other afterwards.

use std::time::{Duration, Instant};

use tests::{Answer, Gateway, Kept, Redis, wait_for};

/// How many polls wait.
const WAITING: &str = r#"fanfare_sessions{transport="poll"}"#;

fn data(answer: &Answer) -> Vec<String> {
    let body = answer.json();
    let publications = body["publications"].as_array().expect("a list").clone();
    publications.iter().map(|publication| publication["data"].as_str().expect("text").to_owned()).collect()
}

fn cursor(answer: &Answer) -> String {
    answer.header("fanfare-cursor").expect("a cursor").to_owned()
}

/// The cursor of now.
fn now(gateway: &Gateway, channel: &str) -> String {
    cursor(&gateway.get(&format!("/events?channel={channel}")))
}

/// A poll that waits after this cursor.
fn waiting(gateway: &Gateway, query: &str, headers: &[(&str, &str)]) -> Kept {
    let mut connection = Kept::open(gateway.public());
    connection.ask(&format!("/events?{query}"), headers);
    gateway.wait_for_metric(WAITING, 1.0);
    connection
}

#[test]
fn it_is_answered_when_something_is_published_and_its_connection_goes_on() {
    let gateway = Gateway::embedded();
    let since = now(&gateway, "a");
    let mut browser = waiting(&gateway, &format!("channel=a&since={since}&wait=50"), &[]);
    gateway.post("channel=other", "not for it");
    gateway.post("channel=a", "one");
    let answer = browser.answer();
    assert_eq!((answer.status, data(&answer)), (200, vec!["one".to_owned()]));
    assert_eq!(answer.header("connection"), None);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("cache-control"), Some("private, no-store"));
    assert!(answer.header("etag").is_some() && answer.header("date").is_some());
    gateway.wait_for_metric(WAITING, 0.0);
    // On the same connection: one that waits, one that does not, one that waits.
    browser.ask(&format!("/events?channel=a&since={}&wait=50", cursor(&answer)), &[]);
    gateway.wait_for_metric(WAITING, 1.0);
    gateway.post("channel=a", "two");
    assert_eq!(data(&browser.answer()), ["two"]);
    browser.ask("/events?channel=a", &[]);
    let first = browser.answer();
    assert_eq!(data(&first), ["two"]);
    browser.ask(&format!("/events?channel=a&since={}", cursor(&first)), &[("Prefer", "wait=50")]);
    gateway.wait_for_metric(WAITING, 1.0);
    gateway.post("channel=a", "three");
    assert_eq!(data(&browser.answer()), ["three"]);
    let answered = r#"fanfare_sessions_closed_total{reason="answered",transport="poll"}"#;
    assert_eq!(gateway.metric(answered), 3.0);
}

#[test]
fn with_nothing_new_it_is_answered_when_its_time_is_over() {
    let gateway = Gateway::embedded();
    gateway.post("channel=a", "old");
    wait_for("it", || gateway.get("/events?channel=a").header("etag") != Some("\"none\""));
    let first = gateway.get("/events?channel=a");
    let began = Instant::now();
    let mut after = waiting(&gateway, &format!("channel=a&since={}&wait=1", cursor(&first)), &[]);
    gateway.post("channel=other", "x");
    let answer = after.answer();
    assert!(began.elapsed() >= Duration::from_secs(1));
    let body = answer.json();
    assert_eq!(
        (&body["publications"], &body["gap"], &body["more"]),
        (&serde_json::json!([]), &().into(), &false.into())
    );
    assert_ne!(cursor(&answer), cursor(&first), "a quiet poller's cursor stays young");
    // By its tag, without a cursor.
    let tag = first.header("etag").unwrap();
    let mut known = waiting(&gateway, "channel=a&wait=1", &[("If-None-Match", tag)]);
    let answer = known.answer();
    assert_eq!((answer.status, answer.header("etag"), answer.body.len()), (304, Some(tag), 0));
    let mut known = waiting(&gateway, "channel=a&wait=50", &[("If-None-Match", tag)]);
    gateway.post("channel=a", "new");
    let answer = known.answer();
    assert_eq!((answer.status, data(&answer)), (200, vec!["new".to_owned()]));
}

#[test]
fn what_is_published_elsewhere_keeps_nobody_from_waiting() {
    let redis = Redis::start();
    let stream = Gateway::on_stream(&redis);
    for gateway in [Gateway::embedded(), stream] {
        let (start, first) = (now(&gateway, "a"), gateway.get("/events?channel=a"));
        gateway.post("channel=other", "x");
        wait_for("it", || gateway.get("/events?channel=other").header("etag") != Some("\"none\""));
        let began = Instant::now();
        for query in [format!("since={start}"), "since=earliest".to_owned()] {
            let answer = waiting(&gateway, &format!("channel=a&{query}&wait=1"), &[]).answer();
            assert!(data(&answer).is_empty());
            assert_ne!(cursor(&answer), start);
        }
        let tag = [("If-None-Match", first.header("etag").unwrap())];
        assert_eq!(waiting(&gateway, &format!("channel=a&since={start}&wait=1"), &tag).answer().status, 304);
        assert!(began.elapsed() >= Duration::from_secs(3), "each waits for its second");
        // And none of it keeps it from what is for it.
        let mut browser = waiting(&gateway, &format!("channel=a&since={start}&wait=50"), &tag);
        gateway.post("channel=a", "y");
        assert_eq!(data(&browser.answer()), ["y"]);
    }
}

#[test]
fn with_something_to_say_it_is_answered_at_once() {
    let gateway = Gateway::embedded();
    let began = Instant::now();
    let start = now(&gateway, "a");
    assert!(data(&gateway.get("/events?channel=a&wait=50")).is_empty());
    gateway.post("channel=a", "x");
    wait_for("it", || data(&gateway.get("/events?channel=a")) == ["x"]);
    assert_eq!(data(&gateway.get(&format!("/events?channel=a&since={start}&wait=50"))), ["x"]);
    assert_eq!(data(&gateway.get("/events?channel=a&since=last&wait=50")), ["x"]);
    let unknown = gateway.get("/events?channel=a&since=00000000000000aa-1-2&wait=50");
    assert_eq!(unknown.json()["gap"]["reason"], "unknown-cursor");
    assert!(began.elapsed() < Duration::from_secs(25));
    assert_eq!(gateway.get("/events?channel=a&wait=soon").error_code(), "bad_value");
}

#[test]
fn what_was_sent_behind_it_is_answered_behind_it() {
    let gateway = Gateway::embedded();
    let path = format!("/events?channel=a&since={}&wait=50", now(&gateway, "a"));
    let mut browser = Kept::open(gateway.public());
    browser.ask(&path, &[]);
    browser.ask("/events?channel=a", &[]);
    gateway.wait_for_metric(WAITING, 1.0);
    browser.ask("/events?channel=b", &[]);
    gateway.post("channel=a", "x");
    assert_eq!(data(&browser.answer()), ["x"]);
    assert_eq!(data(&browser.answer()), ["x"]);
    assert_eq!(browser.answer().status, 200);
}

#[test]
fn who_hangs_up_is_gone() {
    let gateway = Gateway::embedded();
    let query = format!("channel=a&since={}&wait=50", now(&gateway, "a"));
    drop(waiting(&gateway, &query, &[]));
    gateway.wait_for_metric(WAITING, 0.0);
}

#[test]
fn from_sse_to_a_poll_and_back_on_other_gateways_nothing_is_lost_or_doubled() {
    let redis = Redis::start();
    let (one, two) = (Gateway::on(&redis), Gateway::on(&redis));
    let mut stream = one.listen("channel=a");
    redis.publish("a", "1");
    stream.expect("1");
    let last = stream.cursor();
    drop(stream);
    redis.publish("a", "2");
    let mut poll = Kept::open(two.public());
    poll.ask(&format!("/events?channel=a&since={last}&wait=50"), &[]);
    let answer = poll.answer();
    assert_eq!(data(&answer), ["2"]);
    poll.ask(&format!("/events?channel=a&since={}&wait=50", cursor(&answer)), &[]);
    two.wait_for_metric(WAITING, 1.0);
    redis.publish("a", "3");
    let answer = poll.answer();
    assert_eq!(data(&answer), ["3"]);
    redis.publish("a", "4");
    let mut stream = one.resume("channel=a", &cursor(&answer));
    stream.expect("4");
    redis.publish("a", "5");
    stream.expect("5");
}

#[test]
fn a_loss_is_told_to_who_waits() {
    let mut redis = Redis::start();
    let gateway = Gateway::on(&redis);
    let mut browser = waiting(&gateway, &format!("channel=a&since={}&wait=50", now(&gateway, "a")), &[]);
    redis.restart();
    assert_eq!(browser.answer().json()["gap"]["reason"], "broker-lost");
}

#[test]
fn what_a_stream_holds_and_memory_does_not_is_read_back_for_it() {
    let redis = Redis::start();
    let gateway = Gateway::plan_on_stream(redis.port()).set("history.keep_count", "10").start();
    let start = now(&gateway, "a");
    redis.add_all(tests::redis::numbers(0..100));
    gateway.wait_for_metric(r#"fanfare_publications_total{outcome="ok"}"#, 100.0);
    let (mut browser, mut seen, mut since) = (Kept::open(gateway.public()), Vec::new(), start);
    while seen.len() < 100 {
        browser.ask(&format!("/events?channel=a&since={since}&wait=50"), &[]);
        let page = browser.answer();
        seen.extend(data(&page));
        since = cursor(&page);
    }
    let all: Vec<_> = (0..100).map(|number| number.to_string()).collect();
    assert_eq!(seen, all);
}

#[test]
fn a_drain_answers_all_that_wait() {
    let mut gateway = Gateway::plan().set("drain.spread", "\"1s\"").start();
    let mut browser = waiting(&gateway, &format!("channel=a&since={}&wait=50", now(&gateway, "a")), &[]);
    gateway.drain();
    let answer = browser.answer();
    assert_eq!((answer.status, answer.header("connection")), (200, Some("close")));
    browser.expect_end();
    assert_eq!(gateway.process().wait().code(), Some(0));
}

#[test]
fn it_counts_as_a_session() {
    let gateway = Gateway::plan().set("sessions.max", "1").start();
    let query = format!("channel=a&since={}&wait=50", now(&gateway, "a"));
    let _browser = waiting(&gateway, &query, &[]);
    let refused = gateway.get(&format!("/events?{query}"));
    assert_eq!((refused.status, &*refused.error_code()), (503, "overloaded"));
    assert!(refused.header("retry-after").is_some());
}

#[test]
fn an_answer_is_for_who_waited_also_from_another_origin() {
    let gateway = Gateway::embedded();
    let origin = "http://localhost:3000";
    let query = format!("channel=a&transport=poll&since={}&wait=50", now(&gateway, "a"));
    let mut browser = waiting(&gateway, &query, &[("Origin", origin)]);
    gateway.post("channel=a", "x");
    let answer = browser.answer();
    assert_eq!(answer.header("access-control-allow-origin"), Some(origin));
    assert!(answer.header("vary").unwrap().contains("Origin"));
    assert_eq!(answer.header("cache-control"), Some("private, no-store"), "nobody else waited for it");
}
