//! Publishing over HTTP: several at once, and once however often it is asked for.

use serde_json::{Value, json};
use tests::{Answer, Gateway, Redis, gateway::on_every_broker, http, wait_for};

fn post(gateway: &Gateway, query: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    http::request(gateway.public(), "POST", &format!("/events{query}"), headers, body.as_bytes())
}

/// Publishes lines of JSON, and returns what became of each.
fn batch(gateway: &Gateway, headers: &[(&str, &str)], lines: &[Value]) -> Vec<Value> {
    let body: Vec<_> = lines.iter().map(Value::to_string).collect();
    let headers = [&[("Content-Type", "application/x-ndjson; charset=utf-8")], headers].concat();
    let answer = post(gateway, "", &headers, &body.join("\n"));
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json().as_array().expect("an array").clone()
}

#[test]
fn a_batch_is_published_in_order_and_each_line_has_its_result() {
    on_every_broker(|gateway, other| {
        let mut reader = other.listen("channel=*&format=json");
        let lines: Vec<_> =
            (0..100).map(|number| json!({"channel": "a", "data": number.to_string()})).collect();
        let results = batch(gateway, &[], &lines);
        assert_eq!(results.len(), lines.len());
        assert!(results.iter().all(|result| result["error"].is_null()), "{results:?}");
        for (number, result) in results.iter().enumerate() {
            let envelope: Value = serde_json::from_str(&reader.next_but_cursor().data).expect("an envelope");
            assert_eq!(envelope["data"], number.to_string());
            if let Some(id) = result.get("id") {
                assert_eq!(&envelope["id"], id);
            }
        }
        let mixed = [
            json!({"channel": "b", "event": "disk", "data": {"full": true}, "ttl": 60}),
            json!({"channel": "a*", "data": "x"}),
            json!({"channel": "a"}),
            json!({"chanel": "a", "data": "x"}),
            json!({"channel": "b", "retract": true}),
        ];
        let codes: Vec<_> = batch(gateway, &[], &mixed)
            .iter()
            .map(|result| result["error"]["code"].as_str().unwrap_or("ok").to_owned())
            .collect();
        assert_eq!(codes, ["ok", "bad_channel", "bad_message", "bad_message", "ok"]);
        let envelope: Value = serde_json::from_str(&reader.next_but_cursor().data).expect("an envelope");
        let shown = (&envelope["event"], &envelope["data"], &envelope["ttl"], &envelope["from"]);
        assert_eq!(shown, (&json!("disk"), &json!("{\"full\":true}"), &json!(60), &Value::Null));
        let envelope: Value = serde_json::from_str(&reader.next_but_cursor().data).expect("an envelope");
        assert_eq!(envelope["retract"], true);
    });
}

#[test]
fn what_is_wrong_with_a_batch_as_a_whole_is_said() {
    let gateway = Gateway::plan()
        .set("broker.max_batch_bytes", "200")
        .rules("[[channels]]\nmatch = \"open\"\npublish = \"anyone\"\n")
        .start();
    let ndjson = ("Content-Type", "application/x-ndjson");
    let check = |query: &str, body: &str, status: u16, code: &str| {
        let answer = post(&gateway, query, &[ndjson], body);
        assert_eq!((answer.status, &*answer.error_code()), (status, code), "{query}");
    };
    check("?channel=open", "{}", 400, "bad_request");
    check("", &"x".repeat(201), 413, "too_long");
    let foreign = post(&gateway, "", &[ndjson, ("Origin", "https://evil.example")], "{}");
    assert_eq!((foreign.status, &*foreign.error_code()), (403, "foreign_origin"));
    assert_eq!(post(&gateway, "", &[ndjson], "\n\n").json(), json!([]));
    let many = Gateway::embedded();
    let refused = post(&many, "", &[ndjson], &"x\n".repeat(10_001));
    assert_eq!((refused.status, &*refused.error_code()), (413, "too_many"));
    let results = post(&many, "", &[ndjson], &"x\n".repeat(10_000)).json();
    assert_eq!(results.as_array().map(Vec::len), Some(10_000));
    let lines = [json!({"channel": "closed", "data": "x"}), json!({"channel": "open", "data": "x"})];
    let results = batch(&gateway, &[], &lines);
    assert_eq!((&results[0]["error"]["code"], results[1]["id"].is_string()), (&json!("forbidden"), true));
    assert_eq!(gateway.metric("fanfare_rejected_total{reason=\"forbidden\"}"), 1.0);
}

#[test]
fn the_same_key_publishes_once_through_any_gateway() {
    on_every_broker(|one, other| {
        let mut reader = one.listen("channel=*");
        let key = [("Idempotency-Key", "\"order 1\"")];
        let first = post(one, "?channel=a", &key, "paid");
        assert!(first.status < 300 && first.header("idempotent-replayed").is_none(), "{first:?}");
        // A quoted key is the same as a bare one.
        let again = post(other, "?channel=a", &[("Idempotency-Key", "order 1")], "paid");
        assert_eq!((again.status, again.json()), (first.status, first.json()));
        assert_eq!(again.header("idempotent-replayed"), Some("true"));
        let changed = post(other, "?channel=a", &key, "cancelled");
        assert_eq!((changed.status, &*changed.error_code()), (422, "idempotency_key_reused"));
        // Each channel has its own keys, however channels and keys are spelled.
        assert!(post(other, "?channel=b", &key, "paid").status < 300);
        for (channel, key) in [("o", "x:1"), ("o:x", "1")] {
            assert!(
                post(one, &format!("?channel={channel}"), &[("Idempotency-Key", key)], channel).status < 300
            );
        }
        let line = json!({"channel": "c", "data": "1"});
        let results = batch(one, &key, &[line.clone(), line.clone()]);
        assert_eq!(batch(other, &key, &[line.clone(), line.clone()]), results);
        // Nothing was published now, or something was.
        let headers = [key[0], ("Content-Type", "application/x-ndjson")];
        let replayed = |count| {
            let body = format!("{line}\n").repeat(count);
            let answer = post(other, "", &headers, &body);
            answer.header("idempotent-replayed").map(str::to_owned)
        };
        assert_eq!([replayed(2), replayed(3)], [Some("true".to_owned()), None]);
        post(one, "?channel=a", &[], "the end");
        reader.expect_all(["paid", "paid", "o", "o:x", "1", "1", "1", "the end"]);
    });
}

#[test]
fn while_nobody_knows_what_became_of_it_it_is_not_published_again() {
    let redis = Redis::start();
    let gateway = Gateway::plan_on(redis.port()).set("broker.redis.timeout", "\"1s\"").start();
    let key = [("Idempotency-Key", "k")];
    redis.command(&["SET", "fanfare:@once:1:a:k", "0000000000000000", "PX", "60000"]);
    let reused = post(&gateway, "?channel=a", &key, "x");
    assert_eq!((reused.status, &*reused.error_code()), (422, "idempotency_key_reused"));
    assert!(post(&gateway, "?channel=b", &key, "x").status < 300);
    let done: Vec<u8> = match redis.command(&["GET", "fanfare:@once:1:b:k"]) {
        redis::Value::BulkString(done) => done,
        other => panic!("{other:?}"),
    };
    let done = String::from_utf8(done).expect("text");
    let (fingerprint, _) = done.split_once(' ').expect("what became of it");
    redis.command(&["SET", "fanfare:@once:1:b:k", fingerprint]);
    let underway = post(&gateway, "?channel=b", &key, "x");
    assert_eq!((underway.status, &*underway.error_code()), (409, "underway"));
    for bad in [String::new(), "x".repeat(256), "ä".to_owned()] {
        let refused = post(&gateway, "?channel=b", &[("Idempotency-Key", &bad)], "x");
        assert_eq!((refused.status, &*refused.error_code()), (400, "bad_idempotency_key"), "{bad:?}");
    }
    // Without a broker nothing is tried after the first.
    redis.freeze();
    let lines = [json!({"channel": "c", "data": "1"}), json!({"channel": "c", "data": "2"})];
    let results = batch(&gateway, &[], &lines);
    let codes: Vec<_> = results.iter().map(|result| result["error"]["code"].clone()).collect();
    assert_eq!(codes, ["broker", "not_tried"]);
    redis.thaw();
    // Nor behind one of which nobody knows: nothing overtakes it.
    let lines = [json!({"channel": "c", "data": "1"}), json!({"channel": "c", "data": "2"})];
    let codes = |results: &[Value]| -> Vec<Value> {
        results.iter().map(|result| result["error"]["code"].clone()).collect()
    };
    wait_for("Redis to be back", || codes(&batch(&gateway, &[], &lines)) == [Value::Null, Value::Null]);
    batch(&gateway, &key, &lines);
    let fingerprint = match redis.command(&["GET", "fanfare:@once:1:c:k\n0"]) {
        redis::Value::BulkString(done) => String::from_utf8(done).expect("text")[..16].to_owned(),
        other => panic!("{other:?}"),
    };
    redis.command(&["SET", "fanfare:@once:1:c:k\n0", &fingerprint]);
    assert_eq!(codes(&batch(&gateway, &key, &lines)), ["underway", "not_tried"]);
}

#[test]
fn what_redis_refuses_was_not_published_and_that_is_said() {
    let redis = Redis::start();
    let gateway = Gateway::on_stream(&redis);
    assert_eq!(gateway.post("channel=a", "before").status, 200);
    redis.command(&["CONFIG", "SET", "maxmemory", "1mb"]);
    let answer = gateway.post("channel=a", "full");
    assert_eq!((answer.status, &*answer.error_code()), (503, "broker"));
    assert!(answer.text().contains("was not published: OOM command not allowed"), "{}", answer.text());
    redis.command(&["CONFIG", "SET", "maxmemory", "0"]);
    assert_eq!(gateway.post("channel=a", "after").status, 200);
}
