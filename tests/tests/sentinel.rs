//! A primary that dies and the one that takes its place, as Sentinels arrange it.

use tests::{Gateway, Proxy, Redis, Watched, redis::numbers, wait_for};

const GAPS: &str = r#"fanfare_gaps_total{reason="broker-lost"}"#;

#[test]
fn a_failover_to_a_replica_in_step_costs_a_stream_no_gap_and_no_publication() {
    let mut redis = Watched::start();
    let gateway = redis.plan("redis-stream").start();
    let mut browser = gateway.listen("channel=a");
    assert_eq!(gateway.post("channel=a", "0").status, 200);
    redis.primary.add_all(numbers(1..100));
    redis.wait_until_in_step();
    redis.fail_over();
    redis.replica.add_all(numbers(100..200));
    assert_eq!(gateway.post("channel=a", "200").status, 200, "publishing has found the new primary");
    browser.expect_all(0..201);
    assert_eq!(gateway.metric(GAPS), 0.0);
    assert_eq!(gateway.metric(r#"fanfare_sessions{transport="sse"}"#), 1.0);
}

#[test]
fn a_tail_that_the_replica_never_had_is_a_told_gap_and_delivery_goes_on() {
    let mut redis = Watched::start();
    let gateway = redis.plan("redis-stream").start();
    let mut browser = gateway.listen("channel=a");
    let mut quiet = gateway.listen("channel=quiet");
    redis.primary.add_all(numbers(0..10));
    redis.wait_until_in_step();
    redis.between.freeze();
    redis.primary.add_all(numbers(10..20));
    browser.expect_all(0..20);
    redis.fail_over();
    browser.expect_gap("broker-lost");
    quiet.expect_gap("broker-lost");
    redis.replica.add("a", "after");
    browser.expect("after");
    assert_eq!(gateway.metric(GAPS), 2.0);
}

#[test]
fn a_failover_on_pubsub_is_one_told_gap_and_no_session_ends() {
    let mut redis = Watched::start();
    let gateway = redis.plan("redis-pubsub").start();
    let mut browser = gateway.listen("channel=a");
    assert_eq!(gateway.post("channel=a", "before").status, 202);
    browser.expect("before");
    redis.fail_over();
    browser.expect_gap("broker-lost");
    gateway.wait_for_metric("fanfare_broker_roundtrip_ok", 1.0);
    let answer = gateway.post("channel=a", "after");
    assert_eq!((answer.status, answer.text()), (202, r#"{"subscribers":1}"#.to_owned()));
    browser.expect("after");
    assert_eq!(gateway.metric(GAPS), 1.0);
}

#[test]
fn primary_and_replica_exchanged_on_purpose_cost_a_stream_nothing() {
    let redis = Watched::start();
    let gateway = redis.plan("redis-stream").start();
    let mut browser = gateway.listen("channel=a");
    redis.primary.add_all(numbers(0..10));
    browser.expect_all(0..10);
    redis.wait_until_in_step();
    redis.exchange();
    redis.replica.add_all(numbers(10..20));
    assert_eq!(gateway.post("channel=a", "20").status, 200);
    browser.expect_all(10..21);
    assert_eq!(gateway.metric(GAPS), 0.0);
}

#[test]
fn publishing_over_a_connection_to_a_primary_that_was_demoted_finds_the_new_one() {
    let old = Redis::with(&["--repl-diskless-sync-delay", "0"]);
    let proxy = Proxy::to(([127, 0, 0, 1], old.port()).into());
    let gateway = Gateway::plan_on_stream(proxy.address().port()).start();
    let mut browser = gateway.listen("channel=a");
    assert_eq!(gateway.post("channel=a", "before").status, 200);
    let new = Redis::with(&["--replicaof", "127.0.0.1", &old.port().to_string()]);
    wait_for("the replica to follow", || {
        let length: u64 = redis::from_redis_value(new.command(&["XLEN", tests::redis::STREAM])).unwrap();
        length == 1
    });
    new.command(&["REPLICAOF", "NO", "ONE"]);
    proxy.redirect(([127, 0, 0, 1], new.port()).into());
    // Nobody closes the connection over which the gateway published.
    old.command(&["REPLICAOF", "127.0.0.1", &new.port().to_string()]);
    let answer = gateway.post("channel=a", "after");
    assert_eq!(answer.status, 200, "{}", answer.text());
    browser.expect_all(["before", "after"]);
    assert_eq!(gateway.metric(GAPS), 0.0);
}

#[test]
fn after_an_exchange_of_roles_what_is_posted_arrives() {
    let old = Redis::with(&["--repl-diskless-sync-delay", "0"]);
    let new = Redis::with(&["--replicaof", "127.0.0.1", &old.port().to_string()]);
    let proxy = Proxy::before(&old);
    let gateway = Gateway::plan_on(proxy.address().port()).start();
    let mut browser = gateway.listen("channel=a");
    assert_eq!(gateway.post("channel=a", "before").status, 202);
    browser.expect("before");
    // Somebody stays there, whom what is published there reaches twice.
    let mut connection = old.connection();
    let mut bystander = connection.as_pubsub();
    bystander.psubscribe(&["fanfare:*", "fanfare:a"]).unwrap();
    new.command(&["REPLICAOF", "NO", "ONE"]);
    proxy.redirect(([127, 0, 0, 1], new.port()).into());
    // Nobody closes the connection over which the gateway published.
    old.command(&["REPLICAOF", "127.0.0.1", &new.port().to_string()]);
    browser.expect_gap("broker-lost");
    let answer = gateway.post("channel=a", "after");
    assert_eq!((answer.status, answer.text()), (202, r#"{"subscribers":1}"#.to_owned()));
    browser.expect("after");
}

#[test]
fn a_primary_that_no_sentinel_knows_is_said() {
    let redis = Watched::start();
    let gateway = redis.plan("redis-stream").set("broker.redis.sentinel_master", "\"other\"").launch();
    wait_for("the reason", || gateway.log().contains("broker.redis.sentinel_master"));
}
