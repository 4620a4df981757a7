//! The watcher where there is no Redis: what a database says is what a gateway shows, whichever of the two was away.

use rustix::process::Signal;
use serde_json::{Value, json};
use tests::{
    Gateway, Sqlite, Watcher,
    table::{ALL, MONITORS, check_its_life},
};

fn monitor(id: u64, name: &str) -> Value {
    json!({ "id": id, "name": name, "up": true })
}

#[test]
fn without_redis_it_is_shown_by_a_gateway_also_by_one_that_was_restarted() {
    let sqlite = Sqlite::default();
    sqlite.run(MONITORS);
    sqlite.run("INSERT INTO monitors VALUES (1, 'a', true), (2, 'b', true)");
    let gateway = Gateway::embedded();
    let plan = Watcher::to(&gateway).database(&sqlite.url());
    let watcher = plan.query("monitors", ALL, "key = 'id'").start();
    check_its_life(|sql| drop(sqlite.run(sql)), &watcher, &gateway);
    let place = gateway.upstream();
    drop(gateway);
    let gateway = Gateway::plan().at(place).start();
    gateway.wait_for_shown("monitors/*", &[("monitors/3", json!({ "id": 3, "name": "c", "up": true }))]);
}

#[test]
fn a_gateway_that_was_restarted_between_two_publications_is_told_everything_again() {
    let sqlite = Sqlite::default();
    sqlite.run(MONITORS);
    sqlite.run("INSERT INTO monitors VALUES (1, 'a', true), (2, 'b', true)");
    let gateway = Gateway::embedded();
    let plan = Watcher::to(&gateway).database(&sqlite.url());
    let watcher = plan.query("monitors", ALL, "key = 'id'").start();
    gateway.wait_for_shown("monitors/*", &[("monitors/1", monitor(1, "a")), ("monitors/2", monitor(2, "b"))]);
    let place = gateway.upstream();
    // It sleeps over the restart, so that what it does next is to publish.
    let mut watcher = watcher;
    watcher.process().signal(Signal::STOP);
    drop(gateway);
    let gateway = Gateway::plan().at(place).start();
    sqlite.run("UPDATE monitors SET name = 'c' WHERE id = 1");
    watcher.process().signal(Signal::CONT);
    gateway.wait_for_shown("monitors/*", &[("monitors/1", monitor(1, "c")), ("monitors/2", monitor(2, "b"))]);
}

#[test]
fn what_went_while_one_of_the_two_was_away_is_retracted() {
    let sqlite = Sqlite::default();
    sqlite.run(MONITORS);
    sqlite.run("INSERT INTO monitors VALUES (1, 'a', true), (2, 'b', true), (3, 'c', true)");
    let mut gateway = Gateway::embedded();
    let plan = Watcher::to(&gateway).database(&sqlite.url()).query("monitors", ALL, "key = 'id'").query(
        "count",
        "SELECT count(*) AS n FROM monitors",
        "channel = 'monitors/count'",
    );
    let watcher = plan.start();
    let (one, two, three) =
        (("monitors/1", monitor(1, "a")), ("monitors/2", monitor(2, "b")), ("monitors/3", monitor(3, "c")));
    let count = |n: u64| ("monitors/count", json!([{ "n": n }]));
    gateway.wait_for_shown("monitors/*", &[one.clone(), two.clone(), three, count(3)]);
    drop(watcher);
    sqlite.run("DELETE FROM monitors WHERE id = 3");
    let watcher = plan.start();
    gateway.wait_for_shown("monitors/*", &[one.clone(), two, count(2)]);
    gateway.process().signal(Signal::STOP);
    sqlite.run("DELETE FROM monitors WHERE id = 2");
    watcher.wait_for_line("trying again");
    gateway.process().signal(Signal::CONT);
    gateway.wait_for_shown("monitors/*", &[one, count(1)]);
}

#[test]
fn what_a_gateway_refuses_is_counted_and_disturbs_nothing_else() {
    let sqlite = Sqlite::default();
    sqlite.run(MONITORS);
    sqlite.run("INSERT INTO monitors VALUES (1, 'a', true), (2, 'b', true), (3, 'c', true)");
    let gateway = Gateway::plan()
        .without_rules()
        .rules(
            r#"
            [[channels]]
            match = "monitors/2"
            subscribe = "anyone"
            publish = "nobody"
            [[channels]]
            match = "*"
            subscribe = "anyone"
            publish = "anyone"
            "#,
        )
        .start();
    let plan = Watcher::to(&gateway).database(&sqlite.url());
    let plan = plan.query("monitors", ALL, "key = 'id'");
    let watcher = plan.start();
    gateway.wait_for_shown("monitors/*", &[("monitors/1", monitor(1, "a")), ("monitors/3", monitor(3, "c"))]);
    watcher.wait_for_line("1 rows cannot be published: monitors/2: ");
    watcher.wait_for_runs("monitors", "ok");
    assert!(watcher.metric("fanfare_watch_rows_skipped_total{query=\"monitors\"}") >= 1.0);
    assert_eq!(watcher.metric("fanfare_watch_terms_total"), 1.0);
    assert_eq!(plan.run(&["--once"]).status.code(), Some(1), "not all of it is shown");
}
