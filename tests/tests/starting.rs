//! A gateway that starts beside others, on Redis Pub/Sub: it takes over what they know.

use std::time::{Duration, Instant};

use tests::{Gateway, Redis, wait_for};

#[test]
fn a_gateway_that_starts_answers_resumes_and_latest_values_like_its_peers() {
    let redis = Redis::start();
    let one = Gateway::on(&redis);
    let mut browser = one.listen("channel=a");
    let quiet = one.listen("channel=quiet").cursor();
    redis.publish("state", "still true");
    redis.publish_all((0..2_000).map(|number| ("a", number.to_string())));
    let middle = (0..1_000).map(|number| browser.expect(&number.to_string())).last().unwrap();
    browser.expect_all(1_000..2_000);
    let two = Gateway::on(&redis);
    two.resume("channel=a", &middle.id.unwrap()).expect_all(1_000..2_000);
    two.listen("channel=state&since=last").expect("still true");
    two.listen("channel=a&since=earliest").expect_all(0..2_000);
    let mut back = two.resume("channel=quiet", &quiet);
    redis.publish("quiet", "news");
    back.expect("news");
    let poll = two.get("/events?channel=state").json();
    assert_eq!(poll["publications"][0]["data"], "still true");
    assert_eq!(poll["complete"], true);
    assert_eq!(two.metric(r#"fanfare_gaps_total{reason="unknown-cursor"}"#), 0.0);
}

#[test]
fn latest_values_that_history_no_longer_holds_are_taken_over_too() {
    let redis = Redis::start();
    let plan = || Gateway::plan_on(redis.port()).set("history.keep_count", "100");
    let one = plan().start();
    redis
        .publish_all((0..300).map(|number| (if number % 2 == 0 { "even" } else { "a" }, number.to_string())));
    redis.publish("state", "still true");
    redis.publish_all((300..600).map(|number| ("a", number.to_string())));
    wait_for("all to arrive", || one.metric(r#"fanfare_publications_total{outcome="ok"}"#) == 601.0);
    let two = plan().start();
    let mut latest = two.listen("channel=even&channel=state&since=last");
    latest.expect("298");
    latest.expect("still true");
}

#[test]
fn while_publications_pour_in_a_gateway_that_starts_misses_and_doubles_none() {
    let redis = Redis::start();
    let one = Gateway::on(&redis);
    let mut browser = one.listen("channel=a");
    let start = browser.opened.id.clone().unwrap();
    let mut number = 0;
    let mut publish = |count: u64| {
        redis.publish_all((number..number + count).map(|number| ("a", number.to_string())));
        number += count;
        number
    };
    publish(100);
    let two = Gateway::plan_on(redis.port()).launch();
    wait_for("the second to be ready", || {
        publish(20);
        two.is_ready()
    });
    let end = publish(10);
    browser.expect_all(0..end);
    two.resume("channel=a", &start).expect_all(0..end);
}

#[test]
fn gateways_that_start_at_once_do_not_wait_for_each_other() {
    let redis = Redis::start();
    let began = Instant::now();
    let gateways: Vec<_> = (0..4).map(|_| Gateway::plan_on(redis.port()).launch()).collect();
    for gateway in &gateways {
        wait_for("all to be ready", || gateway.is_ready());
        assert!(!gateway.log().contains("beginning without"), "{}", gateway.log());
    }
    // All within the time in which a peer's beacon comes, and one that is asked has three seconds.
    assert!(began.elapsed() < Duration::from_millis(2_500), "{:?}", began.elapsed());
    let mut browser = gateways[0].listen("channel=a");
    redis.publish("a", "first");
    let first = browser.expect("first").id.unwrap();
    redis.publish("a", "second");
    for gateway in &gateways {
        gateway.resume("channel=a", &first).expect("second");
    }
}

#[test]
fn beside_others_that_know_nothing_the_one_that_knows_is_asked() {
    let redis = Redis::start();
    let knowing = Gateway::on(&redis);
    redis.publish("state", "still true");
    knowing.listen("channel=state&since=last").expect("still true");
    // More than it tells at once; the others hear it from those.
    let gateways: Vec<_> = (0..8).map(|_| Gateway::plan_on(redis.port()).launch()).collect();
    for gateway in &gateways {
        wait_for("all to be ready", || gateway.is_ready());
        let poll = gateway.get("/events?channel=state").json();
        assert_eq!(poll["publications"][0]["data"], "still true", "{}", gateway.log());
    }
}

#[test]
fn what_a_gateway_that_starts_holds_back_is_bounded_in_bytes_too() {
    let redis = Redis::with(&["--client-output-buffer-limit", "pubsub", "0", "0", "0"]);
    // Somebody else listens, so peers are waited for: with a beacon a minute, longer than this test waits.
    let mut connection = redis.connection();
    let mut bystander = connection.as_pubsub();
    bystander.psubscribe("fanfare:*").unwrap();
    let gateway = Gateway::plan_on(redis.port()).set("broker.redis.beacon_interval", "\"1m\"").launch();
    wait_for("it to listen", || redis.publish("a", "first") == 2);
    // Not many, but 96 MB.
    let data = "x".repeat(60_000);
    for _ in 0..16 {
        redis.publish_all((0..100).map(|_| ("a", data.clone())));
    }
    let _ = gateway.wait_for_line("too much is published to wait");
    wait_for("the gateway to be ready", || gateway.is_ready());
}

#[test]
fn alone_it_is_ready_at_once_and_with_a_dumb_peer_after_a_while() {
    let redis = Redis::start();
    // With a beacon a minute, waiting for peers' would take a minute.
    let gateway = Gateway::plan_on(redis.port()).set("broker.redis.beacon_interval", "\"1m\"").start();
    redis.publish("a", "x");
    gateway.listen("channel=a&since=last").expect("x");
    // One that sends beacons and answers nothing.
    let mut one = Gateway::on(&redis);
    one.process().signal(rustix::process::Signal::STOP);
    let began = Instant::now();
    let two = Gateway::on(&redis);
    assert!(began.elapsed() < Duration::from_secs(20));
    assert!(two.listen("channel=a").opened.id.is_some());
}
