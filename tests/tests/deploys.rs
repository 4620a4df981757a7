//! Deploys: sessions that end in time and come back, a crowd that comes at once, and a configuration
//! that changes while all go on.

use std::{
    thread,
    time::{Duration, Instant},
};

use tests::{Event, Gateway, Listener, PATIENCE, Redis, http, wait_for, wait_some};

const LIFETIMES: &str = "fanfare_sessions_closed_total{reason=\"lifetime\",transport=\"sse\"}";
const SESSIONS: &str = "fanfare_sessions{transport=\"sse\"}";
const REFUSED: &str = "fanfare_rejected_total{reason=\"overloaded\"}";

/// A newcomer, let in or not, and the first thing that it is told.
fn come(gateway: &Gateway) -> (Listener, Event) {
    let mut newcomer = Listener::connect(gateway.public(), "channel=a", None, "1.1");
    assert!(newcomer.head.starts_with("HTTP/1.1 200"), "{}", newcomer.head);
    let first = newcomer.next();
    (newcomer, first)
}

#[test]
fn a_lifetime_ends_with_a_bye_and_the_session_resumes_without_loss() {
    let gateway = Gateway::plan()
        .set("sessions.max_lifetime", "\"1s\"")
        .set("sessions.heartbeat", "\"500ms\"")
        .set("sessions.retry", "\"2s\"")
        .start();
    let mut browser = gateway.listen("channel=a");
    let (mut sent, mut received, mut lives) = (0, 0, 0);
    let began = Instant::now();
    let mut publish = || {
        gateway.post("channel=a", &sent.to_string());
        sent += 1;
    };
    while lives < 4 {
        assert!(began.elapsed() < PATIENCE, "{lives} lives");
        publish();
        let event = browser.next_but_cursor();
        if event.name != "fanfare.bye" {
            assert_eq!(event.data, received.to_string());
            received += 1;
            continue;
        }
        assert_eq!(event.data, r#"{"reason":"lifetime","reconnect":true}"#);
        let retry = event.retry.expect("a retry");
        assert!((100..=300).contains(&retry), "soon, but not at once: {retry}");
        browser.expect_end();
        // What is published while it is away waits for it.
        publish();
        browser = gateway.resume("channel=a", &browser.cursor());
        lives += 1;
    }
    browser.expect_all(received..sent);
    assert_eq!(gateway.metric("fanfare_resumes_total{outcome=\"complete\"}"), 4.0);
    assert_eq!(gateway.metric(LIFETIMES), 4.0);
}

#[test]
fn a_reader_in_the_middle_of_a_frame_is_not_ended_by_its_age() {
    let gateway = Gateway::plan()
        .set("sessions.max_lifetime", "\"500ms\"")
        .set("sessions.write_timeout", "\"3s\"")
        .set("sessions.heartbeat", "\"500ms\"")
        .start();
    let stalled = gateway.listen("channel=a");
    for _ in 0..100 {
        gateway.post("channel=a", &"x".repeat(60_000));
    }
    gateway.wait_for_metric("fanfare_sessions_closed_total{reason=\"slow\",transport=\"sse\"}", 1.0);
    assert_eq!(gateway.metric(LIFETIMES), 0.0);
    drop(stalled);
}

#[test]
fn sessions_that_came_together_do_not_end_together() {
    let gateway =
        Gateway::plan().set("sessions.max_lifetime", "\"4s\"").set("sessions.heartbeat", "\"1s\"").start();
    let began = Instant::now();
    let crowd: Vec<Listener> = (0..100).map(|_| gateway.listen("channel=a")).collect();
    assert!(began.elapsed() < Duration::from_secs(2), "they came together");
    let mut when = |count: f64| {
        wait_for(&format!("{count} to have left"), || gateway.metric(LIFETIMES) >= count);
        began.elapsed().as_secs_f64()
    };
    let quarters = [1.0, 25.0, 50.0, 75.0, 100.0].map(&mut when);
    // Evenly from the second second to the fourth, to a turn of the shard and with a busy machine's delay.
    assert!(quarters[0] >= 1.9, "{quarters:?}");
    assert!(quarters[3] - quarters[1] >= 0.5, "{quarters:?}");
    assert!(quarters[4] - quarters[0] >= 1.0, "{quarters:?}");
    drop(crowd);
}

#[test]
fn a_lifetime_that_is_set_later_begins_for_all_when_it_is_set() {
    let mut gateway =
        Gateway::plan().set("sessions.max_lifetime", "\"0s\"").set("sessions.heartbeat", "\"500ms\"").start();
    let mut crowd: Vec<Listener> = (0..50).map(|_| gateway.listen("channel=a")).collect();
    // At least 375 ms each: all have lasted for longer than they may later.
    for _ in 0..6 {
        crowd[49].heartbeat();
    }
    let began = Instant::now();
    assert!(gateway.reload(|plan| plan.set("sessions.max_lifetime", "\"2s\"")));
    wait_for("the first to leave", || gateway.metric(LIFETIMES) > 0.0);
    assert!(began.elapsed() >= Duration::from_secs(1), "{:?}", began.elapsed());
    gateway.wait_for_metric(LIFETIMES, 50.0);
    assert!(began.elapsed() >= Duration::from_millis(1_500), "{:?}", began.elapsed());
}

#[test]
fn a_crowd_is_let_in_at_the_rate_that_is_set_and_all_get_in() {
    let gateway =
        Gateway::plan().set("sessions.max_new_per_second", "20").set("sessions.retry", "\"100ms\"").start();
    let began = Instant::now();
    let mut retries = Vec::new();
    let mut inside = Vec::new();
    for _ in 0..80 {
        let (newcomer, first) = come(&gateway);
        match &*first.name {
            "fanfare.open" => inside.push(newcomer),
            _ => {
                assert_eq!(first.data, r#"{"reason":"overloaded","reconnect":true}"#);
                assert_eq!(first.id, None, "it was never admitted");
                retries.push(first.retry.expect("a retry"));
            }
        }
    }
    let most = 20.0 + 20.0 * began.elapsed().as_secs_f64();
    assert!(inside.len() >= 20 && inside.len() as f64 <= most + 1.0, "{} came in", inside.len());
    assert_eq!(gateway.metric(REFUSED), retries.len() as f64);
    // Polls are no sessions.
    assert_eq!(gateway.get("/events?channel=a").status, 200);
    // They are asked back one after the other: a twentieth of a second each, and the jitter.
    let passed = began.elapsed().as_millis() as u64;
    for (index, retry) in retries.iter().enumerate() {
        let turn = (index as u64 + 1) * 50;
        assert!(*retry <= turn + 150 && *retry + passed >= turn, "{index}: {retry} after {passed}");
    }
    // Each does as it is asked, as browsers do.
    let come_back = |mut retry: u64| loop {
        thread::sleep(Duration::from_millis(retry));
        let (newcomer, first) = come(&gateway);
        match first.name.as_str() {
            "fanfare.open" => return newcomer,
            _ => retry = first.retry.expect("a retry"),
        }
    };
    thread::scope(|scope| {
        let returning: Vec<_> = retries.iter().map(|retry| scope.spawn(move || come_back(*retry))).collect();
        inside.extend(returning.into_iter().map(|browser| browser.join().expect("it came in")));
        gateway.wait_for_metric(SESSIONS, 80.0);
    });
    assert!(began.elapsed() >= Duration::from_secs(2), "60 at 20 a second");
    gateway.post("channel=a", "all");
    inside.iter_mut().for_each(|browser| drop(browser.expect("all")));
}

#[test]
fn the_limits_of_a_running_gateway_can_be_changed() {
    let mut gateway = Gateway::plan().set("sessions.max", "1").start();
    let mut first = gateway.listen("channel=a&channel=b");
    assert_eq!(come(&gateway).1.name, "fanfare.bye");
    assert!(gateway.reload(|plan| plan.set("sessions.max", "2")));
    assert_eq!(gateway.metric("fanfare_sessions_max"), 2.0);
    let (mut second, open) = come(&gateway);
    assert_eq!(open.name, "fanfare.open");
    // Who is here stays, also where it would not be let in any more.
    assert!(gateway.reload(|plan| plan.set("sessions.max", "1").set("sessions.max_channels", "1")));
    wait_for("the new limit to hold", || {
        gateway.get("/events?channel=a&channel=b").status == 400 && come(&gateway).1.name == "fanfare.bye"
    });
    gateway.post("channel=a", "hello");
    let id = first.expect("hello").id.expect("an id");
    second.expect("hello");
    drop((first, second));
    // History goes by the new limits at once.
    (0..5).for_each(|number| drop(gateway.post("channel=a", &number.to_string())));
    assert!(gateway.reload(|plan| plan.set("history.keep_count", "2")));
    gateway.wait_for_metric("fanfare_history_publications", 2.0);
    gateway.wait_for_metric(SESSIONS, 0.0);
    let mut returned = gateway.resume("channel=a", &id);
    returned.expect_gap("trimmed");
    returned.expect_all([3, 4]);
}

#[test]
fn rules_change_for_newcomers_and_publications_and_sessions_stay() {
    let open = "[[channels]]\nmatch = \"a\"\nsubscribe = \"anyone\"\npublish = \"anyone\"\n";
    let mut gateway = Gateway::plan().rules(open).start();
    let mut stays = gateway.listen("channel=a");
    assert_eq!(gateway.get("/events?channel=b").status, 403);
    let rules = "[[channels]]\nmatch = \"a\"\npublish = \"anyone\"\ndata = \"json\"\n\
                 [[channels]]\nmatch = \"b\"\nsubscribe = \"anyone\"\n";
    assert!(gateway.reload(|plan| plan.without_rules().rules(rules)));
    wait_for("b to be open", || gateway.get("/events?channel=b").status == 200);
    assert_eq!(gateway.get("/events?channel=a").status, 403);
    assert_eq!(gateway.post("channel=a", "no json").error_code(), "not_json");
    assert_eq!(gateway.post("channel=a", "{}").status, 200);
    stays.expect("{}");
    assert!(gateway.log().contains("open: b: subscribe anyone, publish nobody"), "{}", gateway.log());
    // Without rules, all is open to this machine again.
    assert!(gateway.reload(tests::gateway::Plan::without_rules));
    wait_for("a to be open", || gateway.get("/events?channel=a").status == 200);
}

#[test]
fn rules_change_for_what_comes_through_redis() {
    let redis = Redis::start();
    let rule = "[[channels]]\nmatch = \"*\"\nsubscribe = \"anyone\"\n";
    let mut gateway = Gateway::plan_on(redis.port()).rules(rule).start();
    let mut browser = gateway.listen("channel=a&format=json");
    redis.publish("a", "1");
    assert_eq!(browser.next_but_cursor().data.matches(r#""data":"1""#).count(), 1);
    assert!(gateway.reload(|plan| plan.rules("data = \"json\"\n")));
    redis.publish("a", "no json");
    gateway.wait_for_metric("fanfare_publications_total{outcome=\"not_json\"}", 1.0);
    redis.publish("a", "2");
    let event = browser.next_but_cursor();
    assert!(event.data.contains(r#""data":2"#), "shown as the value that it is: {event:?}");
}

#[test]
fn readiness_takes_the_broker_into_account_when_it_is_told_to() {
    let mut redis = Redis::start();
    let mut gateway = Gateway::on(&redis);
    redis.kill();
    gateway.wait_for_metric("fanfare_broker_roundtrip_ok", 0.0);
    assert!(gateway.is_ready());
    assert!(gateway.reload(|plan| plan.set("broker.readiness", "true")));
    assert!(!gateway.is_ready());
}

#[test]
fn heartbeat_retry_log_level_and_origins_change_at_once() {
    let mut gateway = Gateway::plan().set("sessions.heartbeat", "\"1h\"").start();
    let mut browser = gateway.listen("channel=a");
    assert!(browser.opened.data.contains("3600000"), "{:?}", browser.opened);
    let origin = [("Origin", "https://app.example.com")];
    let allowed = |gateway: &Gateway| {
        let answer = http::request(gateway.public(), "GET", "/events?channel=a", &origin, b"");
        answer.header("access-control-allow-origin").is_some()
    };
    assert!(!allowed(&gateway));
    let refuse = |gateway: &Gateway| drop(gateway.get("/nothing/here"));
    refuse(&gateway);
    assert!(!gateway.log().contains("a request is refused"));
    assert!(gateway.reload(|plan| {
        plan.set("sessions.heartbeat", "\"300ms\"")
            .set("sessions.retry", "\"10ms\"")
            .set("log.level", "\"debug\"")
            .set("log.sessions", "true")
            .set("cors.origins", "[\"https://app.example.com\"]")
    }));
    // Also in a session that came before.
    assert!(browser.heartbeat().id.is_some());
    wait_for("the origin to be allowed", || allowed(&gateway));
    let newcomer = gateway.listen("channel=a");
    assert!(newcomer.opened.data.contains("\"heartbeat_ms\":300"), "{:?}", newcomer.opened);
    assert!(newcomer.opened.retry <= Some(15), "{:?}", newcomer.opened);
    refuse(&gateway);
    wait_for("the debug line", || gateway.log().contains("a request is refused"));
    drop(browser);
    wait_for("the session's line", || gateway.log().contains("a session ended"));
    let line = wait_some("the changes", || {
        gateway.log().lines().find(|line| line.contains("read again; changed")).map(str::to_owned)
    });
    for part in [
        "sessions.heartbeat = \"300ms\" (was \"1h\")",
        "log.level = \"debug\" (was \"info\")",
        "cors.origins = [\"https://app.example.com\"] (was [])",
    ] {
        assert!(line.contains(part), "{part}: {line}");
    }
    assert!(!gateway.log().contains("needs a restart"));
}

#[test]
fn what_needs_a_restart_is_named_without_secrets_and_the_rest_changes() {
    let mut gateway = Gateway::embedded();
    assert!(gateway.reload(|plan| {
        plan.set("listen.public", "\"127.0.0.1:1\"")
            .set("broker.redis.url", "\"redis://:secret@127.0.0.1:1\"")
            .set("log.format", "\"json\"")
            .set("sessions.heartbeat", "\"300ms\"")
    }));
    let named = |log: &str| {
        let line = log.lines().find(|line| line.contains("needs a restart")).map(str::to_owned);
        line.filter(|line| line.contains("WARN"))
    };
    let line = wait_some("the line", || named(&gateway.log()));
    for part in ["listen.public = \"127.0.0.1:1\" (was \"127.0.0.1:0\")", "broker.redis.url", "log.format"] {
        assert!(line.contains(part), "{part}: {line}");
    }
    assert!(!line.contains("heartbeat") && !gateway.log().contains("secret"), "{line}");
    let mut browser = gateway.listen("channel=a");
    assert!(browser.heartbeat().id.is_some());
    // It still does the next time, and no longer when the old values are back.
    let lines = |gateway: &Gateway| gateway.log().matches("needs a restart").count();
    assert!(gateway.reload(|plan| plan));
    wait_for("the second line", || lines(&gateway) == 2);
    assert!(gateway.reload(|plan| {
        plan.set("listen.public", "\"127.0.0.1:0\"")
            .set("broker.redis.url", "\"redis://127.0.0.1:6379\"")
            .set("log.format", "\"text\"")
    }));
    wait_for("the third answer", || gateway.log().contains("nothing to change"));
    assert_eq!(lines(&gateway), 2);
}

#[test]
fn a_broken_file_changes_nothing_and_is_told_with_every_problem() {
    let mut gateway = Gateway::embedded();
    let successful = "fanfare_config_last_reload_successful";
    let at = "fanfare_config_last_reload_success_timestamp_seconds";
    assert_eq!(gateway.metric(successful), 1.0);
    let started = gateway.metric(at);
    let mut browser = gateway.listen("channel=a");
    assert!(!gateway.reload_text("[sessions]\nheartbeet = \"1s\"\nretry = \"soon\"\nmax_channels = 1\n"));
    assert_eq!((gateway.metric(successful), gateway.metric(at)), (0.0, started));
    for part in ["what was in force stays", "did you mean sessions.heartbeat?", "sessions.retry = \"soon\""] {
        wait_for(part, || gateway.log().contains(part));
    }
    assert!(!gateway.reload_text("[sessions\n"));
    // Open to other machines without a rule: valid neither now nor after a restart.
    assert!(!gateway.reload(|plan| plan.set("listen.public", "\"0.0.0.0:0\"")));
    assert_eq!(gateway.get("/events?channel=a&channel=b").status, 200, "max_channels is what it was");
    gateway.post("channel=a", "still here");
    browser.expect("still here");
    assert!(gateway.reload(|plan| plan.set("listen.public", "\"127.0.0.1:0\"")));
    assert_eq!(gateway.metric(successful), 1.0);
    assert!(gateway.metric(at) > started);
}

#[test]
fn what_is_valid_only_after_the_restart_is_refused_until_then() {
    let rule = "[[channels]]\nmatch = \"*\"\nsubscribe = \"anyone\"\n";
    let mut gateway = Gateway::plan().set("listen.public", "\"0.0.0.0:0\"").rules(rule).start();
    // On loopback no rule is needed, but the listener stays where it is.
    assert!(!gateway.reload(|plan| plan.set("listen.public", "\"127.0.0.1:0\"").without_rules()));
    wait_for("the reason", || gateway.log().contains("checked with the old values"));
    assert_eq!(gateway.get("/events?channel=a").status, 200);
}

#[test]
fn a_hangup_neither_ends_a_drain_nor_a_gateway_that_is_starting() {
    let mut starting = Gateway::plan_on(1).launch();
    assert!(starting.reload(|plan| plan.set("sessions.heartbeat", "\"3s\"")));
    assert!(starting.process().is_running() && !starting.is_ready());

    let mut draining = Gateway::plan().set("drain.spread", "\"0s\"").set("drain.delay", "\"1s\"").start();
    let mut browser = draining.listen("channel=a");
    draining.drain();
    wait_for("the drain to begin", || !draining.is_ready());
    draining.process().signal(rustix::process::Signal::HUP);
    assert_eq!(browser.expect_control("bye")["reason"], "drain");
    assert_eq!(draining.process().wait().code(), Some(0));
    assert!(draining.log().contains("not read again while draining"), "{}", draining.log());
}
