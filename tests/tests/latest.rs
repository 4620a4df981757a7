//! Latest values: what they are, how they are retracted, and when they expire.

use std::time::{Duration, Instant};

use tests::{Gateway, Proxy, Redis, http, wait_for};

fn values(gateway: &Gateway, query: &str) -> Vec<String> {
    let poll = gateway.get(&format!("/events?{query}")).json();
    let publications = poll["publications"].as_array().expect("a list").clone();
    publications.iter().map(|publication| publication["data"].as_str().expect("text").to_owned()).collect()
}

#[test]
fn a_retraction_is_delivered_as_such_and_clears_the_latest_value() {
    let gateway = Gateway::embedded();
    let mut plain = gateway.listen("channel=a");
    let mut envelopes = gateway.listen("channel=a&format=json");
    gateway.post("channel=a", "true");
    wait_for("the value", || values(&gateway, "channel=a") == ["true"]);
    let etag = gateway.get("/events?channel=a").header("etag").unwrap().to_owned();
    let answer = http::request(gateway.public(), "DELETE", "/events?channel=a&event=gone", &[], b"");
    assert_eq!(answer.status, 200);
    let id = answer.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(plain.expect("true").name, "");
    let retraction = plain.next_but_cursor();
    assert_eq!((retraction.name.as_str(), retraction.id.as_deref()), ("fanfare.retract", Some(&*id)));
    let said: serde_json::Value = serde_json::from_str(&retraction.data).unwrap();
    assert_eq!(said, serde_json::json!({"channel": "a", "event": "gone", "retract": true, "data": ""}));
    envelopes.next_but_cursor();
    let envelope = envelopes.next_but_cursor();
    assert!(envelope.name.is_empty() && envelope.data.contains(r#""retract":true"#), "{envelope:?}");
    // Nobody who comes is shown anything, and pollers learn of it.
    let mut late = gateway.listen("channel=a&since=last");
    gateway.post("channel=a", "anew");
    late.expect("anew");
    let changed =
        http::request(gateway.public(), "GET", "/events?channel=a", &[("if-none-match", &etag)], b"");
    assert_eq!(changed.status, 200);
}

#[test]
fn retracted_through_redis_on_either_kind() {
    let redis = Redis::start();
    let stream = Gateway::on_stream(&redis);
    let pubsub = Gateway::on(&redis);
    redis.add("a", "true");
    redis.publish("a", "true");
    for gateway in [&stream, &pubsub] {
        wait_for("the value", || values(gateway, "channel=a&since=last") == ["true"]);
    }
    redis.add_fields(&[("channel", "a"), ("retract", "1")]);
    redis.publish_raw(b"fanfare:@json", br#"{"channel":"a","retract":true}"#);
    for gateway in [&stream, &pubsub] {
        wait_for("the value to go", || values(gateway, "channel=a&since=last").is_empty());
        let answer = gateway.post("channel=b&ttl=600", "long");
        assert!(answer.status < 300);
        let mut browser = gateway.listen("channel=b&format=json&since=last");
        wait_for("b", || values(gateway, "channel=b") == ["long"]);
        let deleted = http::request(gateway.public(), "DELETE", "/events?channel=b", &[], b"");
        assert!(deleted.status < 300, "{}", deleted.text());
        wait_for("b to go", || values(gateway, "channel=b").is_empty());
        while !browser.next_but_cursor().data.contains(r#""retract":true"#) {}
    }
    // A gateway that starts knows of it too.
    let late = Gateway::on_stream(&redis);
    assert!(values(&late, "channel=a&channel=b").is_empty());
    let late = Gateway::on(&redis);
    assert!(values(&late, "channel=a&channel=b").is_empty());
}

#[test]
fn a_value_with_a_ttl_expires_also_for_pollers_and_on_gateways_that_start() {
    let redis = Redis::start();
    let one = Gateway::on_stream(&redis);
    redis.add_fields(&[("channel", "a"), ("data", "for a moment"), ("ttl", "2")]);
    redis.add("a2", "for ever");
    wait_for("both", || values(&one, "channel=a*").len() == 2);
    let etag = one.get("/events?channel=a").header("etag").unwrap().to_owned();
    let again = || http::request(one.public(), "GET", "/events?channel=a", &[("if-none-match", &etag)], b"");
    assert_eq!(again().status, 304);
    let two = Gateway::on_stream(&redis);
    wait_for("it to expire", || values(&one, "channel=a").is_empty());
    wait_for("it to expire elsewhere", || values(&two, "channel=a").is_empty());
    assert_eq!(again().status, 200, "what is shown has changed");
    assert_eq!(values(&two, "channel=a*"), ["for ever"]);
    // In history it stays.
    two.listen("channel=a&since=earliest").expect("for a moment");
    let late = Gateway::on_stream(&redis);
    assert!(values(&late, "channel=a").is_empty());
}

/// The data of each value that is shown, and the channel under which.
fn shown(gateway: &Gateway, query: &str) -> Vec<(String, String)> {
    let poll = gateway.get(&format!("/events?{query}")).json();
    let text = |value: &serde_json::Value| value.as_str().expect("text").to_owned();
    let publications = poll["publications"].as_array().expect("a list").iter();
    publications.map(|publication| (text(&publication["channel"]), text(&publication["data"]))).collect()
}

#[test]
fn a_value_on_two_channels_never_comes_back_under_one_that_has_lost_it() {
    let redis = Redis::start();
    let gateway = Gateway::on_stream(&redis);
    let is = |channel: &str, data: &str| vec![(channel.to_owned(), data.to_owned())];
    redis.add_fields(&[("channels", r#"["a","b"]"#), ("data", "both")]);
    wait_for("the value", || shown(&gateway, "channel=a&channel=b") == is("a", "both"));
    redis.add_fields(&[("channel", "a"), ("retract", "1")]);
    wait_for("it to be b's alone", || shown(&gateway, "channel=a&channel=b") == is("b", "both"));
    assert!(shown(&gateway, "channel=a").is_empty());
    let mut browser = gateway.listen("channel=a&channel=b&since=last&format=json");
    let envelope: serde_json::Value = serde_json::from_str(&browser.next().data).unwrap();
    assert_eq!((&envelope["channel"], &envelope["data"]), (&"b".into(), &"both".into()));

    redis.add_fields(&[("channels", r#"["c","d"]"#), ("data", "old")]);
    redis.add_fields(&[("channel", "c"), ("data", "new"), ("ttl", "1")]);
    wait_for("the newer one to expire", || shown(&gateway, "channel=c&channel=d") == is("d", "old"));
    assert!(shown(&gateway, "channel=c").is_empty(), "what was superseded stays so");
}

/// The times to live that are shown.
fn ttls(gateway: &Gateway, query: &str) -> Vec<u64> {
    let poll = gateway.get(&format!("/events?{query}")).json();
    let publications = poll["publications"].as_array().expect("a list").iter();
    publications.filter_map(|publication| publication["ttl"].as_u64()).collect()
}

#[test]
fn a_value_shows_the_time_it_has_left_and_a_publication_the_one_it_was_published_with() {
    let redis = Redis::start();
    for kind in [Gateway::plan_on, Gateway::plan_on_stream] {
        let one = kind(redis.port()).start();
        let cursor = one.get("/events?channel=a").header("fanfare-cursor").expect("a cursor").to_owned();
        let (since, last) = (format!("channel=a*&since={cursor}"), "channel=a*&since=last");
        one.post("channel=a&ttl=600", "for long");
        one.post("channel=a2&ttl=1", "for a moment");
        wait_for("both", || ttls(&one, &since) == [600, 1]);
        wait_for("one to expire", || ttls(&one, last).len() == 1);
        let two = kind(redis.port()).start();
        for gateway in [&one, &two] {
            assert_eq!(ttls(gateway, &since), [600, 1]);
            let left = ttls(gateway, last);
            assert!(left.len() == 1 && (1..600).contains(&left[0]), "{left:?}");
        }
    }
}

#[test]
fn a_value_that_expired_while_the_link_was_broken_does_not_come_back() {
    let redis = Redis::start();
    let proxy = Proxy::before(&redis);
    let gateway = Gateway::plan_on_stream(proxy.address().port()).start();
    proxy.set_closed(true);
    proxy.cut();
    redis.add_fields(&[("channel", "a"), ("data", "stale"), ("ttl", "1")]);
    redis.add("b", "b");
    let added = Instant::now();
    wait_for("it to expire", || added.elapsed() > Duration::from_millis(1_100));
    proxy.set_closed(false);
    gateway.wait_for_metric(r#"fanfare_publications_total{outcome="ok"}"#, 2.0);
    assert_eq!(values(&gateway, "channel=a&channel=b"), ["b"]);
}

#[test]
fn a_ttl_is_a_whole_number_of_seconds() {
    let gateway = Gateway::embedded();
    for ttl in ["0", "-1", "1.5", "x", ""] {
        let answer = gateway.post(&format!("channel=a&ttl={ttl}"), "x");
        assert_eq!((answer.status, &*answer.error_code()), (400, "bad_ttl"), "{ttl}");
    }
    let redis = Redis::start();
    let gateway = Gateway::on_stream(&redis);
    redis.add_fields(&[("channel", "a"), ("data", "x"), ("ttl", "soon")]);
    gateway.wait_for_metric(r#"fanfare_publications_total{outcome="bad_ttl"}"#, 1.0);
}

#[test]
fn keep_last_false_shows_nothing_to_those_who_come() {
    let rules = "[[channels]]\nmatch = \"events/*\"\nsubscribe = \"anyone\"\npublish = \"anyone\"\nkeep_last = false\n\
                 [[channels]]\nmatch = \"*\"\nsubscribe = \"anyone\"\npublish = \"anyone\"\n";
    let gateway = Gateway::plan().rules(rules).start();
    gateway.post("channel=events/x", "happened");
    gateway.post("channel=state", "is");
    wait_for("the value", || values(&gateway, "channel=*") == ["is"]);
    let mut browser = gateway.listen("channel=events/x&since=last");
    gateway.post("channel=events/x", "happens");
    browser.expect("happens");
    gateway.listen("channel=events/x&since=earliest").expect("happened");
}

#[test]
fn keep_last_is_asked_of_the_channel_whose_value_it_is() {
    let rules = "[[channels]]\nmatch = \"events\"\nsubscribe = \"anyone\"\nkeep_last = false\n\
                 [[channels]]\nmatch = \"*\"\nsubscribe = \"anyone\"\n";
    let redis = Redis::start();
    let gateway = Gateway::plan_on_stream(redis.port()).rules(rules).start();
    redis.add_fields(&[("channels", r#"["events","state"]"#), ("data", "is")]);
    let is = [("state".to_owned(), "is".to_owned())];
    wait_for("the value", || shown(&gateway, "channel=state&channel=events") == is);
}

#[test]
fn latest_values_are_bounded_and_the_least_recently_published_go_first() {
    let gateway = Gateway::plan().set("history.keep_count", "1").set("history.keep_channels", "10").start();
    for channel in 0..30 {
        gateway.post(&format!("channel=c{channel:02}"), &channel.to_string());
    }
    gateway.post("channel=c20", "20");
    gateway.post("channel=c30", "30");
    let expected: Vec<_> = (22..30).chain([20, 30]).map(|channel| channel.to_string()).collect();
    wait_for("the latest values", || values(&gateway, "channel=c*") == expected);
}

#[test]
fn who_comes_is_shown_the_latest_and_not_what_it_was_a_moment_ago() {
    let gateway = Gateway::plan().set("listen.shards", "1").start();
    let mut watching = gateway.listen("channel=a");
    for round in 0..20 {
        let value = round.to_string();
        gateway.post("channel=a", &value);
        watching.expect(&value);
        let mut browser = gateway.listen("channel=a&since=last");
        browser.expect(&value);
        assert_eq!(browser.next().name, "fanfare.cursor");
    }
}

#[test]
fn who_comes_is_told_no_gap_of_what_was_published_before() {
    let gateway = Gateway::plan().set("history.keep_count", "2").set("listen.shards", "1").start();
    for round in 0..10 {
        // What this one is shown is kept for others who come in the same second.
        let _shown = gateway.listen("channel=a&channel=b&since=last");
        for number in 0..5 {
            gateway.post("channel=a", &format!("{round} {number}"));
        }
        let newest = format!("{round} 4");
        wait_for("the value", || values(&gateway, "channel=a") == [&*newest]);
        gateway.listen("channel=a&channel=b&since=last").expect(&newest);
    }
}
