//! What a service manager is told, and what the unit that is shipped says.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use tests::{Gateway, Manager, Redis, Stall, gateway::Plan, http, wait_for};

fn told(manager: &Manager, plan: Plan) -> Plan {
    plan.variable("NOTIFY_SOCKET", manager.path().to_str().expect("the path is text"))
}

#[test]
fn ready_reloading_and_stopping_are_told_in_order() {
    let manager = Manager::start();
    let mut gateway = told(&manager, Gateway::plan()).set("drain.spread", "\"2s\"").start();
    assert_eq!(manager.next_state(), ["READY=1"]);
    assert!(gateway.reload(|plan| plan.set("sessions.heartbeat", "\"5s\"")));
    let reloading = manager.next_state();
    assert_eq!(reloading[0], "RELOADING=1");
    let at: u64 = reloading[1].strip_prefix("MONOTONIC_USEC=").expect("the time").parse().expect("a number");
    assert!(at > 0);
    assert_eq!(manager.next_state(), ["READY=1", "STATUS=ready; the configuration was read again"]);
    // A reload cannot fail for the manager: it would wait for the end of it.
    assert!(!gateway.reload_text("nonsense"));
    assert_eq!(manager.next_state()[0], "RELOADING=1");
    let reloaded = manager.next_state();
    assert!(reloaded[0] == "READY=1" && reloaded[1].contains("not valid"), "{reloaded:?}");
    gateway.drain();
    // No delay, two seconds of byes, three for last words, and as many to spare.
    assert_eq!(manager.next_state(), ["STOPPING=1", "STATUS=draining", "EXTEND_TIMEOUT_USEC=8000000"]);
    assert_eq!(gateway.process().wait().code(), Some(0));
}

#[test]
fn a_gateway_without_its_broker_says_so_and_is_not_ready() {
    let redis = Redis::start();
    let manager = Manager::start();
    let mut gateway = told(&manager, Gateway::plan_on(1)).launch();
    while !manager.next().iter().any(|line| line.starts_with("STATUS=starting; broker: trouble: ")) {}
    // Nor is it after a reload, which the manager has not asked for.
    assert!(gateway.reload(|plan| plan.set("sessions.heartbeat", "\"5s\"")));
    gateway.drain();
    assert_eq!(manager.next_state()[0], "STOPPING=1");

    let _gateway = told(&manager, Gateway::plan_on(redis.port())).start();
    assert_eq!(manager.next_state(), ["READY=1"]);
    manager.wait_for("STATUS=ready; broker: ok");
}

#[test]
fn signs_of_life_come_faster_than_the_watchdog_wants_them_if_it_does() {
    let manager = Manager::start();
    let _gateway = told(&manager, Gateway::plan()).variable("WATCHDOG_USEC", "600000").start();
    manager.wait_for("READY=1");
    let began = Instant::now();
    for _ in 0..10 {
        manager.wait_for("WATCHDOG=1");
    }
    let took = began.elapsed();
    // Ten at a third of the time each.
    assert!(took >= Duration::from_millis(1_500) && took <= Duration::from_secs(6), "{took:?}");

    let unwatched = Manager::start();
    let mut gateway = told(&unwatched, Gateway::plan())
        .variable("WATCHDOG_USEC", "600000")
        .variable("WATCHDOG_PID", "1")
        .start();
    assert!(gateway.reload(|plan| plan));
    gateway.drain();
    loop {
        let message = unwatched.next();
        assert!(!message.contains(&"WATCHDOG=1".to_owned()), "the watchdog watches another process");
        if message[0] == "STOPPING=1" {
            break;
        }
    }
}

#[test]
fn a_shard_that_is_stuck_gives_no_sign_of_life_until_it_goes_on() {
    let manager = Manager::start();
    let plan = told(&manager, Gateway::plan()).variable("WATCHDOG_USEC", "300000").set("listen.shards", "2");
    let mut gateway = plan.launch_by(Stall::consenting());
    manager.wait_for("WATCHDOG=1");
    let stall = Stall::of(gateway.process().pid(), "shard-1");
    let health = |gateway: &Gateway| http::request(gateway.admin(), "GET", "/healthz", &[], b"").status;
    wait_for("the shard to be missed", || health(&gateway) == 503);
    // A sign would have come ten times over.
    let last = manager.until_quiet(Duration::from_secs(1));
    assert!(last.iter().any(|message| message == &["WATCHDOG=1"]), "until it was missed: {last:?}");
    drop(stall);
    manager.wait_for("WATCHDOG=1");
    assert_eq!(health(&gateway), 200);
}

#[test]
fn the_unit_gives_a_drain_its_time_and_does_not_repeat_a_bad_configuration() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/systemd/fanfare.service");
    let unit = fs::read_to_string(path).expect("the unit is there");
    let value = |key: &str| {
        let line = unit.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        line.unwrap_or_else(|| panic!("{key} in the unit")).to_owned()
    };
    assert_eq!(value("Type"), "notify-reload");
    assert_eq!(value("RestartPreventExitStatus"), "78");
    // Five seconds of delay, twenty of byes, three for last words: the defaults.
    assert!(value("TimeoutStopSec").parse::<u64>().expect("seconds") > 28);
    assert!(value("LimitNOFILE").parse::<u64>().expect("a number") >= 1_000_000);
}
