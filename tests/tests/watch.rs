//! The watcher: what a database says is what is shown, whatever it says and however it is asked.

use serde_json::{Value, json};
use tests::{
    Gateway, Postgres, Redis, Sqlite, Watcher,
    gateway::binary,
    table::{ALL, MONITORS, check_its_life, entries},
    wait_for,
};

#[test]
fn what_changes_in_postgres_is_shown_through_a_stream() {
    let (postgres, redis) = (Postgres::start(), Redis::start());
    postgres.run(MONITORS);
    postgres.run("INSERT INTO monitors VALUES (1, 'a', true), (2, 'b', true)");
    let gateway = Gateway::on_stream(&redis);
    let plan = Watcher::on_stream(&redis).database(&postgres.url());
    let watcher = plan.query("monitors", ALL, "key = 'id'").start();
    check_its_life(|sql| drop(postgres.run(sql)), &watcher, &gateway);
}

#[test]
fn what_changes_in_sqlite_is_shown_through_pubsub() {
    let (sqlite, redis) = (Sqlite::default(), Redis::start());
    sqlite.run(MONITORS);
    sqlite.run("INSERT INTO monitors VALUES (1, 'a', true), (2, 'b', true)");
    let gateway = Gateway::on(&redis);
    let plan = Watcher::on_pubsub(&redis).database(&sqlite.url());
    let watcher = plan.query("monitors", ALL, "key = 'id'").start();
    check_its_life(|sql| drop(sqlite.run(sql)), &watcher, &gateway);
}

#[test]
fn a_result_as_a_whole_is_one_publication() {
    let (sqlite, redis) = (Sqlite::default(), Redis::start());
    sqlite.run(MONITORS);
    let plan = Watcher::on_stream(&redis).database(&sqlite.url());
    let sql = "SELECT count(*) AS up FROM monitors WHERE up";
    let watcher = plan.query("summary", sql, "channel = 'monitors/summary'\nevent = 'sum'").start();
    wait_for("the first one", || entries(&redis, 0) == [r#"monitors/summary [{"up":0}]"#]);
    sqlite.run("INSERT INTO monitors VALUES (1, 'a', true), (2, 'b', false)");
    wait_for("the second one", || entries(&redis, 1) == [r#"monitors/summary [{"up":1}]"#]);
    sqlite.run("INSERT INTO monitors VALUES (3, 'c', false)");
    watcher.wait_for_runs("summary", "ok");
    assert_eq!(entries(&redis, 2), [""; 0]);
    assert!(redis.entries()[0].1.contains(&("event".to_owned(), "sum".to_owned())));
}

#[test]
fn types_keep_their_meaning() {
    let postgres = Postgres::start();
    postgres.run("CREATE TYPE mood AS ENUM ('good', 'bad'); CREATE DOMAIN percent AS numeric(5,2)");
    let sql = r#"SELECT 7 AS "whole", 9007199254740993::bigint AS large, 1.5::float8 AS real, 'NaN'::float8 AS nan,
        1.10::numeric AS price, 99.90::percent AS percent, true AS yes, NULL AS nothing, 'it''s "ä"' AS text,
        '2026-11-26 10:53:41.25+02'::timestamptz AS at, '2026-11-26 10:53:41'::timestamp AS "local", '2026-11-26'::date AS day,
        '1 day 2 hours'::interval AS span, '{"a": [1, null]}'::jsonb AS json, '\x00ff10'::bytea AS bytes,
        array[1,null,3] AS numbers, array['a "b"','{}'] AS texts, 'good'::mood AS mood, '10.0.0.1'::inet AS address,
        'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid AS uuid, '[1, 2' AS nojson, '[1, 2]' AS texted -- and a comment"#;
    let ran = Watcher::to(&Gateway::embedded())
        .database(&postgres.url())
        .query("types", sql, "json = ['texted', 'nojson']")
        .run(&["--once", "--dry-run"]);
    assert!(ran.status.success(), "{ran:?}");
    let line: Value = serde_json::from_slice(&ran.stdout).unwrap();
    let expected = json!({
        "whole": 7, "large": "9007199254740993", "real": 1.5, "nan": "NaN", "price": "1.10", "percent": "99.90", "yes": true,
        "nothing": null, "text": "it's \"ä\"", "at": "2026-11-26T08:53:41.25Z", "local": "2026-11-26T10:53:41", "day": "2026-11-26",
        "span": "P1DT2H", "json": { "a": [1, null] }, "bytes": "AP8Q", "numbers": [1, null, 3], "texts": ["a \"b\"", "{}"],
        "mood": "good", "address": "10.0.0.1", "uuid": "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "nojson": "[1, 2", "texted": [1, 2],
    });
    assert_eq!(line, json!({ "query": "types", "kind": "changed", "channel": "types", "data": [expected] }));

    let sqlite = Sqlite::default();
    sqlite.run("CREATE TABLE t (yes BOOLEAN, at TIMESTAMP, day DATE, real REAL, bytes BLOB, text TEXT, whole INTEGER, meta TEXT)");
    sqlite.run(
        "INSERT INTO t VALUES (1, '2026-11-26 10:53:41', '2026-11-26', 1.5, x'00ff10', 'ä', 9007199254740993, '{\"a\": 1}')",
    );
    let ran = Watcher::to(&Gateway::embedded())
        .database(&sqlite.url())
        .query("types", "SELECT *, NULL AS missing, 1e400 AS infinite FROM t", "json = ['meta']")
        .run(&["--once", "--dry-run"]);
    let line: Value = serde_json::from_slice(&ran.stdout).unwrap();
    let expected = json!([{
        "yes": true, "at": "2026-11-26T10:53:41Z", "day": "2026-11-26", "real": 1.5, "bytes": "AP8Q", "text": "ä",
        "whole": "9007199254740993", "meta": { "a": 1 }, "missing": null, "infinite": "Infinity",
    }]);
    assert_eq!(line["data"], expected);
}

#[test]
fn a_database_that_is_down_is_asked_until_it_is_up() {
    let (mut postgres, redis) = (Postgres::start(), Redis::start());
    postgres.run(MONITORS);
    postgres.run("INSERT INTO monitors VALUES (1, 'a', true), (2, 'b', true)");
    let watcher =
        Watcher::on_stream(&redis).database(&postgres.url()).query("monitors", ALL, "key = 'id'").start();
    wait_for("the first values", || entries(&redis, 0).len() == 2);
    postgres.stop();
    watcher.wait_for_runs("monitors", "failed");
    assert_eq!(watcher.state(), "watching");
    postgres.start_again();
    postgres.run("DELETE FROM monitors WHERE id = 1");
    wait_for("what changed", || entries(&redis, 2) == ["monitors/1 -"]);
}

#[test]
fn what_cannot_be_shown_is_counted_and_disturbs_nothing_else() {
    let (sqlite, redis) = (Sqlite::default(), Redis::start());
    sqlite.run(MONITORS);
    sqlite.run("INSERT INTO monitors VALUES (1, 'a', true), (2, 'a*', true)");
    let endless =
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) AS c FROM n";
    let watcher = Watcher::on_stream(&redis)
        .database(&sqlite.url())
        .query("good", ALL, "channel = 'good/{name}'")
        .query("endless", endless, "timeout = '200ms'")
        .query("wrong", "SELECT missing FROM monitors", "")
        .query("same", ALL, "channel = 'same/{up}'")
        .query("many", ALL, "max_rows = 1")
        .start();
    watcher.wait_for_runs("good", "ok");
    for (query, outcome) in
        [("endless", "timeout"), ("wrong", "failed"), ("same", "unusable"), ("many", "unusable")]
    {
        wait_for(&format!("{query} to be {outcome}"), || watcher.runs(query, outcome) >= 1.0);
    }
    assert_eq!(entries(&redis, 0), [r#"good/a {"id":1,"name":"a","up":true}"#]);
    assert!(watcher.metric("fanfare_watch_rows_skipped_total{query=\"good\"}") >= 1.0);
    let log = |part| watcher.wait_for_line(part);
    log("1 rows cannot be published: \"good/a*\" is no channel");
    log("no such column: missing");
    log("two rows have the channel \"same/true\"");
    log("the result has more rows than max_rows = 1");
    log("the query takes longer than its timeout of 200ms");
}

#[test]
fn queries_can_be_changed_without_a_restart() {
    let (sqlite, redis) = (Sqlite::default(), Redis::start());
    sqlite.run(MONITORS);
    sqlite.run("INSERT INTO monitors VALUES (1, 'a', true)");
    let plan = Watcher::on_stream(&redis).database(&sqlite.url());
    let watcher = plan.clone().query("one", "SELECT id FROM monitors", "key = 'id'").start();
    wait_for("the first query's", || entries(&redis, 0) == [r#"one/1 {"id":1}"#]);
    watcher.reload(&plan.query("two", "SELECT name FROM monitors", ""));
    wait_for("what is shown no more, and the second query's", || {
        entries(&redis, 1) == ["one/1 -", r#"two [{"name":"a"}]"#]
    });
    // One that cannot be used changes nothing, and ends no term.
    let terms = watcher.metric("fanfare_watch_terms_total");
    watcher.reload(&Watcher::on_stream(&redis));
    watcher.wait_for_line("all stays as it is");
    watcher.wait_for_runs("two", "ok");
    assert_eq!(watcher.metric("fanfare_watch_terms_total"), terms);
}

#[test]
fn a_query_with_another_name_goes_on_with_what_is_shown() {
    let (sqlite, redis) = (Sqlite::default(), Redis::start());
    sqlite.run(MONITORS);
    sqlite.run("INSERT INTO monitors VALUES (1, 'a', true), (2, 'b', true)");
    let plan = Watcher::on_stream(&redis).database(&sqlite.url());
    let watcher = plan.clone().query("before", ALL, "channel = 'monitors/{id}'").start();
    wait_for("all of it", || entries(&redis, 0).len() == 2);
    watcher.reload(&plan.query("after", ALL, "channel = 'monitors/{id}'"));
    watcher.wait_for_runs("after", "ok");
    assert_eq!(entries(&redis, 2), [""; 0], "nothing of it is news");
    sqlite.run("DELETE FROM monitors WHERE id = 1");
    wait_for("its retraction", || entries(&redis, 2) == ["monitors/1 -"]);
}

#[test]
fn what_a_value_means_is_part_of_it() {
    let (postgres, redis) = (Postgres::start(), Redis::start());
    postgres.run("CREATE TABLE t (id int, v text); INSERT INTO t VALUES (1, '7')");
    let plan = Watcher::on_stream(&redis).database(&postgres.url());
    let watcher = plan
        .query("t", "SELECT * FROM t", "key = 'id'")
        .query("two", "SELECT 1 AS a; SELECT 2 AS b", "")
        .query("set", "SET LOCAL work_mem = '8MB'; SELECT 3 AS c", "")
        .start();
    wait_for("a text", || entries(&redis, 0).contains(&r#"t/1 {"id":1,"v":"7"}"#.to_owned()));
    postgres.run("ALTER TABLE t ALTER v TYPE int USING v::int");
    wait_for("a number", || entries(&redis, 0).contains(&r#"t/1 {"id":1,"v":7}"#.to_owned()));
    watcher.wait_for_line("the sql has several statements with results");
    assert!(entries(&redis, 0).contains(&r#"set [{"c":3}]"#.to_owned()));
    assert!(!entries(&redis, 0).iter().any(|entry| entry.starts_with("two")));
}

#[test]
fn a_file_of_sqlite_may_be_replaced_and_hold_anything() {
    let (sqlite, redis) = (Sqlite::default(), Redis::start());
    sqlite.run(
        "PRAGMA journal_mode = delete; CREATE TABLE t (id INTEGER, v); INSERT INTO t VALUES (1, 'a'), (2, CAST(x'ff' AS TEXT)), (3, 9e999)",
    );
    let plan = Watcher::on_stream(&redis).database(&sqlite.url());
    let watcher = plan.query("t", "SELECT * FROM t", "key = 'id'").start();
    watcher.wait_for_line("t/2 has a text that is not UTF-8");
    assert_eq!(entries(&redis, 0), [r#"t/1 {"id":1,"v":"a"}"#, r#"t/3 {"id":3,"v":"Infinity"}"#]);
    sqlite.run("DELETE FROM t WHERE id > 1; UPDATE t SET v = CAST('a' AS BLOB)");
    wait_for("a blob", || entries(&redis, 2) == [r#"t/1 {"id":1,"v":"YQ=="}"#, "t/3 -"]);
    let other = Sqlite::default();
    other.run("PRAGMA journal_mode = delete; CREATE TABLE t (id INTEGER, v); INSERT INTO t VALUES (1, 'b')");
    std::fs::rename(other.path(), sqlite.path()).unwrap();
    wait_for("the other file's", || entries(&redis, 4) == [r#"t/1 {"id":1,"v":"b"}"#]);
    std::fs::remove_file(sqlite.path()).unwrap();
    watcher.wait_for_line("unable to open database file");
    watcher.wait_for_runs("t", "failed");
    assert_eq!(entries(&redis, 5), [""; 0], "nothing is retracted because a database is not there");
}

#[test]
fn once_is_once_and_a_dry_run_changes_nothing() {
    let (sqlite, redis) = (Sqlite::default(), Redis::start());
    sqlite.run(MONITORS);
    sqlite.run("INSERT INTO monitors VALUES (1, 'a', true)");
    let plan = Watcher::on_stream(&redis).database(&sqlite.url()).query("monitors", ALL, "key = 'id'");
    let dry = || String::from_utf8(plan.run(&["--once", "--dry-run"]).stdout).unwrap();
    let line = r#"{"query":"monitors","kind":"changed","channel":"monitors/1","data":{"id":1,"name":"a","up":true}}"#;
    assert_eq!(dry(), format!("{line}\n"));
    assert_eq!(dry(), format!("{line}\n"));
    assert_eq!(entries(&redis, 0), [""; 0]);
    assert!(plan.run(&["--once"]).status.success());
    assert_eq!(entries(&redis, 0), [r#"monitors/1 {"id":1,"name":"a","up":true}"#]);
    assert_eq!(dry(), "");
    assert!(plan.run(&["--once"]).status.success());
    assert_eq!(entries(&redis, 1), [""; 0]);
    // Beside one that watches it does nothing, and says so.
    let watcher = plan.start();
    watcher.wait_until_active();
    let ran = plan.run(&["--once"]);
    assert_eq!(ran.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&ran.stderr).contains("another process watches"), "{ran:?}");
}

#[test]
fn a_configuration_without_queries_is_a_bad_one() {
    let ran = std::process::Command::new(binary()).arg("watch").output().unwrap();
    assert_eq!(ran.status.code(), Some(78));
    assert!(String::from_utf8_lossy(&ran.stderr).contains("[[watch.queries]]"), "{ran:?}");
}
