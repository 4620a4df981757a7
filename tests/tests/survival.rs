//! What a page in a real Chromium survives behind HAProxy: no gateway at all, a rolling restart, a
//! laptop that sleeps.

use std::time::{Duration, Instant};

use tests::{
    Chromium, Gateway, Haproxy, Redis, Reporter, Upstream, chromium::Page, gateway::Plan, wait::wait_until,
    wait_for,
};

const OPEN: &str = "[[channels]]\nmatch = \"*\"\nsubscribe = \"anyone\"\n";

/// A gateway behind HAProxy, at an address that it keeps when it is started anew.
fn plan(redis: &Redis, place: Upstream) -> Plan {
    Gateway::plan_on(redis.port())
        .at(place)
        .rules(OPEN)
        .set("listen.trusted_proxies", "[\"127.0.0.1\"]")
        .set("sessions.heartbeat", "\"1s\"")
        .set("sessions.retry", "\"100ms\"")
}

/// Opens a page on `channel=a` and waits until its session has begun.
fn open(chromium: &mut Chromium, haproxy: &Haproxy) -> Page {
    let page = Page::open(chromium, haproxy.address(), "channel=a");
    page.wait_for_control("open");
    page
}

fn publish(redis: &Redis, numbers: std::ops::Range<u32>) {
    redis.publish_all(numbers.map(|number| ("a", number.to_string())));
}

fn assert_never_gave_up(page: &Page) {
    assert!(!page.states().contains(&"closed".to_owned()), "an EventSource that gave up");
}

#[test]
fn chromium_survives_five_seconds_without_any_gateway() {
    let redis = Redis::start();
    let places = [Upstream::vacant(), Upstream::vacant()];
    let start = || places.map(|place| plan(&redis, place).start());
    let gateways = start();
    let haproxy = Haproxy::before(&places);
    let mut chromium = Chromium::start();
    let page = open(&mut chromium, &haproxy);
    publish(&redis, 0..10);
    page.expect_all(0..10);

    let gone = Instant::now();
    drop(gateways);
    wait_until("gateways to be missed", gone + Duration::from_secs(5));
    page.wait_for_state("open", 2);
    assert_eq!(page.controls("open").len(), 1, "what opened again was HAProxy's own answer");
    let _gateways = start();
    // All who knew its cursor were gone, and that is told.
    page.wait_for_control("gap");
    publish(&redis, 10..20);
    page.expect_all(0..20);
    assert_eq!(page.controls("gap").len(), 1);
    assert_never_gave_up(&page);
}

#[test]
fn chromium_survives_a_rolling_restart_and_has_everything_exactly_once() {
    let redis = Redis::start();
    let places = [Upstream::vacant(), Upstream::vacant()];
    // HAProxy takes two looks, a second apart, to see that a gateway is about to leave.
    let start = |place| plan(&redis, place).set("drain.delay", "\"3s\"").start();
    let gateways = places.map(start);
    let haproxy = Haproxy::before(&places);
    let mut chromium = Chromium::start();
    let page = open(&mut chromium, &haproxy);
    let mut published = 0;
    let mut publish_ten = || {
        publish(&redis, published..published + 10);
        published += 10;
    };
    publish_ten();
    let mut restarted = Vec::new();
    for (mut gateway, place) in gateways.into_iter().zip(places) {
        gateway.drain();
        publish_ten();
        assert_eq!(gateway.process().wait().code(), Some(0));
        publish_ten();
        restarted.push(start(place));
        publish_ten();
    }
    page.expect_all(0..published);
    page.wait_for_control("bye");
    assert_eq!(page.controls("gap"), [], "no gap");
    assert_never_gave_up(&page);
}

#[test]
fn chromium_on_a_laptop_that_sleeps_has_everything_exactly_once_when_it_wakes() {
    sleep_for(Duration::ZERO);
}

#[test]
#[ignore = "it takes a minute"]
fn chromium_on_a_laptop_that_sleeps_for_a_minute_has_everything_exactly_once_when_it_wakes() {
    sleep_for(Duration::from_secs(60));
}

/// Lets the browser sleep until its session has ended for that, and for so long at least.
fn sleep_for(least: Duration) {
    let redis = Redis::start();
    let places = [Upstream::vacant(), Upstream::vacant()];
    let gateways = places.map(|place| plan(&redis, place).set("sessions.write_timeout", "\"3s\"").start());
    let haproxy = Haproxy::before(&places);
    let mut chromium = Chromium::start();
    let page = open(&mut chromium, &haproxy);
    publish(&redis, 0..10);
    page.expect_all(0..10);

    let asleep = Instant::now();
    chromium.freeze();
    // More than the kernel holds for somebody who does not read.
    let padding = "x".repeat(50_000);
    redis.publish_all((10..410).map(|number| ("a", format!("{number} {padding}"))));
    wait_for("the session to end", || {
        gateways.iter().all(|gateway| gateway.metric("fanfare_sessions{transport=\"sse\"}") == 0.0)
    });
    wait_until("the end of the sleep", asleep + least);
    chromium.thaw();
    publish(&redis, 410..420);
    wait_for("everything", || page.publications().len() >= 420);
    let publications = page.publications();
    let numbers = publications.iter().map(|event| event.data.split(' ').next().unwrap_or_default());
    assert!(numbers.eq((0..420).map(|number| number.to_string())), "each exactly once, in order");
    assert_eq!(page.controls("gap"), [], "no gap");
    assert!(page.controls("open").len() > 1, "it came back");
    assert_never_gave_up(&page);
}
