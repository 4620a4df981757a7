//! Server-Sent Events on the embedded broker: what a session is told, and when.

use std::{
    collections::HashSet,
    io::{Read, Write},
    thread,
    time::{Duration, Instant},
};

use tests::{Gateway, Listener, Redis, http, wait_for};

#[test]
fn a_session_begins_with_its_cursor_and_a_jittered_retry() {
    let gateway = Gateway::embedded();
    let browsers: Vec<Listener> = (0..20).map(|_| gateway.listen("channel=a")).collect();
    let mut retries = HashSet::new();
    for browser in &browsers {
        let head = browser.head.to_ascii_lowercase();
        for header in [
            "content-type: text/event-stream",
            "cache-control: no-store, no-transform",
            "x-accel-buffering: no",
            "connection: close",
            "transfer-encoding: chunked",
            "date: ",
        ] {
            assert!(head.contains(header), "{header}: {head}");
        }
        assert!(browser.opened.id.is_some());
        let retry = browser.opened.retry.unwrap();
        assert!((1500..=4500).contains(&retry), "{retry}");
        retries.insert(retry);
    }
    assert!(retries.len() > 10, "jittered anew each time: {retries:?}");
}

#[test]
fn types_and_lines_arrive_as_they_were_published() {
    let gateway = Gateway::embedded();
    let mut browser = gateway.listen("channel=a");
    let mut json = gateway.listen("channel=a&format=json");
    gateway.post("channel=a&event=disk%20full", "one\ntwo\r\nthree\n");
    gateway.post("channel=a", "");
    let event = browser.expect("one\ntwo\nthree\n");
    assert_eq!(event.name, "disk full");
    assert_eq!(browser.next().data, "");
    let envelope: serde_json::Value = serde_json::from_str(&json.next().data).unwrap();
    assert_eq!(envelope["data"], "one\ntwo\r\nthree\n");
    assert_eq!(envelope["event"], "disk full");
    assert_eq!(envelope["channel"], "a");
    assert_eq!(envelope["id"], event.id.unwrap());
}

#[test]
fn patterns_and_several_channels_deliver_each_publication_once_in_order() {
    let gateway = Gateway::embedded();
    let mut all = gateway.listen("channel=*");
    let mut some = gateway.listen("channel=monitors/*&channel=monitors/1&channel=news");
    for (number, channel) in ["monitors/1", "news", "other", "monitors/2", "monitor"].iter().enumerate() {
        assert_eq!(gateway.post(&format!("channel={channel}"), &number.to_string()).status, 200);
    }
    all.expect_all(0..5);
    some.expect_all([0, 1, 3]);
}

#[test]
fn since_last_gives_the_latest_of_each_channel_without_ids_then_the_cursor() {
    let gateway = Gateway::embedded();
    for (channel, data) in [("a", "old"), ("b", "b"), ("a", "new"), ("c", "c")] {
        gateway.post(&format!("channel={channel}"), data);
    }
    let mut browser = gateway.listen("channel=a&channel=b&since=last");
    assert_eq!(browser.opened.id, None);
    for data in ["b", "new"] {
        assert_eq!(browser.expect(data).id, None);
    }
    let cursor = browser.next();
    assert_eq!(cursor.name, "fanfare.cursor");
    gateway.post("channel=a", "live");
    browser.expect("live");
    gateway.resume("channel=a&channel=b&since=last", &cursor.id.unwrap()).expect("live");
}

#[test]
fn since_earliest_gives_all_that_history_holds() {
    let gateway = Gateway::embedded();
    for number in 0..10 {
        gateway.post("channel=a", &number.to_string());
    }
    let mut browser = gateway.listen("channel=a&since=earliest");
    browser.expect_all(0..10);
    gateway.post("channel=a", "live");
    browser.expect("live");
}

#[test]
fn a_quiet_session_hears_a_cursor_within_every_heartbeat_in_its_own_phase() {
    let gateway = Gateway::plan().set("sessions.heartbeat", "\"1s\"").start();
    let mut browsers: Vec<Listener> = (0..10).map(|_| gateway.listen("channel=a")).collect();
    let mut times = Vec::new();
    for browser in &mut browsers {
        let began = Instant::now();
        let cursor = browser.heartbeat();
        times.push(began.elapsed());
        assert!(cursor.id.is_some() && cursor.id == browser.last_id);
    }
    // Others' traffic makes a quiet cursor move on.
    let before = browsers[0].cursor();
    gateway.post("channel=b", "x");
    wait_for("a newer cursor", || browsers[0].heartbeat().id != Some(before.clone()));
}

#[test]
fn history_that_turned_over_is_a_gap_for_its_own_channel_and_for_no_other() {
    let gateway = Gateway::plan().set("history.keep_count", "100").start();
    let mut quiet = gateway.listen("channel=quiet");
    let mut chatty = gateway.listen("channel=chatty");
    gateway.post("channel=quiet", "before");
    gateway.post("channel=chatty", "first");
    let (quiet_id, chatty_id) = (quiet.expect("before").id.unwrap(), chatty.expect("first").id.unwrap());
    for number in 0..200 {
        gateway.post("channel=chatty", &number.to_string());
    }
    gateway.post("channel=quiet", "after");
    gateway.resume("channel=quiet", &quiet_id).expect("after");
    let mut returned = gateway.resume("channel=chatty", &chatty_id);
    returned.expect_gap("trimmed");
    // The newest of the hundred is the quiet one's.
    returned.expect_all(101..200);
}

#[test]
fn a_hundred_thousand_channels_cost_told_gaps_only() {
    let redis = Redis::start();
    let gateway = Gateway::plan_on(redis.port())
        .set("history.keep_count", "1000")
        .set("history.keep_channels", "10000")
        .start();
    let mut browser = gateway.listen("channel=mine&channel=end");
    redis.publish("mine", "one");
    let one = browser.expect("one").id.unwrap();
    for thousand in 0..100 {
        let names: Vec<String> = (0..1000).map(|number| format!("c{}", thousand * 1000 + number)).collect();
        redis.publish_all(names.iter().map(|name| (&**name, "x".to_owned())));
    }
    redis.publish("end", "all sent");
    let end = browser.expect("all sent").id.unwrap();
    assert_eq!(gateway.metric("fanfare_publications_total{outcome=\"ok\"}"), 100_002.0);
    wait_for("states to be forgotten", || gateway.metric("fanfare_channels") <= 10_000.0);
    // Nothing of it was lost, but that can no longer be known: told, never silent.
    gateway.resume("channel=mine", &one).expect_gap("trimmed");
    // What is remembered is known to be whole, and what is new arrives.
    let mut remembered = gateway.resume("channel=c99500&channel=mine", &end);
    redis.publish("mine", "two");
    remembered.expect("two");
    browser.expect("two");
}

#[test]
fn a_client_that_speaks_http_1_0_gets_a_body_that_ends_with_the_connection() {
    let gateway = Gateway::embedded();
    let mut browser = Listener::connect(gateway.public(), "channel=a", None, "1.0");
    assert!(!browser.head.to_ascii_lowercase().contains("transfer-encoding"), "{}", browser.head);
    assert_eq!(browser.next().name, "fanfare.open");
    gateway.post("channel=a", "hello");
    browser.expect("hello");
    gateway.drain();
    assert_eq!(browser.expect_control("bye")["reason"], "drain");
    browser.expect_end();
}

#[test]
fn a_drain_says_good_bye_with_a_cursor_that_resumes_elsewhere() {
    let redis = Redis::start();
    let mut one =
        Gateway::plan_on(redis.port()).set("drain.delay", "\"1s\"").set("drain.spread", "\"2s\"").start();
    let two = Gateway::on(&redis);
    let mut browsers: Vec<Listener> = (0..20).map(|_| one.listen("channel=a")).collect();
    one.drain();
    wait_for("readiness to turn red", || !one.is_ready());
    // All is served on for the delay, newcomers too.
    drop(one.listen("channel=a"));
    redis.publish("a", "during");
    let began = Instant::now();
    let mut times = Vec::new();
    for browser in &mut browsers {
        browser.expect("during");
        let bye = browser.next_but_cursor();
        times.push(began.elapsed());
        assert_eq!(bye.name, "fanfare.bye");
        assert!(bye.id.is_some() && bye.retry.is_some());
        browser.expect_end();
    }
    assert_eq!(one.process().wait().code(), Some(0));
    redis.publish("a", "after");
    for browser in &browsers {
        two.resume("channel=a", &browser.cursor()).expect("after");
    }
    assert_eq!(two.metric("fanfare_resumes_total{outcome=\"complete\"}"), 20.0);
}

#[test]
fn a_drain_reaches_everybody_also_where_others_have_left() {
    let mut gateway = Gateway::plan().set("drain.spread", "\"1s\"").set("listen.shards", "1").start();
    let mut browsers: Vec<Option<Listener>> = (0..6).map(|_| Some(gateway.listen("channel=a"))).collect();
    for left in [0, 2, 5] {
        browsers[left] = None;
    }
    gateway.wait_for_metric("fanfare_sessions{transport=\"sse\"}", 3.0);
    gateway.drain();
    for browser in browsers.iter_mut().flatten() {
        assert_eq!(browser.expect_control("bye")["reason"], "drain");
        browser.expect_end();
    }
    assert_eq!(gateway.process().wait().code(), Some(0));
}

#[test]
fn a_drain_lets_requests_in_flight_end() {
    let mut gateway = Gateway::plan().set("drain.spread", "\"20s\"").start();
    let mut stream = http::connect(gateway.public());
    let head =
        "POST /events?channel=a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    // The request has been read, and its body is waited for.
    let mut go_on = [0; b"HTTP/1.1 100 Continue\r\n\r\n".len()];
    stream.read_exact(&mut go_on).unwrap();
    stream.write_all(b"he").unwrap();
    gateway.drain();
    gateway.wait_for_metric("fanfare_draining", 1.0);
    thread::sleep(Duration::from_millis(500));
    stream.write_all(b"llo").unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    assert_eq!(http::parse(&answer).expect("an answer").status, 200);
    assert_eq!(gateway.process().wait().code(), Some(0));
}

#[test]
fn latest_values_are_shown_to_those_alone_who_asked_for_their_channels() {
    let gateway = Gateway::plan().set("listen.shards", "1").start();
    gateway.post("channel=secret", "hidden");
    gateway.post("channel=open", "shown");
    for _ in 0..20 {
        // The audience that the first one leaves behind is the key that the second one gets.
        let mut first = gateway.listen("channel=secret&channel=open&since=last&format=json");
        first.next();
        drop(first);
        gateway.wait_for_metric("fanfare_sessions{transport=\"sse\"}", 0.0);
        gateway.listen("channel=open&since=last").expect("shown");
        gateway.wait_for_metric("fanfare_sessions{transport=\"sse\"}", 0.0);
    }
}

#[test]
fn latest_values_cost_a_crowd_of_stalled_readers_once() {
    let gateway = Gateway::plan().set("listen.shards", "1").start();
    for channel in 0..100 {
        gateway.post(&format!("channel=c{channel}"), &"x".repeat(50_000));
    }
    let resident = || gateway.metric("process_resident_memory_bytes");
    let before = resident();
    let crowd: Vec<Listener> = (0..100).map(|_| gateway.listen("channel=*&since=last")).collect();
    let grown = resident() - before;
    // Each of them is owed five megabytes.
    assert!(grown < 40e6, "{grown} bytes for {} readers", crowd.len());
}

#[test]
fn stalled_readers_of_latest_values_that_change_hold_none_of_them() {
    let gateway = Gateway::plan().set("listen.shards", "1").start();
    let values: Vec<String> = (0..100).map(|number| format!("{number} {}", "x".repeat(50_000))).collect();
    for (number, value) in values.iter().enumerate() {
        gateway.post(&format!("channel=c{number:02}"), value);
    }
    let resident = || gateway.metric("process_resident_memory_bytes");
    let before = resident();
    // The cursors of every second one are unknown: they get the values behind a gap.
    let mut crowd: Vec<Listener> = (0..100)
        .map(|number| {
            gateway.post("channel=changing", &number.to_string());
            let last_id = (number % 2 == 0).then_some("00000000000000aa-1-5");
            Listener::open(gateway.public(), "channel=c*&since=last", last_id)
        })
        .collect();
    let grown = resident() - before;
    assert!(grown < 40e6, "{grown} bytes for {} readers", crowd.len());

    gateway.post("channel=changing", "end");
    for reader in &mut crowd[..4] {
        let mut events: Vec<_> = std::iter::from_fn(|| {
            let event = reader.next();
            (event.data != "end").then_some(event)
        })
        .collect();
        events.retain(|event| !event.name.starts_with("fanfare."));
        let shown: Vec<_> = events.iter().map(|event| event.data.clone()).take(100).collect();
        assert_eq!(shown, values);
        assert!(events[100..].iter().all(|event| event.data.len() < 3), "then what changed");
    }
}

#[test]
fn whoever_is_sent_away_while_latest_values_are_owed_gets_no_place_behind_them() {
    let gateway = Gateway::plan().set("sessions.heartbeat", "\"30s\"").start();
    for channel in 0..100 {
        gateway.post(&format!("channel=c{channel:02}"), &"x".repeat(50_000));
    }
    let cursor = "00000000000000aa-1-5";
    let mut browser = gateway.resume("channel=c*&since=last", cursor);
    browser.expect_gap("unknown-cursor");
    let mut whole = gateway.resume("channel=c*&since=last", cursor);
    whole.expect_gap("unknown-cursor");
    for _ in 0..100 {
        whole.next();
    }
    let behind = whole.next();
    assert_eq!(behind.name, "fanfare.cursor");
    gateway.post("channel=c50", "live");
    gateway.resume("channel=c*&since=last", &behind.id.unwrap()).expect("live");
    gateway.drain();
    while let Some(event) = browser.try_next() {
        assert_eq!(event.id, None, "{}", event.name);
    }
}

#[test]
fn while_draining_newcomers_get_a_200_and_a_bye() {
    let gateway = Gateway::plan().set("drain.spread", "\"5s\"").start();
    let _kept: Vec<Listener> = (0..10).map(|_| gateway.listen("channel=a")).collect();
    gateway.drain();
    wait_for("newcomers to be turned away", || {
        let mut newcomer = Listener::connect(gateway.public(), "channel=a", None, "1.1");
        assert!(newcomer.head.starts_with("HTTP/1.1 200"), "{}", newcomer.head);
        let first = newcomer.next();
        first.name == "fanfare.bye" && first.id.is_none() && first.retry.is_some()
    });
    assert_eq!(gateway.get("/events?channel=a").error_code(), "drain");
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let mut gateway = Gateway::plan().set("drain.delay", "\"1h\"").start();
    let _kept = gateway.listen("channel=a");
    gateway.drain();
    wait_for("the drain to begin", || !gateway.is_ready());
    gateway.drain();
    assert_eq!(gateway.process().wait().code(), Some(1));
}

#[test]
fn a_reader_that_stalls_is_gone_after_the_write_timeout_and_nobody_else_notices() {
    let gateway = Gateway::plan().set("sessions.write_timeout", "\"1s\"").start();
    let mut reader = gateway.listen("channel=a");
    let stalled = gateway.listen("channel=a");
    let data = "x".repeat(60_000);
    for _ in 0..200 {
        gateway.post("channel=a", &data);
        reader.expect(&data);
    }
    gateway.wait_for_metric("fanfare_sessions_closed_total{reason=\"slow\",transport=\"sse\"}", 1.0);
    drop(stalled);
    gateway.post("channel=a", "end");
    reader.expect("end");
}

#[test]
fn what_a_session_still_gets_at_its_end_counts_as_delivered() {
    let gateway = Gateway::plan().set("sessions.write_timeout", "\"1s\"").start();
    let mut stalled = gateway.listen("channel=a");
    for _ in 0..200 {
        gateway.post("channel=a", &"x".repeat(60_000));
    }
    gateway.wait_for_metric("fanfare_sessions_closed_total{reason=\"slow\",transport=\"sse\"}", 1.0);
    let got = std::iter::from_fn(|| stalled.try_next()).filter(|event| event.name.is_empty()).count();
    assert!(got > 0);
    gateway.wait_for_metric("fanfare_deliveries_total{transport=\"sse\"}", got as f64);
}

#[test]
fn a_slow_reader_that_history_overtook_is_told_a_gap() {
    let gateway = Gateway::plan().set("history.keep_count", "50").start();
    let mut slow = gateway.listen("channel=a");
    let data = "x".repeat(60_000);
    for number in 0..300 {
        gateway.post("channel=a", &format!("{number} {data}"));
    }
    let mut next = 0;
    loop {
        let event = slow.next_but_cursor();
        if event.name == "fanfare.gap" {
            assert!(event.data.contains("overtaken"), "{event:?}");
            break;
        }
        assert!(event.data.starts_with(&format!("{next} ")), "in order up to the gap");
        next += 1;
    }
    gateway.post("channel=a", "end");
    slow.expect("end");
}

#[test]
fn a_browser_that_hangs_up_is_noticed() {
    let gateway = Gateway::embedded();
    let browsers: Vec<Listener> = (0..10).map(|_| gateway.listen("channel=a")).collect();
    gateway.wait_for_metric("fanfare_sessions{transport=\"sse\"}", 10.0);
    drop(browsers);
    gateway.wait_for_metric("fanfare_sessions{transport=\"sse\"}", 0.0);
    assert_eq!(gateway.metric("fanfare_sessions_closed_total{reason=\"gone\",transport=\"sse\"}"), 10.0);
}

#[test]
fn what_a_session_sends_is_ignored_up_to_a_limit() {
    let gateway = Gateway::embedded();
    let mut browser = gateway.listen("channel=a");
    browser.socket().write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    gateway.post("channel=a", "hello");
    browser.expect("hello");
    let _ = browser.socket().write_all(&vec![b'x'; 200_000]);
    assert_eq!(browser.expect_control("bye")["reason"], "talkative");
}

#[test]
fn a_request_in_many_pieces_with_bytes_behind_it_becomes_a_session() {
    let gateway = Gateway::embedded();
    let mut stream = http::connect(gateway.public());
    for byte in b"GET /events?channel=a&transport=sse HTTP/1.1\r\nHost: x\r\n\r\nGET" {
        stream.write_all(&[*byte]).unwrap();
        thread::sleep(Duration::from_micros(100));
    }
    gateway.wait_for_metric("fanfare_sessions{transport=\"sse\"}", 1.0);
}

#[test]
fn events_can_be_called_by_their_channel() {
    let gateway = Gateway::embedded();
    let mut named = gateway.listen("channel=a&channel=b&channel=o*&event_name=channel");
    let mut enveloped = gateway.listen("channel=b&event_name=channel&format=json");
    gateway.post("channel=a&event=disk", "1");
    gateway.post("channel=b", "2");
    gateway.post("channel=open", "3");
    let seen: Vec<_> =
        (0..3).map(|_| named.next_but_cursor()).map(|event| (event.name, event.data)).collect();
    let expected = [("a", "1"), ("b", "2"), ("", "3")];
    assert_eq!(seen, expected.map(|(name, data)| (name.to_owned(), data.to_owned())));
    let event = enveloped.next_but_cursor();
    assert!(event.name == "b" && event.data.contains("\"data\":\"2\""), "{event:?}");
    let refused = gateway.get("/events?transport=sse&channel=fanfare.gap&event_name=channel");
    assert_eq!((refused.status, &*refused.error_code()), (400, "bad_channel"));
    let refused = gateway.get("/events?transport=sse&channel=a&event_name=event");
    assert_eq!((refused.status, &*refused.error_code()), (400, "bad_value"));
}
