//! The gateway's HTTP as strangers meet it: errors, CORS, garbage, limits.

use std::{io::Write, net::TcpStream, process::Command};

use tests::{Gateway, Listener, http, wait_for};

fn request(
    gateway: &Gateway,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> http::Answer {
    http::request(gateway.public(), method, path, headers, body.as_bytes())
}

#[test]
fn a_request_that_names_no_host_or_two_is_refused() {
    let gateway = Gateway::plan().start();
    let check = |hosts: &str, status: &str| {
        for request in [
            format!("GET /events?channel=a HTTP/1.1\r\n{hosts}Connection: close\r\n\r\n"),
            format!(
                "POST /events?channel=a HTTP/1.1\r\n{hosts}Connection: close\r\nContent-Length: 1\r\n\r\nx"
            ),
        ] {
            let answer = http::raw(gateway.public(), request.as_bytes());
            let answer = String::from_utf8_lossy(&answer);
            assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{request} {answer}");
        }
    };
    check("Host: localhost:80\r\n", "200");
    check("", "400");
    check("Host: localhost\r\nHost: evil.example\r\n", "400");
    check("Host: a b\r\n", "400");
    assert_eq!(gateway.metric("fanfare_rejected_total{reason=\"bad_host\"}"), 6.0);
}

#[test]
fn what_is_wrong_is_said_and_counted() {
    let gateway =
        Gateway::plan().set("sessions.max_channels", "3").set("broker.max_data_bytes", "100").start();
    let check = |method: &str, path: &str, status: u16, code: &str, part: &str| {
        let answer = request(&gateway, method, path, &[], if method == "POST" { "x" } else { "" });
        assert_eq!((answer.status, &*answer.error_code()), (status, code), "{method} {path}");
        assert!(answer.text().contains(part), "{}", answer.text());
        assert_eq!(answer.header("content-type"), Some("application/json"));
    };
    check("GET", "/events", 400, "no_channel", "?channel=NAME");
    check("GET", "/events?channel=", 400, "bad_channel", "empty");
    check("GET", "/events?channel=a*b", 400, "bad_channel", "`*`");
    check("GET", "/events?channel=%40json", 400, "bad_channel", "`@`");
    check("GET", "/events?channel=a%0Ab", 400, "bad_channel", "control");
    check("GET", &format!("/events?channel={}", "x".repeat(256)), 400, "bad_channel", "255");
    check("GET", "/events?topic=a", 400, "bad_parameter", "`channel`");
    check("GET", "/events?channels=a", 400, "bad_parameter", "`channel`");
    check("GET", "/events?channel=a&since=yesterday", 400, "bad_since", "`earliest`");
    check("GET", "/events?channel=a&format=xml", 400, "bad_value", "`json`");
    check("GET", "/events?channel=a&transport=pigeon", 400, "bad_value", "`poll`");
    check("GET", "/events?channel=a&channel=b&channel=c&channel=d", 400, "too_many_channels", "3");
    check("PUT", "/events?channel=a", 405, "method", "POST");
    check("POST", "/events", 400, "bad_request", "?channel=NAME");
    check("POST", "/events?channel=a*", 400, "bad_channel", "`*`");
    check("POST", "/events?channel=a&event=open", 400, "bad_event", "browser");
    check("POST", "/events?channel=a&event=fanfare.gap", 400, "bad_event", "gateway");
    check("POST", "/events?topic=a", 400, "bad_parameter", "`channel`");
    check("GET", "/nothing", 404, "not_found", "/events");
    assert_eq!(gateway.metric("fanfare_rejected_total{reason=\"bad_channel\"}"), 6.0);
    let allow = request(&gateway, "PUT", "/events?channel=a", &[], "");
    assert!(allow.header("allow").is_some_and(|allow| allow.contains("POST")));
}

#[test]
fn data_that_is_too_long_or_no_text_is_refused() {
    let gateway = Gateway::plan().set("broker.max_data_bytes", "100").start();
    let post = |body: &[u8]| http::request(gateway.public(), "POST", "/events?channel=a", &[], body);
    assert_eq!(post(&[b'x'; 100]).status, 200);
    let long = post(&[b'x'; 101]);
    assert_eq!((long.status, long.error_code()), (413, "too_long".to_owned()));
    let binary = post(b"\xff\xfe");
    assert_eq!((binary.status, binary.error_code()), (400, "not_utf8".to_owned()));
    let broken = http::raw(
        gateway.public(),
        b"POST /events?channel=a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    );
    assert!(!String::from_utf8_lossy(&broken).starts_with("HTTP/1.1 200"));
}

#[test]
fn a_get_with_a_body_is_refused_and_closed() {
    let gateway = Gateway::embedded();
    let answer = http::raw(
        gateway.public(),
        b"GET /events?channel=a&transport=sse HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
    );
    let answer = http::parse(&answer).unwrap();
    assert_eq!((answer.status, answer.header("connection")), (400, Some("close")));
}

#[test]
fn head_tells_the_headers_and_opens_no_session() {
    let gateway = Gateway::embedded();
    let sse = request(&gateway, "HEAD", "/events?channel=a&transport=sse", &[], "");
    assert_eq!((sse.status, sse.header("content-type")), (200, Some("text/event-stream")));
    let poll = request(&gateway, "HEAD", "/events?channel=a", &[], "");
    assert_eq!((poll.status, poll.body.len()), (200, 0));
    assert!(poll.header("etag").is_some());
    assert_eq!(gateway.metric("fanfare_sessions_opened_total{transport=\"sse\"}"), 0.0);
}

#[test]
fn garbage_is_answered_or_cut_and_disturbs_nobody() {
    let gateway = Gateway::embedded();
    let mut browser = gateway.listen("channel=a");
    let long = format!("GET /events?channel={} HTTP/1.1\r\n\r\n", "x".repeat(100_000));
    let many: String = (0..500).map(|number| format!("X-{number}: y\r\n")).collect();
    for garbage in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"hello\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"*1\r\n$4\r\nPING\r\n",
        &[0; 10_000],
        long.as_bytes(),
        format!("GET /events?channel=a HTTP/1.1\r\n{many}\r\n").as_bytes(),
    ] {
        let answer = http::raw(gateway.public(), garbage);
        let text = String::from_utf8_lossy(&answer);
        assert!(answer.is_empty() || text.starts_with("HTTP/1.1 4"), "{text}");
    }
    gateway.post("channel=a", "still here");
    browser.expect("still here");
    assert!(gateway.metric("fanfare_rejected_total{reason=\"bad_http\"}") >= 5.0);
}

#[test]
fn a_head_that_does_not_come_is_cut_and_an_idle_connection_is_kept() {
    let gateway = Gateway::plan().set("listen.head_timeout", "\"300ms\"").start();
    let answer = http::raw(gateway.public(), b"GET /events?channel=a HTTP/1.1\r\nHost:");
    assert!(answer.is_empty(), "{}", String::from_utf8_lossy(&answer));
    gateway.wait_for_metric("fanfare_rejected_total{reason=\"head_timeout\"}", 1.0);
    // Who opens a connection and says nothing is no better.
    assert!(http::raw(gateway.public(), b"").is_empty());
    gateway.wait_for_metric("fanfare_rejected_total{reason=\"head_timeout\"}", 2.0);
    let mut kept = http::connect(gateway.public());
    for _ in 0..2 {
        kept.write_all(b"GET /events?channel=a HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        http::read_answers(&mut kept, 1);
        std::thread::sleep(std::time::Duration::from_millis(700));
    }
}

#[test]
fn every_answer_says_what_browsers_may_make_of_it() {
    let gateway = Gateway::embedded();
    let get = |path: &str| request(&gateway, "GET", path, &[], "");
    for path in
        ["/", "/style.css", "/nothing", "/events?channel=a", "/events", "/presence?channel=a", "/token"]
    {
        let answer = get(path);
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(answer.header("cross-origin-resource-policy"), Some("same-origin"), "{path}");
    }
    let page = get("/");
    let policy = page.header("content-security-policy").expect("a policy");
    assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"), "{policy}");
    assert_eq!(page.header("x-frame-options"), Some("DENY"));
    assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
    let stream = request(&gateway, "HEAD", "/events?channel=a&transport=sse", &[], "");
    assert_eq!(stream.header("x-content-type-options"), Some("nosniff"));
    let (mut stream, mut head) = (http::connect(gateway.public()), String::new());
    stream.write_all(b"GET /events?channel=a&transport=sse HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    head += &http::read_until(&mut stream, &["\r\n\r\n"]);
    assert!(head.contains("\r\nX-Content-Type-Options: nosniff\r\n"), "{head}");
}

#[test]
fn a_page_of_a_foreign_origin_can_neither_publish_nor_read() {
    let gateway = Gateway::plan().set("cors.origins", "[\"https://app.example.com\"]").start();
    let own = format!("http://{}", gateway.public());
    let post = |origin: &str| request(&gateway, "POST", "/events?channel=a", &[("Origin", origin)], "x");
    for origin in [&*own, "https://app.example.com", "http://localhost:3000", "http://127.0.0.1:5173"] {
        let answer = post(origin);
        assert_eq!(answer.status, 200, "{origin}");
    }
    for origin in
        ["https://evil.example", "null", "http://localhost.evil.example", "https://app.example.com:8443"]
    {
        let answer = post(origin);
        assert_eq!((answer.status, answer.error_code()), (403, "foreign_origin".to_owned()), "{origin}");
        assert_eq!(answer.header("access-control-allow-origin"), None);
    }
    assert_eq!(gateway.metric("fanfare_rejected_total{reason=\"foreign_origin\"}"), 4.0);
    assert!(
        gateway.log().contains("[cors] of the configuration: origins = [\"https://evil.example\"]"),
        "{}",
        gateway.log()
    );
}

#[test]
fn cors_headers_stand_on_every_kind_of_answer() {
    let gateway = Gateway::embedded();
    let origin = ("Origin", "http://localhost:3000");
    let allowed =
        |answer: &http::Answer| answer.header("access-control-allow-origin") == Some("http://localhost:3000");
    let poll = request(&gateway, "GET", "/events?channel=a", &[origin], "");
    assert!(
        allowed(&poll)
            && poll.header("access-control-expose-headers").is_some_and(|names| names.contains("etag"))
    );
    assert!(allowed(&request(
        &gateway,
        "GET",
        "/events?channel=a",
        &[origin, ("If-None-Match", "\"none\"")],
        ""
    )));
    assert!(allowed(&request(&gateway, "GET", "/events", &[origin], "")));
    let preflight = request(
        &gateway,
        "OPTIONS",
        "/events?channel=a",
        &[origin, ("Access-Control-Request-Method", "POST")],
        "",
    );
    assert_eq!(preflight.status, 204);
    assert!(allowed(&preflight));
    assert!(
        preflight.header("access-control-allow-headers").is_some_and(|names| names.contains("last-event-id"))
    );
    assert_eq!(preflight.header("access-control-max-age"), Some("86400"));
    let mut stream = http::connect(gateway.public());
    stream
        .write_all(b"GET /events?channel=a&transport=sse HTTP/1.1\r\nHost: x\r\nOrigin: http://localhost:3000\r\n\r\n")
        .unwrap();
    let mut head = vec![0; 2000];
    let count = std::io::Read::read(&mut stream, &mut head).unwrap();
    let head = String::from_utf8_lossy(&head[..count]).to_ascii_lowercase();
    assert!(head.contains("access-control-allow-origin: http://localhost:3000"), "{head}");
}

#[test]
fn without_rules_what_comes_through_a_proxy_is_refused_with_the_rule_to_write() {
    let gateway = Gateway::embedded();
    for header in [
        ("X-Forwarded-For", "1.2.3.4"),
        ("X-Real-IP", "1.2.3.4"),
        ("Forwarded", "for=1.2.3.4"),
        ("Via", "1.1 proxy"),
    ] {
        let get = request(&gateway, "GET", "/events?channel=a", &[header], "");
        assert_eq!((get.status, get.error_code()), (403, "forbidden".to_owned()));
        assert!(get.text().contains("[[channels]]"), "{}", get.text());
        assert_eq!(request(&gateway, "POST", "/events?channel=a", &[header], "x").status, 403);
    }
}

#[test]
fn a_foreign_name_that_points_here_opens_nothing() {
    let gateway = Gateway::embedded();
    let raw =
        |request: &str| http::parse(&http::raw(gateway.public(), request.as_bytes())).expect("an answer");
    for host in ["evil.example:8080", "127.0.0.1.evil.example"] {
        let get =
            raw(&format!("GET /events?channel=a HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"));
        assert_eq!((get.status, get.error_code()), (403, "forbidden".to_owned()), "{host}");
        let post = raw(&format!(
            "POST /events?channel=a HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx"
        ));
        assert_eq!(post.status, 403, "{host}");
    }
    for host in ["localhost:8080", "app.localhost", "127.0.0.1", "[::1]:80", "gateway"] {
        let get =
            raw(&format!("GET /events?channel=a HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"));
        assert_eq!(get.status, 200, "{host}");
    }
}

#[test]
fn rules_open_what_they_name_and_nothing_else() {
    let rules = "[[channels]]\nmatch = \"news/*\"\nsubscribe = \"anyone\"\n[[channels]]\nmatch = \"chat\"\npublish = \"anyone\"\n";
    let gateway = Gateway::plan().rules(rules).start();
    let get = |channel: &str| gateway.get(&format!("/events?channel={channel}")).status;
    let post = |channel: &str| gateway.post(&format!("channel={channel}"), "x").status;
    assert_eq!((get("news/1"), get("news/*"), get("news"), get("chat"), get("*")), (200, 200, 403, 403, 403));
    assert_eq!((post("news/1"), post("chat"), post("other")), (403, 200, 403));
}

#[test]
fn too_many_sessions_are_turned_away_with_a_200_and_a_bye() {
    let gateway = Gateway::plan().set("sessions.max", "3").start();
    let kept: Vec<Listener> = (0..3).map(|_| gateway.listen("channel=a")).collect();
    let mut fourth = Listener::connect(gateway.public(), "channel=a", None, "1.1");
    assert!(fourth.head.starts_with("HTTP/1.1 200"));
    let bye = fourth.next();
    assert!(bye.data.contains("overloaded"), "{bye:?}");
    assert!(bye.retry.is_some_and(|retry| retry >= 7_500), "it stays away for longer: {bye:?}");
    fourth.expect_end();
    drop(kept);
    gateway.wait_for_metric("fanfare_sessions{transport=\"sse\"}", 0.0);
    drop(gateway.listen("channel=a"));
}

#[test]
fn running_out_of_descriptors_is_survived() {
    let mut command = Command::new("bash");
    command.args(["-c", "ulimit -n 120; exec \"$0\" serve --config \"$1\""]);
    let gateway = Gateway::plan().set("listen.shards", "1").launch_by(command);
    wait_for("the gateway to be ready", || gateway.is_ready());
    let mut first = gateway.listen("channel=a");
    let crowd: Vec<TcpStream> = (0..200).filter_map(|_| TcpStream::connect(gateway.public()).ok()).collect();
    wait_for("the shortage to be noticed", || gateway.log().contains("no file descriptor is left"));
    drop(crowd);
    wait_for("new sessions", || gateway.post("channel=a", "hello").status == 200);
    first.expect("hello");
    drop(gateway.listen("channel=a"));
    assert!(gateway.metric("fanfare_rejected_total{reason=\"descriptors\"}") >= 1.0);
}
