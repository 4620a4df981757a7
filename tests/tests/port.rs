//! The embedded broker's own port: clients of Redis publish through it as into Redis, and who is none is shown the door.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::Path,
    process::Command,
};

use fred::prelude::{Builder, ClientLike, Config, PubsubInterface, ServerConfig, TransactionInterface};
use serde_json::{Value, json};
use tests::{Gateway, gateway::Plan, wait_for};

/// A gateway, and where its port is.
fn start(plan: Plan) -> (Gateway, SocketAddr) {
    let gateway = plan.start();
    let port = gateway.wait_for_line("redis://").parse().expect("it is as the test has made it");
    (gateway, port)
}

/// Has a program publish 0 to 5 on channel `a`, two alone, two in a pipeline, two in a transaction, and shows what it was
/// answered.
fn check(publish: impl FnOnce(SocketAddr) -> Value) {
    let (gateway, port) = start(Gateway::plan());
    let mut listener = gateway.listen("channel=a");
    let answers = publish(port);
    listener.expect_all(0..6);
    let id = |value: &Value| {
        value
            .as_str()
            .expect("it is as the test has made it")
            .split_once('-')
            .expect("it is as the test has made it")
            .0
            .parse::<u64>()
            .expect("it is as the test has made it")
            > 0
    };
    assert!(answers[0] == 1 && id(&answers[1]), "{answers}");
    assert!(answers[2][0] == 1 && id(&answers[2][1]), "{answers}");
    assert!(answers[3][0] == 1 && id(&answers[3][1]), "{answers}");
    assert!(
        answers[4].as_str().expect("it is as the test has made it").contains("Fanfare's own port"),
        "{answers}"
    );
}

fn run(program: &str, arguments: &[&str]) -> Value {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients");
    let ran = Command::new(folder.join(program))
        .args(arguments)
        .current_dir(folder)
        .output()
        .expect("it is as the test has made it");
    serde_json::from_slice(&ran.stdout).unwrap_or_else(|_| panic!("{ran:?}"))
}

#[test]
fn ioredis_publishes() {
    let node = |port: SocketAddr| {
        let mut command = Command::new("node");
        command.args(["ioredis.js", &port.port().to_string()]);
        let ran =
            command.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("clients")).output().unwrap();
        serde_json::from_slice(&ran.stdout).unwrap_or_else(|_| panic!("{ran:?}"))
    };
    check(node);
}

#[test]
fn redis_py_publishes_in_both_protocols() {
    for protocol in ["2", "3"] {
        check(|port| run(".venv/bin/python", &["redis_py.py", &port.port().to_string(), protocol]));
    }
}

#[test]
fn redis_rs_publishes_in_both_protocols() {
    for query in ["", "?protocol=resp3"] {
        check(|port| {
            let client = redis::Client::open(format!("redis://{port}/{query}")).unwrap();
            let mut connection = client.get_connection().unwrap();
            let publish = |data: &str| redis::Cmd::publish("fanfare:a", data);
            let add = |data: &str| {
                let mut add = redis::cmd("XADD");
                add.arg("fanfare:@stream")
                    .arg("NOMKSTREAM")
                    .arg("*")
                    .arg("channel")
                    .arg("a")
                    .arg("data")
                    .arg(data);
                add
            };
            let alone: (u64, String) =
                (publish("0").query(&mut connection).unwrap(), add("1").query(&mut connection).unwrap());
            let mut pipe = redis::pipe();
            let pipeline: (u64, String) =
                pipe.add_command(publish("2")).add_command(add("3")).query(&mut connection).unwrap();
            let mut pipe = redis::pipe();
            pipe.atomic().add_command(publish("4")).add_command(add("5"));
            let transaction: (u64, String) = pipe.query(&mut connection).unwrap();
            let refused = redis::cmd("GET").arg("a").query::<String>(&mut connection).unwrap_err();
            json!([alone.0, alone.1, pipeline, transaction, refused.to_string()])
        });
    }
}

#[tokio::test]
async fn fred_publishes() {
    let (gateway, port) = start(Gateway::plan());
    let config =
        Config { server: ServerConfig::new_centralized("127.0.0.1", port.port()), ..Config::default() };
    let client = Builder::from_config(config).build().unwrap();
    client.init().await.unwrap();
    let mut listener = gateway.listen("channel=a");
    let heard: u64 = client.publish("fanfare:a", "0").await.unwrap();
    assert_eq!(heard, 1);
    let pipeline = client.pipeline();
    for data in ["1", "2"] {
        let _: () = pipeline.publish("fanfare:a", data).await.unwrap();
    }
    let heard: Vec<u64> = pipeline.all().await.unwrap();
    assert_eq!(heard, [1, 1]);
    let transaction = client.multi();
    for data in ["3", "4"] {
        let _: () = transaction.publish("fanfare:a", data).await.unwrap();
    }
    let heard: Vec<u64> = transaction.exec(true).await.unwrap();
    assert_eq!(heard, [1, 1]);
    listener.expect_all(0..5);
}

#[test]
fn redis_cli_publishes_what_the_readme_says() {
    let (gateway, port) = start(Gateway::plan());
    let mut listener = gateway.listen("channel=alerts&format=json");
    let cli = |words: &[&str]| {
        let ran =
            Command::new("redis-cli").args(["-p", &port.port().to_string()]).args(words).output().unwrap();
        String::from_utf8(ran.stdout).unwrap().trim_end().to_owned()
    };
    assert_eq!(cli(&["PUBLISH", "fanfare:alerts", "disk full"]), "1");
    assert_eq!(
        cli(&["PUBLISH", "fanfare:@json", r#"{"channels":["alerts","b"],"event":"disk","data":{"free":0}}"#]),
        "1"
    );
    assert!(
        cli(&[
            "XADD",
            "fanfare:@stream",
            "*",
            "channels",
            r#"["alerts","b"]"#,
            "event",
            "disk",
            "data",
            "full"
        ])
        .contains('-')
    );
    let mut expect = |event: Value, data: &str| {
        let envelope: Value = serde_json::from_str(&listener.next().data).unwrap();
        assert_eq!((&envelope["event"], envelope["data"].as_str().unwrap()), (&event, data));
    };
    expect(Value::Null, "disk full");
    expect(json!("disk"), r#"{"free":0}"#);
    expect(json!("disk"), "full");
    // What is wrong is said, counted, and disturbs nothing.
    assert!(cli(&["PUBLISH", "alerts", "x"]).contains("PUBLISH fanfare:alerts"));
    assert!(cli(&["PUBLISH", "fanfare:a*", "x"]).starts_with("ERR "));
    assert!(cli(&["XADD", "other", "*", "a", "b"]).contains("XADD fanfare:@stream"));
    assert!(cli(&["XADD", "fanfare:@stream", "*", "channel"]).contains("wrong number of arguments"));
    assert!(
        cli(&["XADD", "fanfare:@stream", "1-1", "channel", "a", "data", "b"]).contains("equal or smaller")
    );
    assert!(cli(&["SUBSCRIBE", "a"]).contains("Fanfare's own port"));
    assert!(gateway.metric("fanfare_publications_total{outcome=\"bad_channel\"}") >= 1.0);
    assert_eq!(cli(&["PING"]), "PONG");
}

#[test]
fn a_transaction_with_something_wrong_publishes_nothing() {
    let (gateway, port) = start(Gateway::plan());
    let mut listener = gateway.listen("channel=a");
    let client = redis::Client::open(format!("redis://{port}")).unwrap();
    let mut connection = client.get_connection().unwrap();
    let ask = |connection: &mut redis::Connection, words: &[&str]| {
        redis::cmd(words[0]).arg(&words[1..]).query::<redis::Value>(connection)
    };
    ask(&mut connection, &["MULTI"]).unwrap();
    ask(&mut connection, &["PUBLISH", "fanfare:a", "never"]).unwrap();
    assert!(ask(&mut connection, &["GET", "a"]).is_err());
    assert!(ask(&mut connection, &["EXEC"]).unwrap_err().to_string().contains("previous errors"));
    ask(&mut connection, &["MULTI"]).unwrap();
    ask(&mut connection, &["PUBLISH", "fanfare:a", "never"]).unwrap();
    ask(&mut connection, &["DISCARD"]).unwrap();
    assert!(ask(&mut connection, &["EXEC"]).is_err());
    ask(&mut connection, &["PUBLISH", "fanfare:a", "after"]).unwrap();
    listener.expect("after");
}

/// What comes back for these bytes, until the gateway closes.
fn answered(port: SocketAddr, bytes: &[u8]) -> String {
    let mut socket = TcpStream::connect(port).expect("it is as the test has made it");
    socket.write_all(bytes).expect("it is as the test has made it");
    let mut answer = Vec::new();
    // It may be closed with bytes that nobody has read.
    let _ = socket.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn who_is_no_client_is_shown_the_door() {
    let (gateway, port) = start(Gateway::plan());
    let mut listener = gateway.listen("channel=a");
    for bytes in [
        // As a page in a browser could send it.
        &b"POST / HTTP/1.1\r\nHost: localhost\r\n\r\n*3\r\n$7\r\nPUBLISH\r\n$9\r\nfanfare:a\r\n$4\r\nevil\r\n"[..],
        b"PUBLISH fanfare:a evil\r\n",
        b"\r\n",
        b"*1\r\n$9999999999\r\n",
        b"*99999\r\n",
        b"\x16\x03\x01\x02\x00",
    ] {
        assert_eq!(answered(port, bytes), "", "{:?}", String::from_utf8_lossy(bytes));
    }
    let closed = "fanfare_port_closed_total{reason=\"malformed\"}";
    wait_for("all to be counted", || (gateway.metric(closed) - 6.0).abs() < 0.5);
    // A good command before a bad one is done and answered.
    assert_eq!(answered(port, b"*3\r\n$7\r\nPUBLISH\r\n$9\r\nfanfare:a\r\n$4\r\ngood\r\nGET /"), ":1\r\n");
    listener.expect("good");
}

#[test]
fn a_flood_arrives_in_order_and_too_many_clients_are_turned_away() {
    let (gateway, port) = start(Gateway::plan().set("history.keep_count", "200000"));
    let mut listener = gateway.listen("channel=a");
    let mut flood = redis::pipe();
    for number in 0..50_000 {
        flood.cmd("PUBLISH").arg("fanfare:a").arg(number).ignore();
    }
    let client = redis::Client::open(format!("redis://{port}")).unwrap();
    flood.query::<()>(&mut client.get_connection().unwrap()).unwrap();
    listener.expect_all(0..50_000);
    let crowd: Vec<_> = (0..1_100).map(|_| TcpStream::connect(port).unwrap()).collect();
    let closed = "fanfare_port_closed_total{reason=\"overload\"}";
    wait_for("some to be turned away", || gateway.metric(closed) >= 99.0);
    drop(crowd);
    wait_for("place again", || client.get_connection().is_ok());
}

#[test]
fn where_others_can_reach_it_a_password_is_asked_for() {
    let password = "correct horse";
    let (gateway, port) = start(Gateway::plan().set("broker.embedded.password", &format!("{password:?}")));
    let mut listener = gateway.listen("channel=a");
    let publish = |url: &str| {
        let mut connection = redis::Client::open(url).unwrap().get_connection()?;
        redis::Cmd::publish("fanfare:a", "known").query::<u64>(&mut connection)
    };
    assert!(publish(&format!("redis://{port}")).unwrap_err().to_string().contains("NOAUTH"));
    assert!(publish(&format!("redis://:wrong@{port}")).is_err());
    assert_eq!(publish(&format!("redis://:correct%20horse@{port}")).unwrap(), 1);
    assert_eq!(publish(&format!("redis://default:correct%20horse@{port}/0?protocol=resp3")).unwrap(), 1);
    listener.expect("known");
    listener.expect("known");
    assert!(!gateway.log().contains(password));
}

#[test]
fn backends_have_things_done_with_sessions_through_it_too() {
    let (gateway, port) = start(Gateway::plan());
    let client = redis::Client::open(format!("redis://{port}")).unwrap();
    let mut connection = client.get_connection().unwrap();
    let revoke = r#"{"revoke":{"subject":"42"}}"#;
    redis::Cmd::publish("fanfare:@control", revoke).query::<u64>(&mut connection).unwrap();
    gateway.wait_for_metric("fanfare_directives_total{kind=\"revoke\"}", 1.0);
    let wrong = redis::Cmd::publish("fanfare:@control", r#"{"dance":1}"#).query::<u64>(&mut connection);
    assert!(wrong.is_err());
}
