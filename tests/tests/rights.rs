//! A Redis user with few rights: what is denied is said at the start, with the rule that grants it.

use tests::{
    Gateway, Redis, Sqlite,
    gateway::{Plan, binary},
    wait_for,
};

/// The rules of the README, by kind.
fn rules(kind: &str) -> Vec<String> {
    let readme = include_str!("../../README.md");
    let section = readme.split("## Redis as you run it").nth(1).expect("the README says it");
    let line = section
        .lines()
        .map(str::trim)
        .filter(|line| line.starts_with("ACL SETUSER"))
        .nth(usize::from(kind == "redis-stream"))
        .expect("there is a rule for each kind");
    words(line).split_off(3)
}

/// The words of a command as a shell reads them, as far as it is used here.
fn words(command: &str) -> Vec<String> {
    command.split_whitespace().map(|word| word.trim_matches('\'').to_owned()).collect()
}

/// Redis with a user `gw` that has these rights only.
fn redis_with(rules: &[String], changes: &[&str]) -> Redis {
    let redis = Redis::start();
    let mut words = vec!["ACL", "SETUSER", "gw", "reset"];
    words.extend(rules.iter().map(String::as_str));
    words.extend(["on", ">secret"]);
    words.extend(changes);
    redis.command(&words);
    redis
}

fn plan(redis: &Redis, kind: &str) -> Plan {
    Gateway::plan_on(redis.port())
        .set("broker.kind", &format!("{kind:?}"))
        .set("broker.redis.url", &format!("\"redis://gw:secret@127.0.0.1:{}\"", redis.port()))
}

fn expect_delivery(gateway: &Gateway) {
    let mut browser = gateway.listen("channel=a");
    let answer = gateway.post("channel=a", "hello");
    assert!(answer.status < 300, "{}", answer.text());
    browser.expect("hello");
}

#[test]
fn the_rule_in_the_readme_is_enough_and_nothing_is_complained_about() {
    for kind in ["redis-pubsub", "redis-stream"] {
        let redis = redis_with(&rules(kind), &[]);
        let gateway = plan(&redis, kind).start();
        expect_delivery(&gateway);
        assert!(!gateway.log().contains("ACL SETUSER"), "{}", gateway.log());
        assert!(!gateway.log().contains("NOPERM"), "{}", gateway.log());
    }
}

#[test]
fn presence_says_what_it_needs_when_it_is_first_used() {
    let redis = redis_with(&rules("redis-stream"), &[]);
    let gateway = plan(&redis, "redis-stream").start();
    let _member = gateway.listen("channel=a&transport=sse&member=%7B%7D");
    let grant = words(&gateway.wait_for_line("grant what is missing: "));
    assert_eq!(gateway.get("/presence?channel=a").status, 503);
    redis.command(&grant.iter().map(String::as_str).collect::<Vec<_>>());
    wait_for("it to be told", || {
        let answer = gateway.get("/presence?channel=a");
        answer.status == 200 && answer.json()["count"] == 1
    });
    gateway.wait_for_metric("fanfare_presence_ok", 1.0);
}

#[test]
fn what_cannot_be_done_without_ends_the_start_and_what_is_said_grants_it() {
    let check = |kind: &str, change: &str| {
        let redis = redis_with(&rules(kind), &[change]);
        let mut refused = plan(&redis, kind).launch();
        assert_eq!(refused.process().wait().code(), Some(1), "{kind} {change}: {}", refused.log());
        let grant = refused.process().wait_for_line("grant what is missing: ");
        let grant = words(&grant);
        assert_eq!(grant[..3], ["ACL", "SETUSER", "gw"]);
        redis.command(&grant.iter().map(String::as_str).collect::<Vec<_>>());
        expect_delivery(&plan(&redis, kind).start());
    };
    for change in ["-psubscribe", "-publish", "resetchannels"] {
        check("redis-pubsub", change);
    }
    for change in ["-xread", "-xrange", "-xrevrange", "-xinfo", "resetkeys"] {
        check("redis-stream", change);
    }
}

#[test]
fn a_database_that_may_not_be_selected_is_said() {
    let redis = redis_with(&rules("redis-stream"), &[]);
    let url = format!("\"redis://gw:secret@127.0.0.1:{}/1\"", redis.port());
    let mut gateway = plan(&redis, "redis-stream").set("broker.redis.url", &url).launch();
    assert_eq!(gateway.process().wait().code(), Some(1));
    assert!(gateway.log().contains("ACL SETUSER gw +select"), "{}", gateway.log());
}

#[test]
fn what_can_be_done_without_is_one_warning_with_the_rule() {
    let check = |kind: &str, changes: &[&str], remedy: &str| {
        let redis = redis_with(&rules(kind), changes);
        let gateway = plan(&redis, kind).start();
        let log = gateway.log();
        let warnings: Vec<_> = log.lines().filter(|line| line.contains("has few rights")).collect();
        assert_eq!(warnings.len(), 1, "{log}");
        assert!(warnings[0].contains(remedy), "{remedy}: {log}");
        let mut browser = gateway.listen("channel=a");
        match kind {
            "redis-stream" => drop(redis.add("a", "hello")),
            _ => drop(redis.publish("a", "hello")),
        }
        browser.expect("hello");
    };
    check("redis-pubsub", &["-info", "resetkeys"], "ACL SETUSER gw +info '~fanfare:*'");
    check(
        "redis-stream",
        &["-info", "-time", "-xtrim", "-xadd", "-psubscribe"],
        "ACL SETUSER gw +info +psubscribe +time +xadd +xtrim",
    );
}

#[test]
fn a_wrong_password_is_said_at_once() {
    let redis = redis_with(&rules("redis-stream"), &[]);
    let url = format!("\"redis://gw:wrong@127.0.0.1:{}\"", redis.port());
    let mut gateway = plan(&redis, "redis-stream").set("broker.redis.url", &url).launch();
    assert_eq!(gateway.process().wait().code(), Some(1));
    assert!(gateway.log().contains("WRONGPASS") && !gateway.log().contains("gw:wrong"), "{}", gateway.log());
}

#[test]
fn settings_that_will_hurt_are_warned_about_with_what_to_do() {
    let redis = Redis::with(&["--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"]);
    let pubsub = Gateway::on(&redis);
    let stream = Gateway::on_stream(&redis);
    for part in ["32.0 MB behind", "client-output-buffer-limit 'pubsub "] {
        wait_for(part, || pubsub.log().contains(part));
    }
    for part in ["maxmemory-policy is allkeys-lru", "CONFIG SET appendonly yes"] {
        wait_for(part, || stream.log().contains(part));
    }
    assert!(!stream.log().contains("client-output-buffer-limit"));
    // Where all is well, nothing is said.
    let redis = Redis::durable();
    redis.command(&["CONFIG", "SET", "client-output-buffer-limit", "pubsub 256mb 64mb 60"]);
    for kind in ["redis-stream", "redis-pubsub"] {
        let gateway = Gateway::plan_on(redis.port()).set("broker.kind", &format!("{kind:?}")).start();
        assert!(!gateway.log().contains("WARN"), "{}", gateway.log());
    }
}

#[test]
fn a_watcher_needs_no_more_than_the_doctor_says() {
    let sqlite = Sqlite::default();
    sqlite.run("CREATE TABLE t (id INTEGER PRIMARY KEY); INSERT INTO t VALUES (1), (2)");
    for (kind, listen) in [("redis-pubsub", "+psubscribe"), ("redis-stream", "+xread")] {
        let redis = redis_with(&[], &[]);
        let url = format!("redis://gw:secret@127.0.0.1:{}", redis.port());
        let file = tempfile::NamedTempFile::new().unwrap();
        let text = format!(
            "[broker]\nkind = {kind:?}\nredis.url = {url:?}\n[watch]\nadmin = \"127.0.0.1:0\"\ndatabase = {:?}\n\
             [[watch.queries]]\nname = \"t\"\nsql = \"SELECT * FROM t\"\nkey = \"id\"\n",
            sqlite.url()
        );
        std::fs::write(file.path(), text).unwrap();
        let fanfare = |arguments: &[&str]| {
            let ran = std::process::Command::new(binary())
                .args(arguments)
                .arg("--config")
                .arg(file.path())
                .output();
            let ran = ran.unwrap();
            format!("{}{}", String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr))
        };
        let report = fanfare(&["doctor", "--seconds", "0"]);
        // First comes what is missing, at the end all.
        let mut rules = report.lines().filter_map(|line| line.split_once("ACL SETUSER gw "));
        let rule = rules.next_back().unwrap_or_else(|| panic!("{report}")).1;
        let mut words = vec!["ACL", "SETUSER", "gw", "reset", "on", ">secret"];
        let rule = self::words(rule);
        words.extend(rule.iter().map(String::as_str));
        redis.command(&words);
        // What it takes to listen is the gateway's alone.
        redis.command(&["ACL", "SETUSER", "gw", &listen.replace('+', "-")]);
        let gateway = Gateway::plan_on(redis.port()).set("broker.kind", &format!("{kind:?}")).start();
        let said = fanfare(&["watch", "--once"]);
        assert_eq!(said, "", "it has nothing to complain of");
        wait_for("both rows", || {
            gateway.get("/events?channel=t/*").text().matches("\"channel\"").count() == 2
        });
    }
}
