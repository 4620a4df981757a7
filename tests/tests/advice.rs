//! Which transport the gateway recommends, by what it observes.

use serde_json::{Value, json};
use tests::{Gateway, http, wait_for};

fn advice(gateway: &Gateway, query: &str) -> Value {
    let answer = gateway.get(&format!("/advice?{query}"));
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("cache-control"), Some("private, no-store"));
    answer.json()
}

#[test]
fn of_what_nobody_knows_anything_it_is_said_to_begin_with_polling() {
    let gateway = Gateway::embedded();
    let reader = gateway.listen("channel=a&transport=sse");
    assert_eq!(
        advice(&gateway, "channel=a&channel=never/*"),
        json!({"transport": "poll", "interval": 15, "observed": {"interval": null, "sessions": 1}})
    );
    drop(reader);
    wait_for("the session to go", || advice(&gateway, "channel=a")["observed"]["sessions"] == 0);
}

#[test]
fn what_is_published_often_is_best_read_from_a_stream() {
    let gateway = Gateway::embedded();
    gateway.post("channel=once", "x");
    for number in 0..5 {
        gateway.post("channel=fast/1", &number.to_string());
    }
    for query in ["channel=fast/1", "channel=fast/*", "channel=quiet&channel=fast/1&channel=f*"] {
        wait_for("the publications to count", || advice(&gateway, query)["transport"] == "websocket");
        let observed = advice(&gateway, query)["observed"]["interval"].as_f64().unwrap();
        assert!(observed < 1.0, "{observed}");
    }
    assert_eq!(advice(&gateway, "channel=once")["transport"], "poll");
    // As time goes by without one, it is judged slower, ...
    let patient = || advice(&gateway, "channel=fast/1")["transport"] == "sse";
    wait_for("it to be judged slower", patient);
    // ... and a page that bears older data polls in any case.
    let calm = advice(&gateway, "channel=fast/1&freshness=30");
    assert_eq!((&calm["transport"], &calm["interval"]), (&json!("poll"), &json!(30)));
    assert_eq!(advice(&gateway, "channel=once&freshness=2.5")["transport"], "sse");
    assert_eq!(advice(&gateway, "channel=once&publish=true")["transport"], "websocket");
}

#[test]
fn bad_questions_are_refused_with_a_reason() {
    let gateway = Gateway::plan().rules("[[channels]]\nmatch = \"open\"\nsubscribe = \"anyone\"").start();
    let check = |method, query: &str, status, code| {
        let path = format!("/advice?{query}");
        let answer = http::request(gateway.public(), method, &path, &[], b"");
        assert_eq!((answer.status, &*answer.error_code()), (status, code), "{query}");
    };
    check("GET", "", 400, "no_channel");
    check("GET", "channels=a", 400, "bad_parameter");
    check("GET", "channel=open&freshness=soon", 400, "bad_value");
    check("GET", "channel=open&freshness=-1", 400, "bad_value");
    check("GET", "channel=closed", 403, "forbidden");
    check("POST", "channel=open", 405, "method");
    assert_eq!(advice(&gateway, "channel=open")["transport"], "poll");
    let head = http::request(gateway.public(), "HEAD", "/advice?channel=open", &[], b"");
    assert_eq!((head.status, head.body.len()), (200, 0));
}
