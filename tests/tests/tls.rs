//! Redis over TLS and over a Unix socket: the same as over TCP, and clear words when it cannot work.

use std::process::Command;

use tests::{Authority, Gateway, Redis, gateway::Plan, port::free_port, process::Process, wait_for};

/// A Redis that speaks TLS on one port and cleartext on another, and who signed for it.
struct Secured {
    redis: Redis,
    port: u16,
    authority: Authority,
}

impl Secured {
    fn start(names: &str, clients: &str) -> Self {
        let (authority, port) = (Authority::new("one"), free_port());
        let own = authority.sign("redis", names);
        let redis = Redis::with(&[
            "--tls-port",
            &port.to_string(),
            "--tls-cert-file",
            &own.certificate,
            "--tls-key-file",
            &own.key,
            "--tls-ca-cert-file",
            &authority.certificate(),
            "--tls-auth-clients",
            clients,
        ]);
        Self { redis, port, authority }
    }

    fn plan(&self, kind: &str, authority: &Authority) -> Plan {
        Gateway::plan_on(self.port)
            .set("broker.kind", &format!("{kind:?}"))
            .set("broker.redis.url", &format!("\"rediss://127.0.0.1:{}\"", self.port))
            .set("broker.redis.tls_ca_file", &format!("{:?}", authority.certificate()))
    }
}

/// Expects that the gateway gives up at once, and that it says this.
fn expect_refusal(plan: Plan, parts: &[&str]) {
    let mut gateway = plan.launch();
    assert_eq!(gateway.process().wait().code(), Some(1), "{}", gateway.log());
    for part in parts {
        assert!(gateway.log().contains(part), "{part}: {}", gateway.log());
    }
}

#[test]
fn over_tls_all_works_as_without() {
    let secured = Secured::start("IP:127.0.0.1", "no");
    let pubsub = secured.plan("redis-pubsub", &secured.authority).start();
    let mut browser = pubsub.listen("channel=a");
    secured.redis.publish("a", "one");
    assert_eq!(pubsub.post("channel=a", "two").status, 202);
    browser.expect_all(["one", "two"]);

    let stream = secured.plan("redis-stream", &secured.authority).start();
    let mut browser = stream.listen("channel=a");
    let id = secured.redis.add("a", "three");
    assert_eq!(stream.post("channel=a", "four").status, 200);
    browser.expect_all(["three", "four"]);
    stream.resume("channel=a", &id).expect("four");
}

#[test]
fn an_authority_that_nobody_trusts_is_refused_with_the_key_to_set() {
    let secured = Secured::start("IP:127.0.0.1", "no");
    for kind in ["redis-pubsub", "redis-stream"] {
        // Another one, and one that was made anew under the same name.
        for name in ["two", "one"] {
            expect_refusal(secured.plan(kind, &Authority::new(name)), &["broker.redis.tls_ca_file"]);
        }
    }
}

#[test]
fn a_certificate_for_another_host_is_refused() {
    let secured = Secured::start("DNS:redis.example", "no");
    expect_refusal(secured.plan("redis-pubsub", &secured.authority), &["redis.example", "broker.redis.url"]);
}

#[test]
fn a_redis_that_asks_for_a_certificate_gets_it_or_the_keys_are_named() {
    let secured = Secured::start("IP:127.0.0.1", "yes");
    let plan = || secured.plan("redis-pubsub", &secured.authority);
    expect_refusal(plan(), &["broker.redis.tls_cert_file", "tls_key_file"]);
    let own = secured.authority.sign("gateway", "DNS:gateway");
    let with = |signed: &tests::Signed| {
        plan()
            .set("broker.redis.tls_cert_file", &format!("{:?}", signed.certificate))
            .set("broker.redis.tls_key_file", &format!("{:?}", signed.key))
    };
    let gateway = with(&own).start();
    let mut browser = gateway.listen("channel=a");
    secured.redis.publish("a", "hello");
    browser.expect("hello");
    let others = Authority::new("two");
    expect_refusal(with(&others.sign("gateway", "DNS:gateway")), &["does not accept the certificate"]);
}

#[test]
fn tls_where_there_is_none_and_none_where_there_is_are_told_apart() {
    let secured = Secured::start("IP:127.0.0.1", "no");
    let plan = secured.plan("redis-pubsub", &secured.authority);
    let cleartext = format!("\"rediss://127.0.0.1:{}\"", secured.redis.port());
    // In the one case Redis says nothing, in the other it hangs up; both may have other reasons.
    let gateway = plan.set("broker.redis.url", &cleartext).set("broker.redis.timeout", "\"500ms\"").launch();
    wait_for("the hint", || gateway.log().contains("write redis:// instead of rediss://"));
    let gateway = Gateway::plan_on(secured.port).launch();
    wait_for("the hint", || gateway.log().contains("write rediss:// instead of redis://"));
}

#[test]
fn a_unix_socket_works_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("redis.sock");
    let redis = Redis::with(&["--unixsocket", path.to_str().unwrap()]);
    let url = format!("\"unix://{}\"", path.display());
    for kind in ["redis-pubsub", "redis-stream"] {
        let plan = Gateway::plan_on(redis.port()).set("broker.kind", &format!("{kind:?}"));
        let gateway = plan.set("broker.redis.url", &url).start();
        let mut browser = gateway.listen("channel=a");
        assert!(gateway.post("channel=a", kind).status < 300);
        browser.expect(kind);
    }
}

#[test]
fn sentinels_speak_tls_too_and_the_primary_that_they_name_is_checked() {
    let secured = Secured::start("IP:127.0.0.1", "no");
    let own = secured.authority.sign("sentinel", "IP:127.0.0.1");
    let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
    let text = format!(
        "port 0\ntls-port {port}\ntls-cert-file {}\ntls-key-file {}\ntls-ca-cert-file {}\n\
         tls-auth-clients no\ntls-replication yes\nsentinel monitor main 127.0.0.1 {} 1\n",
        own.certificate,
        own.key,
        secured.authority.certificate(),
        secured.port
    );
    let file = folder.path().join("sentinel.conf");
    std::fs::write(&file, text).unwrap();
    let _sentinel = Process::start(Command::new("redis-server").arg(&file).arg("--sentinel"));
    let plan = |authority: &Authority| {
        secured
            .plan("redis-stream", authority)
            .set("broker.redis.url", "\"rediss://what.the.sentinel.says\"")
            .set("broker.redis.sentinels", &format!("[\"rediss://127.0.0.1:{port}\"]"))
            .set("broker.redis.sentinel_master", "\"main\"")
    };
    let gateway = plan(&secured.authority).start();
    let mut browser = gateway.listen("channel=a");
    assert_eq!(gateway.post("channel=a", "hello").status, 200);
    browser.expect("hello");
    expect_refusal(plan(&Authority::new("two")), &["no Sentinel knows", "broker.redis.tls_ca_file"]);
}
