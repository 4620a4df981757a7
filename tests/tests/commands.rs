//! The command line: check, publish, tail, and what is said when something is wrong.

use std::{
    io::Write,
    process::{Command, Output, Stdio},
};

use tests::{Gateway, Listener, Proxy, Redis, gateway::binary, process::Process, wait_for};

fn fanfare(arguments: &[&str]) -> Output {
    Command::new(binary()).args(arguments).output().expect("it runs")
}

fn config(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(text.as_bytes()).expect("it can be written");
    file
}

#[test]
fn check_prints_what_is_in_effect_without_secrets() {
    let file = config(
        "[broker.redis]\nurl = \"redis://me:hunter2@host:1\"\nsentinels = [\"redis://:hunter2@s:2\"]\n[sessions]\nheartbeat = \"7s\"\n[auth]\nsecret = \"hunter2hunter2hunter2hunter2hunter2\"\n",
    );
    let output = fanfare(&["check", "--config", file.path().to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.contains("heartbeat = \"7s\"") && text.contains("keep_count") && !text.contains("hunter2"),
        "{text}"
    );
}

#[test]
fn check_says_in_words_what_is_open_to_whom_and_warns_of_rules_that_never_hold() {
    let file = config(
        "[auth]\nsecret = \"0123456789abcdef0123456789abcdef\"\n\
         [[channels]]\nmatch = \"user/{sub}\"\nsubscribe = \"token\"\n\
         [[channels]]\nmatch = \"a/*\"\nsubscribe = \"anyone\"\npublish = \"token\"\n\
         [[channels]]\nmatch = \"a/b\"\n",
    );
    let output = fanfare(&["check", "--config", file.path().to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0));
    let text = String::from_utf8(output.stdout).unwrap();
    for line in [
        "# - user/{sub}: subscribe its owner's token, publish nobody, presence nobody\n",
        "# - a/*: subscribe anyone, publish a token that grants it, presence nobody\n",
        "# - all other channels: closed\n",
    ] {
        assert!(text.contains(line), "{line}{text}");
    }
    assert!(text.parse::<toml::Table>().is_ok(), "{text}");
    let warnings = String::from_utf8(output.stderr).unwrap();
    assert!(warnings.contains("the rule for \"a/b\" never holds"), "{warnings}");
}

#[test]
fn what_cannot_be_meant_about_tokens_is_told() {
    let problems = |text: &str| {
        let output = fanfare(&["check", "--config", config(text).path().to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(78), "{text}");
        String::from_utf8(output.stderr).unwrap()
    };
    let expect = |text: &str, part: &str| {
        let problems = problems(text);
        assert!(problems.contains(part), "{text}: {problems}");
    };
    let rule = |words: &str| format!("[[channels]]\nmatch = {words}\n");
    let key = "[auth]\nsecret = \"0123456789abcdef0123456789abcdef\"\n";
    expect(
        &rule("\"a\"\nsubscribe = \"token\""),
        "channels[0].subscribe = \"token\": no token can be checked",
    );
    expect("[auth]\nsecret = \"hunter2\"\n", "auth.secret: a secret has at least 32 bytes");
    expect("[auth]\npublic_key_file = \"/nowhere.pem\"\n", "auth.public_key_file = \"/nowhere.pem\":");
    expect("[auth]\naudience = [\"a\"]\n", "auth: there is no key");
    expect(
        &format!("{key}{}", rule("\"u/{sub}\"\nsubscribe = \"anyone\"")),
        "whose channel it is only a token can prove",
    );
    expect(&format!("{key}{}", rule("\"u/{name}\"")), "in braces stands `sub` or `claim.NAME`");
    expect(&format!("{key}[[auth.issuers]]\nisuer = \"a\"\n"), "did you mean issuer?");
    expect(&format!("{key}[[auth.issuers]]\nissuer = \"a\"\n"), "auth.issuers[0]: it has no secret");
    let issuer = tests::Issuer::pair(jsonwebtoken::Algorithm::RS256);
    let private = format!("[auth]\npublic_key_file = {:?}\n", issuer.private_key_file());
    expect(&private, "this key can sign");
}

#[test]
fn a_bad_configuration_is_78_with_every_problem_before_any_socket_opens() {
    let file = config("[sessions]\nheartbeet = \"1s\"\nretry = \"soon\"\n[broker]\nkind = \"kafka\"\n");
    for command in ["check", "serve"] {
        let output = fanfare(&[command, "--config", file.path().to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(78));
        let text = String::from_utf8(output.stderr).unwrap();
        for part in ["sessions.heartbeet", "sessions.heartbeat?", "sessions.retry = \"soon\"", "broker.kind"]
        {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
    let tls = config(
        "[broker]\nkind = \"redis-stream\"\nredis.url = \"rediss://x\"\nredis.tls_ca_file = \"/nowhere/ca.pem\"\n",
    );
    let output = fanfare(&["check", "--config", tls.path().to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(78));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("broker.redis.tls_ca_file") && text.contains("/nowhere/ca.pem"), "{text}");
    let open = config("[listen]\npublic = \"0.0.0.0:0\"\n");
    let output = fanfare(&["serve", "--config", open.path().to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(78));
    assert!(String::from_utf8(output.stderr).unwrap().contains("[[channels]]\nmatch"));
}

#[test]
fn usage_is_2_and_a_port_in_use_is_1() {
    assert_eq!(fanfare(&["dance"]).status.code(), Some(2));
    assert_eq!(fanfare(&["tail"]).status.code(), Some(2));
    let gateway = Gateway::embedded();
    let file = config(&format!(
        "[listen]\npublic = \"{}\"\nadmin = \"127.0.0.1:0\"\n[broker]\nembedded.resp = \"\"\n",
        gateway.public()
    ));
    let output = fanfare(&["serve", "--config", file.path().to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains("listen.public"));
}

#[test]
fn publish_goes_to_a_gateway_or_straight_into_redis() {
    let redis = Redis::start();
    let gateway = Gateway::on(&redis);
    let mut browser = gateway.listen("channel=a");
    let url = format!("http://{}", gateway.public());
    assert_eq!(fanfare(&["publish", "a", "by http", "--event", "x", "--to", &url]).status.code(), Some(0));
    assert_eq!(browser.expect("by http").name, "x");
    let file = config(&format!(
        "[broker]\nkind = \"redis-pubsub\"\nredis.url = \"redis://127.0.0.1:{}\"\n",
        redis.port()
    ));
    let path = file.path().to_str().unwrap();
    assert_eq!(fanfare(&["publish", "a", "by redis", "--config", path]).status.code(), Some(0));
    browser.expect("by redis");
    let mut piped = Command::new(binary())
        .args(["publish", "a", "-", "--to", &url])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    piped.stdin.take().unwrap().write_all(b"from a pipe").unwrap();
    assert!(piped.wait().unwrap().success());
    browser.expect("from a pipe");
    let refused = fanfare(&["publish", "a*", "x", "--to", &url]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8(refused.stderr).unwrap().contains("`*`"));
}

#[test]
fn publish_says_when_nobody_listens_or_nobody_is_there() {
    let redis = Redis::start();
    let file = config(&format!(
        "[broker]\nkind = \"redis-pubsub\"\nredis.url = \"redis://127.0.0.1:{}\"\n",
        redis.port()
    ));
    let alone = fanfare(&["publish", "a", "x", "--config", file.path().to_str().unwrap()]);
    assert_eq!(alone.status.code(), Some(1));
    assert!(String::from_utf8(alone.stderr).unwrap().contains("no gateway listens"));
    let nobody = fanfare(&["publish", "a", "x", "--to", "http://127.0.0.1:1"]);
    assert_eq!(nobody.status.code(), Some(1));
    assert!(String::from_utf8(nobody.stderr).unwrap().contains("cannot be reached"));
}

#[test]
fn tail_shows_what_arrives_and_resumes_by_itself() {
    let gateway = Gateway::embedded();
    gateway.post("channel=a", "first");
    let proxy = Proxy::to(gateway.public());
    let url = format!("http://{}", proxy.address());
    let tail = Process::start(
        Command::new(binary()).args(["tail", "a", "b", "--since", "earliest", "--from", &url]),
    );
    let json = Process::start(
        Command::new(binary()).args(["tail", "a", "--since", "last", "--json", "--from", &url]),
    );
    assert_eq!(tail.wait_for_line("a first"), "");
    assert!(json.wait_for_line(r#""channel":"a""#).contains(r#""data":"first""#));
    gateway.wait_for_metric("fanfare_sessions{transport=\"sse\"}", 2.0);
    gateway.post("channel=b&event=x", "second");
    let _ = tail.wait_for_line("b [x] second");
    proxy.set_closed(true);
    proxy.cut();
    gateway.wait_for_metric("fanfare_sessions{transport=\"sse\"}", 0.0);
    gateway.post("channel=a", "while away");
    proxy.set_closed(false);
    let _ = tail.wait_for_line("a while away");
    let lines: Vec<String> = tail.said().into_iter().filter(|line| !line.starts_with("fanfare:")).collect();
    assert_eq!(lines, ["a first", "b [x] second", "a while away"]);
}

#[test]
fn tail_gives_up_where_trying_again_cannot_help() {
    let gateway = Gateway::embedded();
    let output = fanfare(&["tail", "a*b", "--from", &format!("http://{}", gateway.public())]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains("`*`"));
}

#[test]
fn logs_can_be_json_and_tell_each_session_that_ends() {
    let gateway = Gateway::plan().set("log.format", "\"json\"").set("log.sessions", "true").start();
    let mut browser = Listener::open(gateway.public(), "channel=a", None);
    gateway.post("channel=a", "x");
    browser.expect("x");
    drop(browser);
    wait_for("the line", || gateway.log().contains("a session ended"));
    let line = gateway.log().lines().find(|line| line.contains("a session ended")).unwrap().to_owned();
    let parsed: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!((&parsed["reason"], &parsed["delivered"]), (&"gone".into(), &1.into()));
}

#[test]
fn tokens_are_made_inspected_and_shown() {
    let text =
        "[auth]\nsecret = \"0123456789abcdef0123456789abcdef\"\nissuer = \"me\"\naudience = [\"here\"]\n";
    let file = config(text);
    let path = file.path().to_str().unwrap();
    let run = |arguments: &[&str]| {
        let output = fanfare(&[&["token", "--config", path], arguments].concat());
        let out = String::from_utf8(output.stdout).unwrap().trim().to_owned();
        (output.status.code(), out, String::from_utf8(output.stderr).unwrap())
    };
    let (code, token, _) =
        run(&["--subject", "42", "--subscribe", "a/*", "--publish", "a/1", "--claim", "t=x"]);
    assert_eq!(code, Some(0));
    let (code, said, _) = run(&["--inspect", &token]);
    assert_eq!(code, Some(0), "{said}");
    for part in ["\"HS256\"", "\"sub\": \"42\"", "\"a/*\"", "\"t\": \"x\"", "\"iss\": \"me\"", "accepted"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let (code, said, why) = run(&["--inspect", &format!("{token}x")]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("\"42\"") && why.contains("signature"), "{said} {why}");
    assert!(run(&["--subscribe", "a*b"]).2.contains("a*b"));
    let gateway = Gateway::plan()
        .set("auth.secret", "\"0123456789abcdef0123456789abcdef\"")
        .set("auth.issuer", "\"me\"")
        .set("auth.audience", "[\"here\"]")
        .rules("[[channels]]\nmatch = \"*\"\nsubscribe = \"token\"\npublish = \"token\"\n")
        .start();
    let url = format!("http://{}", gateway.public());
    let publish = |channel: &str, more: &[&str]| {
        fanfare(&[&["publish", channel, "hello", "--to", &url], more].concat()).status.code()
    };
    assert_eq!(publish("a/1", &["--token", &token]), Some(0));
    assert_eq!(publish("a/2", &["--token", &token]), Some(1));
    assert_eq!(publish("a/1", &[]), Some(1));
    // A private key signs as its kind does.
    for algorithm in [
        jsonwebtoken::Algorithm::RS256,
        jsonwebtoken::Algorithm::ES256,
        jsonwebtoken::Algorithm::ES384,
        jsonwebtoken::Algorithm::EdDSA,
    ] {
        let issuer = tests::Issuer::pair(algorithm);
        let file = config(&format!("[auth]\npublic_key_file = {:?}\n", issuer.public_key_file()));
        let path = file.path().to_str().unwrap();
        let output = fanfare(&["token", "--config", path, "--key", &issuer.private_key_file()]);
        let token = String::from_utf8(output.stdout).unwrap();
        let output = fanfare(&["token", "--config", path, "--inspect", token.trim()]);
        assert_eq!(output.status.code(), Some(0), "{algorithm:?}: {output:?}");
    }
}
