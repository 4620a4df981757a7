//! What becomes of publications, for operators who ask why one did not arrive.

use serde_json::{Value, json};
use tests::{Gateway, Listener, Operator, Redis, WebSocket, gateway::on_every_broker};

#[test]
fn it_shows_what_became_of_a_publication_on_a_channel() {
    on_every_broker(|gateway, _| {
        let mut listeners: Vec<_> = (0..3).map(|_| gateway.listen("channel=a")).collect();
        let mut operator = Operator::of(gateway);
        operator.trace("channel:a", |_| true);
        assert!(gateway.post("channel=a&event=disk", "hello").status < 300);
        assert!(gateway.post("channel=nobody", "hello").status < 300);
        listeners.iter_mut().for_each(|listener| drop(listener.expect("hello")));
        let trace = operator.trace("channel:a", |trace| trace["rows"][0]["written"] == 3);
        let row = &trace["rows"][0];
        assert_eq!(
            (&row["matched"], &row["event"], &row["bytes"]),
            (&json!(3), &json!("disk"), &json!(5)),
            "{row}"
        );
        assert_eq!(row["cursor"], json!(listeners[0].last_id));
        assert!(
            row["first_ms"].as_f64() <= row["last_ms"].as_f64() && row["first_ms"].as_f64() >= Some(0.0),
            "{row}"
        );
        assert_eq!((&trace["rows"][1], &trace["sessions"]), (&Value::Null, &json!([])));
        // Who comes later and is given it, is counted apart.
        let mut late = gateway.listen("channel=a&since=earliest");
        late.expect("hello");
        let mut another = gateway.listen("channel=a&channel=zz&since=earliest");
        another.expect("hello");
        operator.trace("channel:a", |trace| trace["rows"][0]["later"] == 2);
        // As is who is given it in an answer.
        assert_eq!(gateway.get("/events?channel=a&since=earliest").status, 200);
        let mut socket = WebSocket::enter(gateway, "channel=zz");
        let subscribed = socket.ask(json!({ "subscribe": ["a"], "since": "earliest", "ref": 1 }));
        assert_eq!(subscribed["publications"][0]["data"], "hello");
        operator.trace("channel:a", |trace| trace["rows"][0]["answered"] == 2);
        let trace = operator.trace("channel:a", |trace| trace["rows"][0]["later"] == 2);
        assert_eq!(trace["rows"][0]["written"], 3, "{trace:#}");
        // And that nobody is there is said too.
        operator.trace("channel:nobody", |_| true);
        assert!(gateway.post("channel=nobody", "hello").status < 300);
        // An operator who looks on is no reader.
        let mut tail = Listener::open(operator.admin, "channel=nobody", None);
        assert!(gateway.post("channel=nobody", "again").status < 300);
        tail.expect("again");
        let trace = operator.trace("channel:nobody", |trace| trace["rows"][1]["matched"] == 0);
        assert_eq!(
            (&trace["rows"][0]["matched"], &trace["rows"][1]["written"]),
            (&json!(0), &json!(0)),
            "{trace:#}"
        );
    });
}

#[test]
fn it_shows_why_a_session_was_not_told() {
    let redis = Redis::start();
    let gateway = Gateway::plan_on_stream(redis.port()).set("sessions.write_timeout", "\"5m\"").start();
    let mut operator = Operator::of(&gateway);
    // One that reads nothing.
    let slow = gateway.listen("channel=slow");
    let id = operator.session("slow")["id"].as_str().expect("a name").to_owned();
    operator.trace(&format!("session:{id}"), |trace| trace["sessions"][0]["state"] == "live");
    let data = "x".repeat(60_000);
    let trace = loop {
        assert_eq!(gateway.post("channel=slow", &data).status, 200);
        let trace = operator.trace(&format!("session:{id}"), |_| true);
        if trace["sessions"][0]["state"] == "blocked" {
            break trace;
        }
    };
    let taken = |row: &Value| (row["matched"].as_u64(), row["written"].as_u64());
    assert_eq!(taken(&trace["rows"][0]), (Some(1), Some(1)), "{trace:#}");
    let unfinished = operator.trace("channel:slow", |trace| trace["sessions"][0]["state"] == "blocked");
    assert_eq!(unfinished["sessions"][0]["id"], json!(id));
    // What it misses since it cannot follow.
    assert_eq!(gateway.post("channel=slow", "the next").status, 200);
    let trace = operator.trace(&format!("session:{id}"), |trace| {
        trace["rows"].as_array().is_some_and(|rows| rows.last().is_some_and(|row| row["bytes"] == 8))
    });
    let last = trace["rows"].as_array().and_then(|rows| rows.last()).expect("a row");
    assert_eq!(taken(last), (Some(1), Some(0)), "{trace:#}");
    let behind = &trace["sessions"][0]["behind"];
    let unread = |row: &&Value| row["written"] == 0;
    let rows = trace["rows"].as_array().map_or(0, |rows| rows.iter().filter(unread).count());
    assert_eq!(behind.as_u64(), Some(rows as u64), "{trace:#}");
    drop(slow);
    let trace = operator.trace(&format!("session:{id}"), |trace| trace["ended"] == "gone");
    assert_eq!(trace["sessions"], json!([]));
    // What it has published itself.
    let mut socket = WebSocket::enter(&gateway, "channel=own");
    let id = operator.session("own")["id"].as_str().expect("a name").to_owned();
    operator.trace(&format!("session:{id}"), |_| true);
    socket.ask(json!({ "publish": { "channel": "own", "data": "mine" }, "echo": false, "ref": 1 }));
    operator.trace(&format!("session:{id}"), |trace| trace["rows"][0]["own"] == 1);
}

/// On one channel, and the one in the middle on another too: there it is the latest.
fn publish_three(redis: &Redis) {
    redis.add("a", "old");
    redis.add_fields(&[("channels", r#"["a","b"]"#), ("data", "both")]);
    redis.add("a", "new");
}

#[test]
fn it_shows_to_whom_a_latest_value_was_given() {
    let redis = Redis::start();
    let gateway = Gateway::on_stream(&redis);
    let mut operator = Operator::of(&gateway);
    operator.trace("channel:a", |_| true);
    publish_three(&redis);
    operator.trace("channel:a", |trace| trace["rows"][2]["matched"] == 0);
    let mut newcomer = gateway.listen("channel=a&channel=b&since=last");
    newcomer.expect("both");
    newcomer.expect("new");
    let trace = operator.trace("channel:a", |trace| trace["rows"][2]["later"] == 1);
    let later: Vec<_> = trace["rows"].as_array().expect("rows").iter().map(|row| &row["later"]).collect();
    assert_eq!(later, [0, 1, 1], "{trace:#}");
}

#[test]
fn it_shows_what_was_superseded_for_who_was_too_slow() {
    let rule =
        "[[channels]]\nmatch = \"*\"\nsubscribe = \"anyone\"\npublish = \"anyone\"\nwhen_slow = \"latest\"\n";
    let redis = Redis::start();
    let plan = Gateway::plan_on_stream(redis.port()).set("sessions.write_timeout", "\"5m\"").rules(rule);
    let gateway = plan.start();
    let mut operator = Operator::of(&gateway);
    let mut slow = gateway.listen("channel=a&channel=b");
    let data = "x".repeat(60_000);
    while operator
        .wait_for("the session", |overview| overview["sessions"][0]["state"].as_str().map(str::to_owned))
        != "blocked"
    {
        (0..20).for_each(|_| drop(gateway.post("channel=a", &data)));
    }
    operator.trace("channel:a", |_| true);
    publish_three(&redis);
    while slow.next_but_cursor().data != "new" {}
    let trace = operator.trace("channel:a", |trace| trace["rows"][2]["written"] == 1);
    let fates = |name: &str| -> Vec<_> {
        trace["rows"].as_array().expect("rows").iter().map(|row| row[name].as_u64()).collect()
    };
    assert_eq!(fates("written"), [Some(0), Some(1), Some(1)], "{trace:#}");
    assert_eq!(fates("superseded"), [Some(1), Some(0), Some(0)], "{trace:#}");
}
