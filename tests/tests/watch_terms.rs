//! Who watches: one of several, whatever ends meanwhile, and what Redis, gateways or processes have lost is shown again.

use std::time::Instant;

use serde_json::{Value, json};
use tests::{
    Gateway, Postgres, Proxy, Redis, Sqlite, Watcher,
    table::{ALL, MONITORS, entries},
    wait_for,
    watcher::Plan,
};

#[test]
fn one_watches_and_another_takes_over() {
    let (sqlite, redis) = (Sqlite::default(), Redis::start());
    sqlite.run(MONITORS);
    sqlite.run("INSERT INTO monitors VALUES (1, 'a', true)");
    let plan = Watcher::on_stream(&redis).database(&sqlite.url()).query("monitors", ALL, "key = 'id'");
    let first = plan.start();
    first.wait_until_active();
    let second = plan.start();
    wait_for("the second one to stand by", || second.state() == "standing by");
    let one = r#"monitors/1 {"id":1,"name":"a","up":true}"#;
    wait_for("the first value", || entries(&redis, 0) == [one]);
    // Killed: what comes meanwhile is published by the other one, and nothing twice.
    let killed = Instant::now();
    drop(first);
    sqlite.run("UPDATE monitors SET name = 'b'");
    second.wait_until_active();
    println!("taken over after {:.1} s", killed.elapsed().as_secs_f64());
    wait_for("the second value", || entries(&redis, 1) == [r#"monitors/1 {"id":1,"name":"b","up":true}"#]);
    // Told to end, it leaves the place at once: the lease is free.
    let mut second = second;
    second.process().signal(rustix::process::Signal::TERM);
    assert!(second.process().wait().success());
    let held: Option<String> =
        redis::cmd("GET").arg("fanfare:@watch:main").query(&mut redis.connection()).unwrap();
    assert_eq!(held, None);
    // What went while nobody watched is retracted by who comes.
    sqlite.run("DELETE FROM monitors");
    let _third = plan.start();
    wait_for("the retraction", || entries(&redis, 2) == ["monitors/1 -"]);
}

/// A query that Postgres answers with what it sees at once, half a second later.
const SLOW: &str = "SELECT id, name, up FROM (SELECT *, pg_sleep(0.5) FROM monitors) AS m";

/// One monitor, which is watched by that query.
fn slowly() -> (Postgres, Redis, Plan) {
    let (postgres, redis) = (Postgres::start(), Redis::start());
    postgres.run(MONITORS);
    postgres.run("INSERT INTO monitors VALUES (1, '0', true)");
    let plan = Watcher::on_stream(&redis).database(&postgres.url()).set("lease", "\"1s\"").query(
        "monitors",
        SLOW,
        "key = 'id'",
    );
    (postgres, redis, plan)
}

/// Waits until a query is under way that sees all that has been written until now.
fn wait_until_asked(postgres: &Postgres) {
    let now = postgres.run("SELECT clock_timestamp()");
    let asked = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'fanfare watch' AND state = 'active' \
         AND xact_start > '{now}'"
    );
    wait_for("a query to be under way", || postgres.run(&asked) == "1");
}

/// The names that were published, in order.
fn names(redis: &Redis) -> Vec<String> {
    let name = |entry: &String| {
        let row: Value =
            serde_json::from_str(entry.split_once(' ').expect("it is as the test has made it").1)
                .expect("it is as the test has made it");
        row["name"].as_str().expect("it is as the test has made it").to_owned()
    };
    entries(redis, 0).iter().map(name).collect()
}

#[test]
fn who_was_paused_between_query_and_publication_publishes_nothing() {
    let (postgres, redis, plan) = slowly();
    let mut first = plan.start();
    wait_for("the first value", || entries(&redis, 0).len() == 1);
    let second = plan.start();
    wait_for("the second one to stand by", || second.state() == "standing by");
    postgres.run("UPDATE monitors SET name = '1'");
    wait_until_asked(&postgres);
    first.process().signal(rustix::process::Signal::STOP);
    second.wait_until_active();
    wait_for("what the second one finds", || entries(&redis, 1).len() == 1);
    postgres.run("UPDATE monitors SET name = '2'");
    wait_for("what it finds then", || entries(&redis, 2).len() == 1);
    first.process().signal(rustix::process::Signal::CONT);
    wait_for("the first one to stand by", || first.state() == "standing by");
    second.wait_for_runs("monitors", "ok");
    assert_eq!(names(&redis), ["0", "1", "2"]);
}

#[test]
fn who_is_killed_between_query_and_publication_loses_nothing() {
    let (postgres, redis, plan) = slowly();
    for round in 1..4 {
        let watcher = plan.start();
        wait_for("the value", || entries(&redis, round - 1).len() == 1);
        postgres.run(&format!("UPDATE monitors SET name = '{round}'"));
        wait_until_asked(&postgres);
        drop(watcher);
    }
    let _watcher = plan.start();
    wait_for("the last value", || entries(&redis, 3).len() == 1);
    assert_eq!(names(&redis), ["0", "1", "2", "3"]);
}

#[test]
fn a_redis_that_was_emptied_is_filled_again() {
    let (sqlite, redis) = (Sqlite::default(), Redis::start());
    sqlite.run(MONITORS);
    sqlite.run("INSERT INTO monitors VALUES (1, 'a', true), (2, 'b', true)");
    let watcher =
        Watcher::on_stream(&redis).database(&sqlite.url()).query("monitors", ALL, "key = 'id'").start();
    wait_for("the first values", || entries(&redis, 0).len() == 2);
    let _: () = redis::cmd("FLUSHALL").query(&mut redis.connection()).unwrap();
    wait_for("them again", || entries(&redis, 0).len() == 2);
    watcher.wait_until_active();
}

#[test]
fn who_watches_before_there_is_a_gateway_waits_for_it() {
    let (sqlite, redis) = (Sqlite::default(), Redis::start());
    sqlite.run(MONITORS);
    sqlite.run("INSERT INTO monitors VALUES (1, 'a', true)");
    let watcher =
        Watcher::on_pubsub(&redis).database(&sqlite.url()).query("monitors", ALL, "key = 'id'").start();
    watcher.wait_for_runs("monitors", "unheard");
    let gateway = Gateway::on(&redis);
    gateway.wait_for_shown("monitors/*", &[("monitors/1", json!({ "id": 1, "name": "a", "up": true }))]);
}

#[test]
fn what_gateways_on_pubsub_have_lost_is_published_again() {
    let (sqlite, redis) = (Sqlite::default(), Redis::start());
    sqlite.run(MONITORS);
    sqlite.run("INSERT INTO monitors VALUES (1, 'a', true), (2, 'b', true)");
    let proxy = Proxy::before(&redis);
    let through_proxy = Gateway::plan_on(proxy.address().port()).start();
    let _watcher =
        Watcher::on_pubsub(&redis).database(&sqlite.url()).query("monitors", ALL, "key = 'id'").start();
    let monitor =
        |id: u64, name: &str| (format!("monitors/{id}"), json!({ "id": id, "name": name, "up": true }));
    let check = |gateway: &Gateway, names: [&str; 2]| {
        let expected = [monitor(1, names[0]), monitor(2, names[1])];
        wait_for(&format!("{expected:?}"), || gateway.shown("monitors/*") == expected);
    };
    check(&through_proxy, ["a", "b"]);
    // A gateway that hears nothing for a while, when another one does: what it missed, it has in the end.
    let other = Gateway::on(&redis);
    check(&other, ["a", "b"]);
    proxy.set_closed(true);
    proxy.cut();
    sqlite.run("UPDATE monitors SET name = 'c' WHERE id = 1");
    check(&other, ["c", "b"]);
    proxy.set_closed(false);
    check(&through_proxy, ["c", "b"]);
    // All of them end, and one comes that knows nothing.
    drop((through_proxy, other));
    check(&Gateway::on(&redis), ["c", "b"]);
}

/// A Redis that keeps nothing on disk ends and comes back while a row is deleted.
fn check_that_what_went_is_retracted(
    mut redis: Redis,
    gateway: impl Fn(&Redis) -> Gateway,
    watcher: impl Fn(&Redis) -> Plan,
) {
    let sqlite = Sqlite::default();
    sqlite.run(MONITORS);
    sqlite.run("INSERT INTO monitors VALUES (1, 'a', true), (2, 'b', true)");
    let gateway = gateway(&redis);
    let plan = watcher(&redis).database(&sqlite.url()).query("monitors", ALL, "key = 'id'");
    let active = plan.start();
    active.wait_until_active();
    let (one, two) = (
        ("monitors/1", json!({ "id": 1, "name": "a", "up": true })),
        ("monitors/2", json!({ "id": 2, "name": "b", "up": true })),
    );
    gateway.wait_for_shown("monitors/*", &[one, two.clone()]);
    let other = plan.start();
    wait_for("the other one to stand by", || other.state() == "standing by");
    redis.kill();
    sqlite.run("DELETE FROM monitors WHERE id = 1");
    redis.revive();
    assert_eq!(
        redis.command(&["EXISTS", "fanfare:@watch:main:monitors"]),
        redis::Value::Int(0),
        "it has forgotten"
    );
    gateway.wait_for_shown("monitors/*", std::slice::from_ref(&two));
}

#[test]
fn what_went_while_redis_forgot_everything_is_retracted() {
    check_that_what_went_is_retracted(Redis::start(), Gateway::on, Watcher::on_pubsub);
}

#[test]
fn what_went_while_redis_forgot_its_stream_is_retracted() {
    check_that_what_went_is_retracted(Redis::start(), Gateway::on_stream, Watcher::on_stream);
}
