//! The plain poll: a bounded read that ends, on the same cursors as everything else.

use std::time::{Duration, Instant};

use tests::{Answer, Gateway, Redis, http, wait_for};

fn poll(gateway: &Gateway, query: &str, headers: &[(&str, &str)]) -> Answer {
    http::request(gateway.public(), "GET", &format!("/events?{query}"), headers, b"")
}

fn data(answer: &Answer) -> Vec<String> {
    let body = answer.json();
    let publications = body["publications"].as_array().expect("a list").clone();
    publications.iter().map(|publication| publication["data"].as_str().expect("text").to_owned()).collect()
}

#[test]
fn a_first_poll_gives_the_latest_of_each_channel_and_a_cursor_the_rest() {
    let gateway = Gateway::embedded();
    for (channel, data) in [("a", "old"), ("b", "b"), ("a", "new")] {
        gateway.post(&format!("channel={channel}"), data);
    }
    // What was posted is on its way to each shard.
    wait_for("all of it", || data(&poll(&gateway, "channel=a&channel=b", &[])) == ["b", "new"]);
    let first = poll(&gateway, "channel=a&channel=b&channel=never", &[]);
    assert_eq!(first.status, 200);
    assert_eq!(data(&first), ["b", "new"]);
    let body = first.json();
    assert_eq!((&body["gap"], &body["more"], &body["complete"]), (&().into(), &false.into(), &true.into()));
    let cursor = body["cursor"].as_str().unwrap().to_owned();
    assert_eq!(first.header("fanfare-cursor"), Some(&*cursor));
    gateway.post("channel=a", "newer");
    let since = format!("channel=a&since={cursor}");
    wait_for("it", || data(&poll(&gateway, &since, &[])) == ["newer"]);
    assert_eq!(data(&poll(&gateway, "channel=a&since=earliest", &[])), ["old", "new", "newer"]);
    assert_eq!(data(&poll(&gateway, "channel=a", &[("Last-Event-ID", &cursor)])), ["newer"]);
}

#[test]
fn an_unchanged_channel_is_a_304_with_a_young_cursor() {
    let gateway = Gateway::embedded();
    let never = poll(&gateway, "channel=a", &[]);
    assert_eq!(never.header("etag"), Some("\"none\""));
    assert_eq!(poll(&gateway, "channel=a", &[("If-None-Match", "\"none\"")]).status, 304);
    gateway.post("channel=a", "x");
    let answer = poll(&gateway, "channel=a", &[("If-None-Match", "\"none\"")]);
    assert_eq!(answer.status, 200);
    let etag = answer.header("etag").unwrap().to_owned();
    gateway.post("channel=other", "y");
    for tag in [etag.clone(), format!("W/{etag}"), format!("\"foo\", {etag}"), "*".to_owned()] {
        let unchanged = poll(&gateway, "channel=a", &[("If-None-Match", &tag)]);
        assert_eq!((unchanged.status, unchanged.body.len()), (304, 0), "{tag}");
        assert_eq!(unchanged.header("etag"), Some(&*etag));
        assert_ne!(unchanged.header("fanfare-cursor"), Some(etag.trim_matches('"')), "the cursor goes on");
    }
    // What a 200 holds is decided by the cursor alone.
    let cursor = answer.header("fanfare-cursor").unwrap().to_owned();
    gateway.post("channel=a", "z");
    let changed = poll(&gateway, &format!("channel=a&since={cursor}"), &[("If-None-Match", &etag)]);
    assert_eq!(data(&changed), ["z"]);
}

#[test]
fn a_304_costs_nothing_of_what_it_does_not_send() {
    let gateway = Gateway::embedded();
    for channel in 0..100 {
        gateway.post(&format!("channel=c{channel}"), &"x".repeat(50_000));
    }
    let etag = poll(&gateway, "channel=c*", &[]).header("etag").unwrap().to_owned();
    let took = |headers: &[(&str, &str)], status: u16| -> Duration {
        let began = Instant::now();
        for _ in 0..5 {
            assert_eq!(poll(&gateway, "channel=c*", headers).status, status);
        }
        began.elapsed()
    };
    let (whole, unchanged) = (took(&[], 200), took(&[("If-None-Match", &etag)], 304));
    assert!(unchanged < whole / 10, "{unchanged:?} and {whole:?} for five megabytes");
}

#[test]
fn a_head_delivers_nothing() {
    let gateway = Gateway::embedded();
    gateway.post("channel=a", "x");
    wait_for("the publication", || !data(&poll(&gateway, "channel=a", &[])).is_empty());
    let metrics = ["fanfare_deliveries_total", "fanfare_delivered_bytes_total"]
        .map(|name| format!("{name}{{transport=\"poll\"}}"));
    let before = metrics.each_ref().map(|metric| gateway.metric(metric));
    let answer = http::request(gateway.public(), "HEAD", "/events?channel=a", &[], b"");
    assert_eq!((answer.status, answer.body.len()), (200, 0));
    assert_eq!(metrics.each_ref().map(|metric| gateway.metric(metric)), before);
}

#[test]
fn long_ranges_come_in_pages_that_join() {
    let gateway = Gateway::embedded();
    let mut stream = http::connect(gateway.public());
    for round in 0..25 {
        let requests: String = (0..100)
            .map(|number| {
                let data = format!("{:06}", round * 100 + number);
                format!("POST /events?channel=a HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\n{data}")
            })
            .collect();
        std::io::Write::write_all(&mut stream, requests.as_bytes()).unwrap();
        http::read_answers(&mut stream, 100);
    }
    let (mut since, mut all, mut pages) = ("earliest".to_owned(), Vec::new(), 0);
    loop {
        let answer = poll(&gateway, &format!("channel=a&since={since}"), &[]);
        all.extend(data(&answer));
        pages += 1;
        // With the tag of the newest, a client would be told that nothing is new.
        assert_eq!(answer.header("etag").is_some(), answer.json()["more"] == false);
        since = answer.json()["cursor"].as_str().unwrap().to_owned();
        if answer.json()["more"] == false {
            break;
        }
    }
    assert_eq!(pages, 3);
    assert_eq!(all, (0..2500).map(|number| format!("{number:06}")).collect::<Vec<_>>());
}

#[test]
fn a_page_is_bounded_in_bytes_too() {
    let gateway = Gateway::embedded();
    for _ in 0..40 {
        gateway.post("channel=a", &"x".repeat(60_000));
    }
    let answer = poll(&gateway, "channel=a&since=earliest", &[]);
    assert!(answer.body.len() < 1_200_000 && answer.body.len() > 1_000_000, "{}", answer.body.len());
    assert_eq!(answer.json()["more"], true);
}

#[test]
fn a_gap_is_told_in_the_answer() {
    let gateway = Gateway::plan().set("history.keep_count", "3").start();
    let cursor = poll(&gateway, "channel=a", &[]).json()["cursor"].as_str().unwrap().to_owned();
    for number in 0..5 {
        gateway.post("channel=a", &number.to_string());
    }
    let trimmed = poll(&gateway, &format!("channel=a&since={cursor}"), &[]);
    assert_eq!(trimmed.json()["gap"]["reason"], "trimmed");
    assert_eq!(trimmed.json()["gap"]["after"], cursor);
    assert_eq!(data(&trimmed), ["2", "3", "4"]);
    let unknown = poll(&gateway, "channel=a&since=00000000000000aa-1-5", &[]);
    assert_eq!(unknown.json()["gap"]["reason"], "unknown-cursor");
    let garbled = poll(&gateway, "channel=a", &[("Last-Event-ID", "?!")]);
    assert_eq!(garbled.json()["gap"]["reason"], "unknown-cursor");
}

#[test]
fn a_loss_at_the_broker_is_told_in_order_to_polls_too() {
    let mut redis = Redis::start();
    let gateway = Gateway::on(&redis);
    let cursor = poll(&gateway, "channel=a", &[]).json()["cursor"].as_str().unwrap().to_owned();
    redis.publish("a", "before");
    wait_for("the publication", || data(&poll(&gateway, "channel=a", &[])) == ["before"]);
    redis.restart();
    gateway.wait_for_metric("fanfare_broker_roundtrip_ok", 1.0);
    wait_for("the new link", || {
        gateway.metric("fanfare_broker_reconnects_total") >= 1.0 && redis.publish("a", "x") == 1
    });
    let first = poll(&gateway, &format!("channel=a&since={cursor}"), &[]);
    assert_eq!(data(&first), ["before"]);
    assert_eq!((&first.json()["gap"], &first.json()["more"]), (&().into(), &true.into()));
    let since = first.json()["cursor"].as_str().unwrap().to_owned();
    let second = poll(&gateway, &format!("channel=a&since={since}"), &[]);
    assert_eq!(second.json()["gap"]["reason"], "broker-lost");
}

#[test]
fn a_page_moves_from_polling_to_sse_and_back_on_one_cursor() {
    let redis = Redis::start();
    let one = Gateway::on(&redis);
    let two = Gateway::on(&redis);
    let cursor = poll(&one, "channel=a", &[]).json()["cursor"].as_str().unwrap().to_owned();
    redis.publish("a", "1");
    redis.publish("a", "2");
    let mut browser = two.listen(&format!("channel=a&since={cursor}"));
    browser.expect_all([1, 2]);
    redis.publish("a", "3");
    let since = browser.cursor();
    // The other gateway may be a moment behind.
    wait_for("the publication on the other gateway", || {
        data(&poll(&one, &format!("channel=a&since={since}"), &[])) == ["3"]
    });
}

#[test]
fn what_may_be_cached_and_what_not_is_said() {
    let gateway = Gateway::embedded();
    let implicit = poll(&gateway, "channel=a", &[]);
    assert_eq!(implicit.header("cache-control"), Some("private, no-store"));
    assert_eq!(implicit.header("vary"), Some("Accept, Origin"));
    let explicit = poll(&gateway, "channel=a&transport=poll", &[("Accept", "text/event-stream")]);
    assert_eq!(explicit.header("cache-control"), Some("public, max-age=1"));
    assert_eq!(explicit.header("vary"), Some("Last-Event-ID, Origin"));
}

#[test]
fn json_channels_show_values_and_the_rest_shows_text() {
    let rules = "[[channels]]\nmatch = \"json\"\nsubscribe = \"anyone\"\npublish = \"anyone\"\ndata = \"json\"\n\
                 [[channels]]\nmatch = \"*\"\nsubscribe = \"anyone\"\npublish = \"anyone\"\n";
    let gateway = Gateway::plan().rules(rules).start();
    gateway.post("channel=json", r#"{"a": [1.50, null]}"#);
    gateway.post("channel=text", r#"{"a":1}"#);
    let refused = gateway.post("channel=json", "plain");
    assert_eq!((refused.status, refused.error_code()), (400, "not_json".to_owned()));
    let publications = poll(&gateway, "channel=json&channel=text", &[]).json()["publications"].clone();
    assert_eq!(publications[0]["data"]["a"][0], 1.5);
    assert_eq!(publications[1]["data"], r#"{"a":1}"#);
}
