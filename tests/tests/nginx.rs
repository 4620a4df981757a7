//! Event streams through nginx with its defaults: HTTP/1.0 to the gateway, and buffering unless the
//! gateway says no.

use std::net::SocketAddr;

use tests::{Chromium, Gateway, Listener, Nginx, Redis, Reporter, chromium::Page, http};

/// What nginx is commonly told to tell the gateway about browsers.
const FORWARDED: &str = "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;";

/// What nginx needs to speak HTTP/1.1 to the gateway.
const HTTP_1_1: &str = "proxy_http_version 1.1; proxy_set_header Connection '';";

fn listen(address: SocketAddr, last_id: Option<&str>) -> Listener {
    Listener::open(address, "channel=a", last_id)
}

/// How the gateway framed its body, as nginx saw it; `None` is up to the end of the connection.
fn upstream_framing(listener: &Listener) -> Option<&str> {
    listener.head.lines().find_map(|line| line.strip_prefix("Upstream-Framing: "))
}

#[test]
fn a_publication_passes_nginx_at_once_in_a_body_that_ends_with_the_connection() {
    let gateway = Gateway::embedded();
    let nginx = Nginx::before(gateway.public());
    // Each is here before the next is published, so nothing can push it out of a buffer.
    let mut listener = listen(nginx.address(), None);
    assert_eq!(upstream_framing(&listener), None, "{}", listener.head);
    for data in ["one", "two"] {
        gateway.post("channel=a", data);
        listener.expect(data);
    }
}

#[test]
fn a_publication_passes_nginx_at_once_in_chunks_too() {
    let gateway = Gateway::embedded();
    let nginx = Nginx::with(gateway.public(), HTTP_1_1);
    let mut listener = listen(nginx.address(), None);
    assert_eq!(upstream_framing(&listener), Some("chunked"), "{}", listener.head);
    for data in ["one", "two"] {
        gateway.post("channel=a", data);
        listener.expect(data);
    }
}

#[test]
fn a_bye_passes_nginx_whole() {
    for directives in ["", HTTP_1_1] {
        let mut gateway = Gateway::embedded();
        let nginx = Nginx::with(gateway.public(), directives);
        let mut listener = listen(nginx.address(), None);
        gateway.drain();
        let bye = listener.next_but_cursor();
        assert_eq!(bye.name, "fanfare.bye");
        assert!(bye.id.is_some() && bye.retry.is_some(), "{bye:?}");
        listener.expect_end();
        assert_eq!(gateway.process().wait().code(), Some(0));
    }
}

#[test]
fn a_browser_that_hangs_up_on_nginx_is_noticed() {
    let gateway = Gateway::embedded();
    let nginx = Nginx::before(gateway.public());
    let listener = listen(nginx.address(), None);
    gateway.wait_for_metric("fanfare_sessions{transport=\"sse\"}", 1.0);
    drop(listener);
    gateway.wait_for_metric("fanfare_sessions{transport=\"sse\"}", 0.0);
}

#[test]
fn a_listener_resumes_through_nginx_where_it_was() {
    let gateway = Gateway::embedded();
    let nginx = Nginx::before(gateway.public());
    let mut listener = listen(nginx.address(), None);
    gateway.post("channel=a", "known");
    listener.expect("known");
    let cursor = listener.cursor();
    drop(listener);
    gateway.post("channel=a", "missed");
    let mut listener = listen(nginx.address(), Some(&cursor));
    listener.expect("missed");
    gateway.post("channel=a", "live");
    listener.expect("live");
}

#[test]
fn chromium_survives_a_restart_of_nginx_and_has_everything_exactly_once() {
    let redis = Redis::start();
    let gateway = Gateway::plan_on(redis.port()).set("sessions.retry", "\"100ms\"").start();
    let mut nginx = Nginx::before(gateway.public());
    let mut chromium = Chromium::start();
    let page = Page::open(&mut chromium, nginx.address(), "channel=a");
    page.wait_for_control("open");
    let publish =
        |numbers: std::ops::Range<u32>| redis.publish_all(numbers.map(|number| ("a", number.to_string())));
    publish(0..10);
    page.expect_all(0..10);
    nginx.kill();
    page.wait_for_state("connecting", 2);
    publish(10..20);
    nginx.revive();
    page.expect_all(0..20);
    publish(20..30);
    page.expect_all(0..30);
    assert_eq!(page.controls("gap"), [], "no gap");
}

#[test]
fn what_comes_through_a_proxy_that_says_so_needs_a_rule() {
    let open = "[[channels]]\nmatch = \"*\"\nsubscribe = \"anyone\"\npublish = \"anyone\"\n";
    let (closed, open) = (Gateway::embedded(), Gateway::plan().rules(open).start());
    let nginx = Nginx::with(closed.public(), FORWARDED);
    let answer = http::request(nginx.address(), "GET", "/events?channel=a", &[], b"");
    assert_eq!((answer.status, &*answer.error_code()), (403, "forbidden"));

    let nginx = Nginx::with(open.public(), FORWARDED);
    let mut listener = listen(nginx.address(), None);
    let answer = http::request(nginx.address(), "POST", "/events?channel=a", &[], b"hello");
    assert_eq!(answer.status, 200);
    listener.expect("hello");
}
