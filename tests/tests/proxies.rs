//! Whom the gateway believes to be there when proxies stand in between: headers and the PROXY
//! protocol, from addresses that are trusted and from others.

use std::{
    io::{Read, Write},
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream},
};

use tests::{Gateway, Haproxy, Nginx, Upstream, gateway::Plan, http};

const OPEN: &str = "[[channels]]\nmatch = \"*\"\nsubscribe = \"anyone\"\n";
/// Where browsers are; what is trusted is 127.0.0.1.
const BROWSER: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
const REFUSED: &str = "fanfare_rejected_total{reason=\"proxy_protocol\"}";

fn plan() -> Plan {
    Gateway::plan().rules(OPEN).set("log.sessions", "true")
}

fn trusting() -> Plan {
    plan().set("listen.trusted_proxies", "[\"127.0.0.1\"]")
}

fn by_protocol() -> Plan {
    trusting().set("listen.proxy_protocol", "true")
}

/// Asks for an event stream and waits until it has begun.
fn listen(stream: &mut TcpStream, headers: &str) {
    let request = format!("GET /events?channel=a&transport=sse HTTP/1.1\r\nHost: a\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).expect("the request is taken");
    let (mut answer, mut buffer) = (String::new(), [0; 1024]);
    while !answer.contains("fanfare.open") {
        let count = stream.read(&mut buffer).expect("an answer");
        assert!(count > 0, "it ended: {answer}");
        answer.push_str(&String::from_utf8_lossy(&buffer[..count]));
    }
}

/// Who the gateway says it was, once the session has ended.
fn client_of(gateway: &Gateway, session: TcpStream) -> String {
    drop(session);
    let line = gateway.wait_for_line("a session ended");
    let (_, rest) = line.split_once("client=").expect("it names the client");
    rest.split(' ').next().unwrap_or_default().to_owned()
}

/// Who the gateway says a browser was that listens through `balancer` and claims to be others.
fn client_through(balancer: SocketAddr, gateway: &Gateway) -> (String, SocketAddr) {
    let mut session = http::connect_from(BROWSER, balancer);
    let browser = session.local_addr().expect("it is connected");
    listen(&mut session, "X-Forwarded-For: 6.6.6.6\r\nForwarded: for=7.7.7.7\r\n");
    (client_of(gateway, session), browser)
}

#[test]
fn behind_haproxy_the_client_is_the_browser_whatever_it_claims() {
    let gateway = trusting().start();
    let haproxy = Haproxy::before(&[gateway.upstream(), Upstream::vacant()]);
    assert_eq!(client_through(haproxy.address(), &gateway).0, "127.0.0.2");
}

#[test]
fn behind_nginx_the_client_is_the_browser_whatever_it_claims() {
    let gateway = trusting().start();
    let nginx = Nginx::shipped([gateway.upstream(), Upstream::vacant()]);
    assert_eq!(client_through(nginx.address(), &gateway).0, "127.0.0.2");
}

#[test]
fn haproxy_introduces_the_browser_by_either_version_of_the_proxy_protocol() {
    for version in ["send-proxy", "send-proxy-v2"] {
        let gateway = by_protocol().start();
        let upstreams = [gateway.upstream(), Upstream::vacant()];
        let haproxy = Haproxy::with(&upstreams, &[("FANFARE_SEND_PROXY", version)]);
        let (client, browser) = client_through(haproxy.address(), &gateway);
        assert_eq!(client, browser.to_string(), "{version}");
        let poll = http::request(haproxy.address(), "GET", "/events?channel=a", &[], b"");
        assert_eq!(poll.status, 200);
    }
}

#[test]
fn headers_of_a_stranger_change_nothing_and_are_warned_of_with_the_line_to_write() {
    for (header, trusted) in
        [("X-Forwarded-For: 6.6.6.6", "[]"), ("Forwarded: for=6.6.6.6", "[\"10.0.0.0/8\"]")]
    {
        let gateway = plan().set("listen.trusted_proxies", trusted).start();
        let mut session = http::connect_from(BROWSER, gateway.public());
        let browser = session.local_addr().unwrap();
        listen(&mut session, &format!("{header}\r\n"));
        assert_eq!(client_of(&gateway, session), browser.to_string());
        let line = gateway.wait_for_line("127.0.0.2 says in headers whom it speaks for, and is not believed");
        let list = if trusted == "[]" { "[\"127.0.0.2\"]" } else { "[\"10.0.0.0/8\", \"127.0.0.2\"]" };
        assert!(line.ends_with(&format!("trusted_proxies = {list}")), "{line}");
        // Once.
        drop(http::request(gateway.public(), "GET", "/", &[("X-Forwarded-For", "6.6.6.6")], b""));
        drop(client_through(gateway.public(), &gateway));
        assert_eq!(gateway.log().matches("127.0.0.2 says in headers").count(), 1);
    }
}

#[test]
fn an_introduction_is_understood_in_however_many_pieces_it_comes() {
    let text = b"PROXY TCP4 192.0.2.7 192.0.2.1 4711 80\r\n".to_vec();
    let mut binary = b"\r\n\r\n\0\r\nQUIT\n\x21\x21".to_vec();
    let extension = [[3, 0, 4, 1, 2, 3, 4].as_slice(), &[4, 2, 0], &[0; 512]].concat();
    binary.extend(u16::try_from(36 + extension.len()).unwrap().to_be_bytes());
    let source = std::net::Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 7).octets();
    binary
        .extend([&source[..], &[0; 16], &4711_u16.to_be_bytes(), &80_u16.to_be_bytes(), &extension].concat());
    for (header, client) in [(text, "192.0.2.7:4711"), (binary, "[2001:db8::7]:4711")] {
        let gateway = by_protocol().start();
        let mut session = http::connect(gateway.public());
        session.set_nodelay(true).unwrap();
        header.iter().for_each(|byte| session.write_all(&[*byte]).unwrap());
        listen(&mut session, "");
        assert_eq!(client_of(&gateway, session), client);
    }
}

#[test]
fn a_proxy_may_speak_for_itself() {
    for header in [&b"PROXY UNKNOWN\r\n"[..], b"\r\n\r\n\0\r\nQUIT\n\x20\x00\0\0"] {
        let gateway = by_protocol().start();
        let mut session = http::connect(gateway.public());
        let own = session.local_addr().unwrap();
        session.write_all(header).unwrap();
        listen(&mut session, "");
        assert_eq!(client_of(&gateway, session), own.to_string());
    }
}

#[test]
fn a_trusted_proxy_that_does_not_introduce_its_connection_is_refused() {
    let gateway = by_protocol().start();
    let request = b"GET /events?channel=a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    assert_eq!(http::raw(gateway.public(), request), b"");
    gateway.wait_for_metric(REFUSED, 1.0);
    let line = gateway.wait_for_line("127.0.0.1 is trusted to begin with a header of the PROXY protocol");
    assert!(line.contains("send-proxy-v2") && line.contains("proxy_protocol = false"), "{line}");
    // What only looks whether the port is open is no offence.
    drop(http::connect(gateway.public()));
    drop(http::raw(gateway.public(), b"PROXY TCP4 nonsense\r\n"));
    gateway.wait_for_metric(REFUSED, 2.0);
}

#[test]
fn who_is_not_trusted_is_served_as_itself_and_may_not_introduce_others() {
    let gateway = by_protocol().start();
    let mut session = http::connect_from(BROWSER, gateway.public());
    let browser = session.local_addr().unwrap();
    listen(&mut session, "");
    assert_eq!(client_of(&gateway, session), browser.to_string());

    for header in [&b"PROXY TCP4 6.6.6.6 6.6.6.6 6 6\r\n"[..], b"\r\n\r\n\0\r\nQUIT\n\x20\x00\0\0"] {
        let before = gateway.metric(REFUSED);
        let mut stream = http::connect_from(BROWSER, gateway.public());
        stream.write_all(&[header, b"GET /events?channel=a HTTP/1.1\r\nHost: a\r\n\r\n"].concat()).unwrap();
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        assert!(!answer.contains("HTTP/1.1 200"), "{answer}");
        gateway.wait_for_metric(REFUSED, before + 1.0);
    }
    let line = gateway.wait_for_line("127.0.0.2 begins with a header of the PROXY protocol, and is refused");
    assert!(line.ends_with(r#"trusted_proxies = ["127.0.0.1", "127.0.0.2"]"#), "{line}");
}

#[test]
fn an_introduction_that_does_not_come_is_not_waited_for() {
    let gateway = by_protocol().set("listen.head_timeout", "\"100ms\"").start();
    for beginning in [&b""[..], b"PROXY TCP4"] {
        assert_eq!(http::raw(gateway.public(), beginning), b"");
    }
    gateway.wait_for_metric("fanfare_rejected_total{reason=\"head_timeout\"}", 2.0);
}

#[test]
fn without_rules_what_a_trusted_proxy_brings_is_not_from_this_machine() {
    let gateway = Gateway::plan()
        .set("listen.trusted_proxies", "[\"127.0.0.1\"]")
        .set("listen.proxy_protocol", "true")
        .start();
    let request = "GET /events?channel=a HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    for introduction in ["PROXY UNKNOWN\r\n", "PROXY TCP4 127.0.0.1 127.0.0.1 6 6\r\n"] {
        let answer = http::raw(gateway.public(), format!("{introduction}{request}").as_bytes());
        let answer = http::parse(&answer).expect("an answer");
        assert_eq!((answer.status, &*answer.error_code()), (403, "forbidden"));
        assert!(answer.text().contains("through a proxy"), "{}", answer.text());
    }
    let gateway = Gateway::plan().set("listen.trusted_proxies", "[\"127.0.0.1\"]").start();
    let status = |address| {
        let mut stream = http::connect_from(address, gateway.public());
        stream.write_all(request.as_bytes()).expect("the request is taken");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("an answer");
        http::parse(&answer).expect("an answer").status
    };
    assert_eq!(status(IpAddr::V4(Ipv4Addr::LOCALHOST)), 403, "also where it adds no header");
    assert_eq!(status(BROWSER), 200, "others are still here");
}
