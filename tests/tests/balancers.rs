//! Gateways behind HAProxy, nginx and Caddy, with the files that are shipped for them.

use std::{any::Any, net::SocketAddr, thread};

use serde_json::json;
use tests::{
    Caddy, DeadEnd, Gateway, Haproxy, Listener, Nginx, Redis, Upstream, WebSocket, gateway::Plan, http,
    wait_for, wait_some,
};

const OPEN: &str = "[[channels]]\nmatch = \"*\"\nsubscribe = \"anyone\"\npublish = \"anyone\"\n";
const SESSIONS: &str = "fanfare_sessions{transport=\"sse\"}";

/// A gateway that is to stand behind a balancer on this machine.
fn plan(redis: &Redis) -> Plan {
    // Heartbeats this short make a second gateway ready soon.
    Gateway::plan_on(redis.port())
        .rules(OPEN)
        .set("listen.trusted_proxies", "[\"127.0.0.1\"]")
        .set("sessions.heartbeat", "\"500ms\"")
}

fn two(redis: &Redis) -> [Gateway; 2] {
    [(); 2].map(|()| plan(redis).start())
}

fn upstreams(gateways: &[Gateway; 2]) -> [Upstream; 2] {
    [gateways[0].upstream(), gateways[1].upstream()]
}

/// A balancer, whichever it is.
struct Balancer {
    address: SocketAddr,
    _process: Box<dyn Any>,
}

const BALANCERS: [fn([Upstream; 2]) -> Balancer; 3] = [
    |upstreams| {
        let haproxy = Haproxy::before(&upstreams);
        Balancer { address: haproxy.address(), _process: Box::new(haproxy) }
    },
    |upstreams| {
        let nginx = Nginx::shipped(upstreams);
        Balancer { address: nginx.address(), _process: Box::new(nginx) }
    },
    |upstreams| {
        let caddy = Caddy::before(upstreams);
        Balancer { address: caddy.address(), _process: Box::new(caddy) }
    },
];

/// Does the same behind each of the balancers.
fn behind_each(upstreams: [Upstream; 2], mut test: impl FnMut(SocketAddr)) {
    for start in BALANCERS {
        test(start(upstreams).address);
    }
}

fn listen(balancer: SocketAddr, last_id: Option<&str>) -> Listener {
    Listener::open(balancer, "channel=a", last_id)
}

fn as_event_source(balancer: SocketAddr, query: &str) -> http::Answer {
    http::request(balancer, "GET", &format!("/events?{query}"), &[("Accept", "text/event-stream")], b"")
}

#[test]
fn sessions_spread_evenly_and_each_gets_what_is_published_anywhere() {
    let redis = Redis::start();
    let gateways = two(&redis);
    behind_each(upstreams(&gateways), |balancer| {
        let mut listeners: Vec<_> = (0..6).map(|_| listen(balancer, None)).collect();
        assert_eq!(gateways.each_ref().map(|gateway| gateway.metric(SESSIONS)), [3.0, 3.0]);
        let answer = http::request(balancer, "POST", "/events?channel=a", &[], b"over HTTP");
        assert_eq!((answer.status, answer.json()["subscribers"].as_u64()), (202, Some(2)));
        redis.publish("a", "through Redis");
        for listener in &mut listeners {
            listener.expect_all(["over HTTP", "through Redis"]);
        }
        let poll = http::request(balancer, "GET", "/events?channel=a", &[], b"").json();
        assert_eq!(poll["publications"][0]["data"], "through Redis");
        drop(listeners);
        gateways.iter().for_each(|gateway| gateway.wait_for_metric(SESSIONS, 0.0));
    });
}

#[test]
fn haproxy_knows_a_third_gateway_if_it_is_named() {
    let gateways = [(); 3].map(|()| Gateway::plan().rules(OPEN).start());
    let haproxy = Haproxy::before(&gateways.each_ref().map(Gateway::upstream));
    let _listeners: Vec<_> = (0..6).map(|_| listen(haproxy.address(), None)).collect();
    assert_eq!(gateways.each_ref().map(|gateway| gateway.metric(SESSIONS)), [2.0; 3]);
}

#[test]
fn sessions_of_a_killed_gateway_go_on_at_the_other_without_a_gap() {
    let redis = Redis::start();
    for start in BALANCERS {
        let [killed, other] = two(&redis);
        let balancer = start([killed.upstream(), other.upstream()]);
        let mut listeners: Vec<_> = (0..4).map(|_| listen(balancer.address, None)).collect();
        redis.publish("a", "known");
        listeners.iter_mut().for_each(|listener| drop(listener.expect("known")));
        drop(killed);
        redis.publish("a", "missed by half of them");
        let mut returned = 0;
        for listener in &mut listeners {
            let next = std::iter::from_fn(|| listener.try_next()).find(|event| event.name.is_empty());
            if next.is_none() {
                *listener = listen(balancer.address, Some(&listener.cursor()));
                listener.expect("missed by half of them");
                returned += 1;
            }
        }
        assert_eq!((returned, other.metric(SESSIONS)), (2, 4.0));
        redis.publish("a", "live");
        listeners.iter_mut().for_each(|listener| drop(listener.expect("live")));
    }
}

/// When an event stream is asked to come back, by a balancer that has no gateway for it.
fn retry(balancer: SocketAddr, by_transport: bool) -> u64 {
    let answer = match by_transport {
        true => http::request(balancer, "GET", "/events?channel=a&transport=sse", &[], b""),
        false => as_event_source(balancer, "channel=a"),
    };
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("text/event-stream")));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    // Pages of other origins must be allowed to read it, or an EventSource gives up.
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    let text = answer.text();
    let retry = text.strip_prefix("retry: ").and_then(|text| text.strip_suffix("\n\n"));
    retry.and_then(|retry| retry.parse().ok()).unwrap_or_else(|| panic!("{text:?}"))
}

#[test]
fn without_any_gateway_event_streams_are_asked_to_come_back_and_the_rest_gets_a_503() {
    behind_each([Upstream::vacant(), Upstream::vacant()], |balancer| {
        // All at once: HAProxy takes its time to find out that nobody is there.
        let asking: Vec<_> =
            (0..8).map(|number| thread::spawn(move || retry(balancer, number % 2 == 0))).collect();
        let mut retries: Vec<u64> = asking.into_iter().map(|asking| asking.join().unwrap()).collect();
        assert!(retries.iter().all(|retry| (1000..5000).contains(retry)), "{retries:?}");
        retries.sort_unstable();
        retries.dedup();
        assert!(retries.len() > 2, "they do not come back in step: {retries:?}");

        let poll = http::request(balancer, "GET", "/events?channel=a", &[], b"");
        let post = http::request(balancer, "POST", "/events?channel=a", &[], b"x");
        for answer in [poll, post, as_event_source(balancer, "channel=a&transport=poll")] {
            assert_eq!((answer.status, &*answer.error_code()), (503, "no_gateway"));
            let after: u64 =
                answer.header("retry-after").and_then(|after| after.parse().ok()).expect("a time");
            assert!((1..=5).contains(&after), "{after}");
        }
    });
}

#[test]
fn a_gateway_that_comes_back_is_found_at_once() {
    for start in BALANCERS {
        let places = [Upstream::vacant(), Upstream::vacant()];
        let balancer = start(places);
        retry(balancer.address, true);
        let gateway = Gateway::plan().at(places[0]).rules(OPEN).start();
        let mut listener = listen(balancer.address, None);
        gateway.post("channel=a", "here again");
        listener.expect("here again");
    }
}

#[test]
fn a_page_of_the_balancers_own_origin_may_publish() {
    let redis = Redis::start();
    let gateways = two(&redis);
    behind_each(upstreams(&gateways), |balancer| {
        let post = |origin: &str| {
            let request = format!(
                "POST /events?channel=a HTTP/1.1\r\nHost: push.example:8443\r\nOrigin: {origin}\r\n\
                 Content-Length: 1\r\nConnection: close\r\n\r\nx"
            );
            http::parse(&http::raw(balancer, request.as_bytes())).expect("an answer").status
        };
        assert_eq!(post("https://push.example:8443"), 202);
        assert_eq!(post("https://other.example:8443"), 403);
    });
}

#[test]
fn what_is_wrong_with_a_request_for_an_event_stream_is_said_as_it_is() {
    let redis = Redis::start();
    let gateways = two(&redis);
    behind_each(upstreams(&gateways), |balancer| {
        let answer = as_event_source(balancer, "channel=@ours");
        assert_eq!((answer.status, &*answer.error_code()), (400, "bad_channel"));
    });
}

#[test]
fn gateways_that_are_all_red_serve_anyway() {
    let mut redis = Redis::start();
    let red = || plan(&redis).set("broker.readiness", "true").start();
    let gateways = (red(), red());
    let haproxy = Haproxy::before(&[gateways.0.upstream(), gateways.1.upstream()]);
    redis.kill();
    for (gateway, server) in [(&gateways.0, "one"), (&gateways.1, "two")] {
        wait_for("the gateway to turn red", || !gateway.is_ready());
        haproxy.wait_until_down(server);
    }
    drop(listen(haproxy.address(), None));
    let poll = http::request(haproxy.address(), "GET", "/events?channel=a", &[], b"");
    assert_eq!(poll.status, 200);

    // Also when one of them is gone.
    let (gone, rest) = gateways;
    drop(gone);
    let mut more: Vec<_> = (0..3).map(|_| listen(haproxy.address(), None)).collect();
    redis.revive();
    rest.wait_for_metric("fanfare_broker_roundtrip_ok", 1.0);
    redis.publish("a", "back again");
    for listener in &mut more {
        let mut events = std::iter::from_fn(|| listener.try_next());
        assert!(events.any(|event| event.data == "back again"));
    }
}

#[test]
fn a_publication_is_sent_once_and_a_request_for_an_event_stream_until_it_is_answered() {
    let ends = [DeadEnd::start(), DeadEnd::start()];
    let count = |method| ends.iter().map(|end| end.count(method)).sum::<usize>();
    let mut posted = 0;
    behind_each(ends.each_ref().map(DeadEnd::upstream), |balancer| {
        let answer = http::request(balancer, "POST", "/events?channel=a", &[], b"x");
        posted += 1;
        assert!([502, 503].contains(&answer.status), "{answer:?}");
        assert_eq!(count("POST"), posted);
        let before = count("GET");
        assert_eq!(as_event_source(balancer, "channel=a").status, 200);
        assert!(count("GET") >= before + 2, "both were asked");
    });
}

#[test]
fn a_reload_of_haproxy_costs_no_session() {
    let redis = Redis::start();
    let gateways = two(&redis);
    let haproxy = Haproxy::before(&upstreams(&gateways));
    let mut old = listen(haproxy.address(), None);
    haproxy.reload();
    let mut new = listen(haproxy.address(), None);
    redis.publish("a", "to both");
    old.expect("to both");
    new.expect("to both");
}

#[test]
fn a_browser_that_hangs_up_is_noticed_at_once() {
    let redis = Redis::start();
    let gateways = [(); 2].map(|()| plan(&redis).set("sessions.heartbeat", "\"1h\"").launch());
    wait_for("sessions to be let in", || {
        gateways.iter().all(|gateway| gateway.get("/events?channel=a").status == 200)
    });
    behind_each(upstreams(&gateways), |balancer| {
        let listeners = [listen(balancer, None), listen(balancer, None)];
        let sessions = || gateways.iter().map(|gateway| gateway.metric(SESSIONS)).sum::<f64>();
        assert_eq!(sessions(), 2.0);
        drop(listeners);
        wait_for("the sessions to end", || sessions() == 0.0);
    });
}

#[test]
fn a_gateway_that_is_about_to_leave_gets_no_new_sessions_from_haproxy() {
    let redis = Redis::start();
    let staying = plan(&redis).start();
    let mut leaving = plan(&redis).set("drain.delay", "\"20s\"").start();
    let haproxy = Haproxy::before(&[staying.upstream(), leaving.upstream()]);
    leaving.drain();
    haproxy.wait_until_down("two");
    let _listeners: Vec<_> = (0..4).map(|_| listen(haproxy.address(), None)).collect();
    assert_eq!([&staying, &leaving].map(|gateway| gateway.metric(SESSIONS)), [4.0, 0.0]);
    // It has nothing to wait for, and the test neither.
    leaving.drain();
    leaving.process().wait();
}

#[test]
fn every_transport_passes_each_balancer() {
    let redis = Redis::start();
    let gateways = two(&redis);
    behind_each(upstreams(&gateways), |balancer| {
        let mut socket = WebSocket::open(balancer, "channel=a");
        socket.expect_event("open");
        let mut listener = listen(balancer, None);
        // A poll that waits.
        let cursor = listener.cursor();
        let waiting = thread::spawn(move || {
            let path = format!("/events?channel=a&transport=poll&wait=20&since={cursor}");
            http::request(balancer, "GET", &path, &[], b"").text()
        });
        let published = socket.ask(json!({ "publish": { "channel": "a", "data": "to all" }, "echo": false }));
        assert_eq!(published["ok"], true, "{published}");
        listener.expect("to all");
        redis.publish("a", "more");
        // Heartbeats come in between.
        while socket.message()["data"] != "more" {}
        assert!(waiting.join().unwrap().contains("\"data\":\"to all\""));
        // The other gateway may be a moment behind.
        let poll = wait_some("a poll that has both", || {
            let poll = http::request(balancer, "GET", "/events?channel=a", &[], b"");
            poll.text().contains("more").then_some(poll)
        });
        let tag = poll.header("etag").unwrap();
        wait_for("what is known to be answered so", || {
            let headers = [("If-None-Match", tag)];
            http::request(balancer, "GET", "/events?channel=a", &headers, b"").status == 304
        });
    });
}
