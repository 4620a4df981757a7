//! Publications through a real Redis, and what happens when it is in trouble.

use std::{thread, time::Duration};

use tests::{Gateway, Listener, Proxy, Redis, wait_for};

/// Publishes numbers while the first link is frozen, until there is a second one (Redis then counts
/// two), and on after the first one goes on. Returns the next number.
fn publish_over_doubt(redis: &Redis, proxy: &Proxy, from: u64) -> u64 {
    let mut next = from;
    let mut publish = || {
        next += 1;
        redis.publish("a", &(next - 1).to_string())
    };
    wait_for("the second link", || publish() == 2);
    proxy.thaw();
    for _ in 0..50 {
        publish();
    }
    next
}

#[test]
fn any_clients_publish_arrives() {
    let redis = Redis::start();
    let gateway = Gateway::on(&redis);
    let mut browser = gateway.listen("channel=alerts");
    assert_eq!(redis.publish("alerts", "disk full"), 1);
    redis.publish_raw(b"fanfare:@json", br#"{"channel":"alerts","event":"disk","data":{"free": 0}}"#);
    let plain = browser.expect("disk full");
    assert_eq!(plain.name, "");
    assert_eq!(browser.expect(r#"{"free":0}"#).name, "disk");
}

#[tokio::test(flavor = "current_thread")]
async fn clients_of_different_make_publish_and_both_arrive() {
    use fred::prelude::{Builder, ClientLike, Config, PubsubInterface};

    let redis = Redis::start();
    let gateway = Gateway::on(&redis);
    let mut browser = gateway.listen("channel=a");
    let config = Config::from_url(&format!("redis://127.0.0.1:{}", redis.port())).unwrap();
    let fred = Builder::from_config(config).build().unwrap();
    fred.init().await.unwrap();
    for number in 0..10 {
        if number % 2 == 0 {
            redis.publish("a", &number.to_string());
        } else {
            let _: i64 = fred.publish("fanfare:a", number).await.unwrap();
        }
    }
    browser.expect_all(0..10);
}

#[test]
fn cursors_mean_the_same_on_every_gateway_of_one_redis() {
    let redis = Redis::start();
    let one = Gateway::on(&redis);
    let two = Gateway::on(&redis);
    let mut browser = one.listen("channel=a");
    let first = browser.opened.id.clone().unwrap();
    redis.publish_all((0..50).map(|number| ("a", number.to_string())));
    let middle = (0..25).map(|number| browser.expect(&number.to_string())).last().unwrap();
    browser.expect_all(25..50);
    two.resume("channel=a", &middle.id.unwrap()).expect_all(25..50);
    two.resume("channel=a", &first).expect_all(0..50);
    let mut back = one.resume("channel=a", &browser.cursor());
    redis.publish("a", "new");
    back.expect("new");
}

#[test]
fn a_cursor_that_the_answering_gateway_has_not_reached_is_waited_for() {
    let redis = Redis::start();
    let one = Gateway::on(&redis);
    // Two reaches Redis through a proxy, so that it can be held back.
    let proxy = Proxy::before(&redis);
    let two = Gateway::plan_on(proxy.address().port()).start();
    let mut browser = one.listen("channel=a");
    proxy.freeze();
    redis.publish("a", "first");
    redis.publish("a", "second");
    let first = browser.expect("first");
    browser.expect("second");
    let mut other = Listener::open(two.public(), "channel=a", first.id.as_deref());
    assert_eq!(other.opened.id, first.id, "it begins where it was");
    proxy.thaw();
    other.expect("second");
}

#[test]
fn a_cursor_that_never_becomes_known_is_a_told_gap_after_a_second() {
    let redis = Redis::start();
    let gateway = Gateway::on(&redis);
    let mut browser = gateway.resume("channel=a", "00000000000000aa-1-5");
    browser.expect_gap("unknown-cursor");
    redis.publish("a", "after");
    browser.expect("after");
    let mut garbled = gateway.resume("channel=a", "what is this?");
    garbled.expect_gap("unknown-cursor");
}

#[test]
fn redis_restarted_costs_one_told_gap_and_no_session() {
    let mut redis = Redis::start();
    let gateway = Gateway::on(&redis);
    let mut browser = gateway.listen("channel=a&channel=b");
    let mut quiet = gateway.listen("channel=quiet");
    redis.publish("a", "before");
    let before = browser.expect("before");
    redis.restart();
    wait_for("the gateway to be back", || redis.publish("a", "after") == 1);
    browser.expect_gap("broker-lost");
    quiet.expect_gap("broker-lost");
    // The first may have come before the new link's first beacon, and belongs to the gap.
    redis.publish("a", "end");
    while browser.next_but_cursor().data != "end" {}
    assert!(gateway.metric("fanfare_broker_reconnects_total") >= 1.0);
    // One who was away meanwhile is told too, in order, once.
    let mut returned = gateway.resume("channel=a", &before.id.unwrap());
    returned.expect_gap("broker-lost");
    while returned.next_but_cursor().data != "end" {}
    assert_eq!(gateway.metric("fanfare_sessions{transport=\"sse\"}"), 3.0);
}

#[test]
fn a_page_of_latest_values_gets_them_again_after_a_gap_and_then_all_that_is_new_in_order() {
    let mut redis = Redis::start();
    let gateway = Gateway::on(&redis);
    redis.publish("a", "old");
    redis.publish("quiet", "kept");
    let mut browser = gateway.listen("channel=a&channel=quiet&since=last");
    browser.expect_all(["old", "kept"]);
    browser.heartbeat();
    redis.restart();
    wait_for("the gateway to be back", || redis.publish("b", "x") == 1);
    browser.expect_gap("broker-lost");
    browser.expect_all(["old", "kept"]);
    redis.publish_all((0..100).map(|number| ("a", number.to_string())));
    browser.expect_all(0..100);
    // One who was away all the time sees the same.
    let mut returned = gateway.resume("channel=a&channel=quiet&since=last", "00000000000000aa-1-5");
    returned.expect_gap("unknown-cursor");
    returned.expect_all(["kept", "99"]);
}

#[test]
fn many_channels_in_one_envelope_are_refused() {
    let redis = Redis::start();
    let gateway = Gateway::on(&redis);
    let mut browser = gateway.listen("channel=c1");
    let channels =
        |count: usize| (0..count).map(|number| format!("\"c{number}\"")).collect::<Vec<_>>().join(",");
    for count in [50_000, 101, 100] {
        let envelope = format!("{{\"channels\":[{}],\"data\":\"{count}\"}}", channels(count));
        redis.publish_raw(b"fanfare:@json", envelope.as_bytes());
    }
    browser.expect("100");
    // The longest is not even read to its end.
    gateway.wait_for_metric("fanfare_publications_total{outcome=\"too_many_channels\"}", 1.0);
    gateway.wait_for_metric("fanfare_publications_total{outcome=\"too_long\"}", 1.0);
}

#[test]
fn without_the_right_to_ask_for_info_a_slow_link_costs_nothing_twice() {
    let redis = Redis::start();
    redis::cmd("ACL").arg(&["SETUSER", "default", "-info"]).exec(&mut redis.connection()).unwrap();
    let proxy = Proxy::before(&redis);
    let gateway = Gateway::plan_on(proxy.address().port()).start();
    let mut browser = gateway.listen("channel=a");
    proxy.freeze();
    publish_over_doubt(&redis, &proxy, 0);
    gateway.wait_for_metric("fanfare_broker_roundtrip_ok", 1.0);
    redis.publish("a", "end");
    // The first link is back, or a gap is told: in both cases never backwards.
    let mut next = 0;
    loop {
        let event = browser.next_but_cursor();
        match event.data.parse::<u64>() {
            Ok(number) => {
                assert!(number >= next, "{number} came after {next}");
                next = number + 1;
            }
            Err(_) if event.data == "end" => break,
            Err(_) => assert_eq!(event.name, "fanfare.gap"),
        }
    }
}

#[test]
fn redis_frozen_for_ten_seconds_costs_nothing() {
    let redis = Redis::start();
    let gateway = Gateway::on(&redis);
    let mut browser = gateway.listen("channel=a");
    redis.publish("a", "before");
    browser.expect("before");
    redis.freeze();
    // The time is the subject here: longer than any doubt takes.
    thread::sleep(Duration::from_secs(10));
    assert_eq!(gateway.metric("fanfare_broker_roundtrip_ok"), 0.0, "trouble is shown");
    redis.thaw();
    redis.publish_all((0..100).map(|number| ("a", number.to_string())));
    browser.expect_all(0..100);
    gateway.wait_for_metric("fanfare_broker_roundtrip_ok", 1.0);
    assert_eq!(gateway.metric("fanfare_gaps_total{reason=\"broker-lost\"}"), 0.0);
}

#[test]
fn a_dead_link_is_noticed_and_the_gap_told() {
    let redis = Redis::start();
    let proxy = Proxy::before(&redis);
    let gateway = Gateway::plan_on(proxy.address().port()).start();
    let mut browser = gateway.listen("channel=a");
    redis.publish("a", "before");
    browser.expect("before");
    let began = std::time::Instant::now();
    proxy.freeze();
    redis.publish("a", "lost");
    wait_for("the trouble to be noticed", || gateway.metric("fanfare_broker_roundtrip_ok") == 0.0);
    let noticed = began.elapsed();
    assert!(noticed < Duration::from_secs(4), "noticed after {noticed:?}");
    browser.expect_gap("broker-lost");
    redis.publish("a", "after");
    browser.expect("after");
}

#[test]
fn a_second_link_that_dies_at_once_is_not_waited_for_for_ever() {
    let redis = Redis::start();
    let proxy = Proxy::before(&redis);
    let gateway = Gateway::plan_on(proxy.address().port()).set("broker.redis.timeout", "\"1s\"").start();
    let mut browser = gateway.listen("channel=a");
    proxy.freeze();
    let mut connection = redis.connection();
    let mut beacons = connection.as_pubsub();
    beacons.subscribe("fanfare:@beacon").unwrap();
    // The first beacon that comes is the second link's. It is still on its way back.
    proxy.set_delay(Duration::from_millis(200));
    let _ = beacons.get_message().unwrap();
    proxy.freeze();
    proxy.set_delay(Duration::ZERO);
    gateway.wait_for_metric("fanfare_broker_roundtrip_ok", 1.0);
    browser.expect_gap("broker-lost");
    redis.publish("a", "after");
    browser.expect("after");
}

#[test]
fn a_link_that_was_only_slow_is_joined_without_a_gap() {
    let redis = Redis::start();
    let proxy = Proxy::before(&redis);
    let gateway = Gateway::plan_on(proxy.address().port()).start();
    let mut browser = gateway.listen("channel=a");
    redis.publish("a", "0");
    browser.expect("0");
    proxy.freeze();
    // The second link goes through the proxy too, and is not frozen.
    let published = publish_over_doubt(&redis, &proxy, 1);
    browser.expect_all(1..published);
    gateway.wait_for_metric("fanfare_broker_roundtrip_ok", 1.0);
    assert_eq!(gateway.metric("fanfare_gaps_total{reason=\"broker-lost\"}"), 0.0);
    assert!(gateway.log().contains("without a gap"), "{}", gateway.log());
}

#[test]
fn garbage_from_redis_is_dropped_counted_and_disturbs_nobody() {
    let redis = Redis::start();
    let gateway = Gateway::plan_on(redis.port())
        .set("broker.max_data_bytes", "1000")
        .rules("[[channels]]\nmatch = \"json/*\"\nsubscribe = \"anyone\"\ndata = \"json\"\n")
        .rules("[[channels]]\nmatch = \"*\"\nsubscribe = \"anyone\"\n")
        .start();
    let mut browser = gateway.listen("channel=a&channel=json/a");
    let bad: &[(&[u8], &[u8], &str)] = &[
        (b"fanfare:a*b", b"x", "bad_channel"),
        (b"fanfare:", b"x", "bad_channel"),
        (b"fanfare:\xff", b"x", "bad_channel"),
        (b"fanfare:@unknown", b"x", "bad_channel"),
        (b"fanfare:a", b"\xff\xfe", "not_utf8"),
        (b"fanfare:a", &[b'x'; 1001], "too_long"),
        (b"fanfare:a", &[b'x'; 100_000], "too_long"),
        (b"fanfare:@json", b"{", "malformed"),
        (b"fanfare:@json", br#"{"channel":"a","event":"fanfare.gap","data":""}"#, "bad_event"),
        (b"fanfare:json/a", b"not json", "not_json"),
    ];
    for (channel, data, _) in bad {
        redis.publish_raw(channel, data);
    }
    for beacon in [&b""[..], b"1", b"9 what", b"1 zz 1", &[0xff; 300]] {
        redis.publish_raw(b"fanfare:@beacon", beacon);
    }
    redis.publish("json/a", r#"{"ok":true}"#);
    redis.publish("a", "still here");
    browser.expect(r#"{"ok":true}"#);
    browser.expect("still here");
    let count = |label: &str| bad.iter().filter(|(_, _, other)| *other == label).count() as f64;
    for label in ["bad_channel", "not_utf8", "too_long", "malformed", "bad_event", "not_json"] {
        gateway.wait_for_metric(&format!("fanfare_publications_total{{outcome=\"{label}\"}}"), count(label));
    }
}

#[test]
fn a_replica_is_refused_at_the_start() {
    let primary = Redis::start();
    let replica = Redis::with(&["--replicaof", "127.0.0.1", &primary.port().to_string()]);
    let mut gateway = Gateway::plan_on(replica.port()).launch();
    assert_eq!(gateway.process().wait().code(), Some(1));
    assert!(gateway.log().contains("this is a replica"), "{}", gateway.log());
}

#[test]
fn a_cluster_is_refused_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let nodes = folder.path().join("nodes.conf");
    let cluster =
        Redis::with(&["--cluster-enabled", "yes", "--cluster-config-file", nodes.to_str().unwrap()]);
    let mut gateway = Gateway::plan_on(cluster.port()).launch();
    assert_eq!(gateway.process().wait().code(), Some(1));
    assert!(gateway.log().contains("Redis Cluster"), "{}", gateway.log());
}

#[test]
fn without_redis_nobody_is_let_in_and_all_is_well_once_it_is_there() {
    let mut redis = Redis::start();
    redis.kill();
    let gateway = Gateway::plan_on(redis.port()).launch();
    let mut early = Listener::connect(gateway.public(), "channel=a", None, "1.1");
    assert!(early.head.starts_with("HTTP/1.1 200"), "an EventSource would give up: {}", early.head);
    assert_eq!(early.expect_control("bye")["reason"], "starting");
    early.expect_end();
    let poll = gateway.get("/events?channel=a");
    assert_eq!((poll.status, poll.error_code()), (503, "starting".to_owned()));
    assert!(poll.header("retry-after").is_some());
    assert!(!gateway.is_ready());
    redis.revive();
    wait_for("the gateway to be ready", || gateway.is_ready());
    let mut browser = gateway.listen("channel=a");
    redis.publish("a", "hello");
    browser.expect("hello");
}

#[test]
fn published_over_http_it_goes_through_redis() {
    let redis = Redis::start();
    let one = Gateway::on(&redis);
    let two = Gateway::on(&redis);
    let mut browser = two.listen("channel=a");
    let answer = one.post("channel=a&event=x", "hello\nworld");
    assert_eq!((answer.status, answer.text()), (202, r#"{"subscribers":2}"#.to_owned()));
    assert_eq!(browser.expect("hello\nworld").name, "x");
}
