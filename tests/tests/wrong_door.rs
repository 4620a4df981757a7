//! Publications by the door that a gateway does not watch: counted, and told with the command that
//! would have worked.

use tests::{Gateway, Redis, wait::wait_some, wait_for};

const WRONG: &str = r#"fanfare_publications_total{outcome="wrong_door"}"#;

#[test]
fn published_to_a_gateway_on_a_stream_it_is_told_how_to_add_it() {
    let redis = Redis::durable();
    let gateway = Gateway::on_stream(&redis);
    wait_for("somebody to listen at the wrong door", || redis.publish("alerts", "disk full") == 1);
    gateway.wait_for_metric(WRONG, 1.0);
    wait_for("the command", || {
        gateway.log().contains("XADD fanfare:@stream '*' channel alerts data 'disk full'")
    });
    redis.publish_raw(b"fanfare:@json", br#"{"channels":["a","b"],"data":1}"#);
    redis.publish_raw(b"fanfare:a*", b"not valid either");
    redis.publish_raw(b"fanfare:@control", b"Fanfare's own");
    redis.publish_raw(b"fanfare:@beacon", b"");
    redis.publish("a", &"x".repeat(1_000_000));
    gateway.wait_for_metric(WRONG, 4.0);
    // At a bounded rate, and without harm to what comes by the right one.
    let told = gateway.log().lines().filter(|line| line.contains("which only gateways of")).count();
    assert_eq!(told, 1, "{}", gateway.log());
    let mut browser = gateway.listen("channel=alerts");
    redis.add("alerts", "right");
    browser.expect("right");
}

#[test]
fn the_command_that_is_told_works_in_a_shell() {
    let redis = Redis::durable();
    let gateway = Gateway::on_stream(&redis);
    let mut browser = gateway.listen("channel=it's");
    wait_for("somebody to listen", || redis.publish("it's", "a 'quoted' $HOME") == 1);
    let command = gateway_says(&gateway, "try_instead=\"");
    let status = std::process::Command::new("sh")
        .args(["-c", &format!("redis-cli -p {} {command}", redis.port())])
        .stdout(std::process::Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());
    browser.expect("a 'quoted' $HOME");
}

/// What stands in the log behind `part`, up to the closing quotation mark, unescaped.
fn gateway_says(gateway: &Gateway, part: &str) -> String {
    let line = || gateway.log().lines().find_map(|line| Some(line.split_once(part)?.1.to_owned()));
    let line = wait_some(part, line);
    let (command, _) = line.rsplit_once('"').expect("it is quoted");
    command.replace(r"\\", r"\").replace("\\\"", "\"")
}

#[test]
fn added_to_the_stream_of_a_gateway_on_pubsub_it_is_told_how_to_publish_it() {
    let redis = Redis::durable();
    redis.add("alerts", "long ago");
    let gateway = Gateway::on(&redis);
    // It looks every ten seconds, and counts what is added from its first look on.
    wait_for("the wrong door to be noticed", || {
        redis.add_fields(&[("channel", "alerts"), ("data", "disk full"), ("event", "disk")]);
        gateway.metric(WRONG) > 0.0
    });
    let command =
        r#"PUBLISH fanfare:@json '{\"channels\":[\"alerts\"],\"data\":\"disk full\",\"event\":\"disk\"}'"#;
    wait_for("the command", || gateway.log().contains(command));
}

#[test]
fn a_gateway_of_the_other_kind_is_told_of_once() {
    let redis = Redis::durable();
    let stream = Gateway::on_stream(&redis);
    let _pubsub = Gateway::on(&redis);
    let told = || stream.log().matches("is of the kind redis-pubsub").count();
    wait_for("it to be told", || told() == 1);
    // Further beacons come once a second, and a publication shows that one more has come before it.
    let seen = redis.publish("a", "x");
    assert_eq!(seen, 2);
    stream.wait_for_metric(WRONG, 1.0);
    assert_eq!(told(), 1);
}
