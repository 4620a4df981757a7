//! A primary and its replica change roles behind one address, and connections stay.

use tests::{Gateway, Proxy, Redis, redis::numbers, wait_for};

/// A primary with one entry, and a replica that has it.
fn pair() -> (Redis, Redis) {
    let primary = Redis::start();
    let replica = Redis::with(&["--replicaof", "127.0.0.1", &primary.port().to_string()]);
    primary.add("a", "first");
    wait_for("the replica to be in step", || replica.length() == 1);
    (primary, replica)
}

/// From now on `new` is the primary, and `old` replicates whoever listens on a port.
fn exchange(old: &Redis, new: &Redis, proxy: &Proxy, port: u16) {
    new.command(&["REPLICAOF", "NO", "ONE"]);
    proxy.redirect(([127, 0, 0, 1], new.port()).into());
    old.command(&["REPLICAOF", "127.0.0.1", &port.to_string()]);
}

#[test]
fn the_stream_is_trimmed_where_it_is_now() {
    let (old, new) = pair();
    let proxy = Proxy::before(&old);
    let gateway =
        Gateway::plan_on_stream(proxy.address().port()).set("broker.redis.stream_keep_count", "1000").start();
    let mut browser = gateway.listen("channel=a");
    exchange(&old, &new, &proxy, new.port());
    new.add_all(numbers(0..5_000));
    browser.expect_all(0..5_000);
    wait_for("it to be trimmed", || new.length() < 1_200);
}

#[test]
fn what_memory_no_longer_holds_is_read_back_from_where_it_is_now() {
    let (old, new) = pair();
    let proxy = Proxy::before(&old);
    let gateway = Gateway::plan_on_stream(proxy.address().port()).set("history.keep_count", "10").start();
    // So the connection to the old one is there.
    assert_eq!(gateway.get("/events?channel=a&since=0-0").status, 200);
    // The old one never gets what is added from now on.
    exchange(&old, &new, &proxy, 1);
    let ids = new.add_all(numbers(0..100));
    gateway.wait_for_metric(r#"fanfare_publications_total{outcome="ok"}"#, 101.0);
    gateway.resume("channel=a", &ids[0]).expect_all(1..100);
}
