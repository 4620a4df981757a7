//! An application with a session cookie and no tokens is asked whom a cookie belongs to.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::json;
use tests::{
    Gateway, Kept, Redis, Site,
    gateway::Plan,
    http::{self, Answer},
    site::ok,
    tokens::in_seconds,
    wait_for,
};

const RULES: &str = r#"
[[channels]]
match = "open"
subscribe = "anyone"
[[channels]]
match = "user/{sub}"
subscribe = "token"
publish = "token"
[[channels]]
match = "*"
subscribe = "token"
publish = "token"
"#;

fn plan(site: &Site) -> Plan {
    Gateway::plan().set("auth.ask", &format!("{:?}", format!("{}fanfare-auth?x=1", site.url()))).rules(RULES)
}

/// Knows `session=ada` and `session=bob`, of whom the one is 42 and may read `a`, and the other is not let in.
fn application() -> (Site, Arc<Mutex<Vec<String>>>) {
    let heads = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&heads);
    let site = Site::start(move |head| {
        seen.lock().expect("nobody fails with it").push(head.to_owned());
        Some(if head.contains("session=ada") {
            ok(&json!({"sub": "42", "fanfare": {"subscribe": ["a"], "publish": ["a"]}}).to_string())
        } else if head.contains("session=bob") {
            "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n".to_owned()
        } else {
            "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n".to_owned()
        })
    });
    (site, heads)
}

fn ask(gateway: &Gateway, method: &str, channel: &str, headers: &[(&str, &str)]) -> Answer {
    http::request(gateway.public(), method, &format!("/events?channel={channel}"), headers, b"x")
}

fn get(gateway: &Gateway, channel: &str, headers: &[(&str, &str)]) -> Answer {
    http::request(gateway.public(), "GET", &format!("/events?channel={channel}"), headers, b"")
}

/// What the application does instead of an answer.
type Failure = fn(&str) -> Option<String>;

fn outcome(gateway: &Gateway, outcome: &str) -> f64 {
    gateway.metric(&format!("fanfare_asks_total{{outcome=\"{outcome}\"}}"))
}

#[test]
fn what_the_application_says_of_a_cookie_decides() {
    let (site, heads) = application();
    let gateway = plan(&site).start();
    let (ada, bob) = (("Cookie", "x=1; session=ada"), ("Cookie", "session=bob"));
    assert_eq!(get(&gateway, "a", &[ada]).status, 200);
    assert_eq!(get(&gateway, "user/42", &[ada]).status, 200);
    assert_eq!(get(&gateway, "user/43", &[ada]).status, 403);
    assert_eq!(ask(&gateway, "POST", "a", &[ada]).status, 200);
    assert_eq!(ask(&gateway, "POST", "b", &[ada]).status, 403);
    assert_eq!(get(&gateway, "open", &[bob]).status, 403);
    assert_eq!(get(&gateway, "a", &[("Cookie", "session=eve")]).error_code(), "unauthorized");
    assert_eq!(get(&gateway, "open", &[("Cookie", "session=eve")]).status, 200);
    let asked = site.asked();
    assert_eq!(get(&gateway, "a", &[]).error_code(), "unauthorized");
    assert_eq!(site.asked(), asked, "without a cookie nobody is asked");
    let head = heads.lock().unwrap()[0].to_ascii_lowercase();
    assert!(head.starts_with("post /fanfare-auth?x=1 http/1.1"), "{head}");
    assert!(head.contains("cookie: x=1; session=ada\r\n"), "{head}");
    // The same question is asked once.
    assert_eq!(get(&gateway, "a", &[ada]).status, 200);
    assert_eq!(site.asked(), asked);
    assert_eq!(outcome(&gateway, "remembered"), 1.0);
}

#[test]
fn an_answer_holds_for_its_question_and_no_longer_than_it_says() {
    let site = Site::start(|_| None);
    let says = |seconds: f64| {
        json!({"sub": "42", "exp": in_seconds(seconds), "fanfare": {"subscribe": ["a"]}}).to_string()
    };
    let gateway = plan(&site).set("listen.trusted_proxies", "[\"127.0.0.1\"]").start();
    let status = |address| {
        get(&gateway, "a", &[("Cookie", "n=Andr\u{e9}; session=ada"), ("X-Forwarded-For", address)]).status
    };
    site.set(&says(2.0));
    assert_eq!(status("192.0.2.1"), 200);
    site.change(|_| Some("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n".to_owned()));
    assert_eq!((status("192.0.2.2"), status("192.0.2.1")), (403, 200));
    wait_for("its end", || status("192.0.2.1") == 403);
}

#[test]
fn who_was_revoked_is_refused_until_the_application_is_asked_anew() {
    let (redis, (site, _)) = (Redis::start(), application());
    let gateway = Gateway::plan_on(redis.port())
        .set("auth.ask", &format!("{:?}", format!("{}fanfare-auth", site.url())))
        .set("auth.ask_cache", "\"3s\"")
        .rules(RULES)
        .start();
    let ada = ("Cookie", "session=ada");
    assert_eq!(get(&gateway, "a", &[ada]).status, 200);
    redis.command(&["PUBLISH", "fanfare:@control", "{\"revoke\":{\"subject\":\"42\"}}"]);
    wait_for("the revocation", || get(&gateway, "a", &[ada]).status == 401);
    // What it said is forgotten by then, and what it says now it says in spite of that.
    wait_for("another answer", || get(&gateway, "a", &[ada]).status == 200);
}

#[test]
fn pages_of_others_cannot_use_the_cookie() {
    let (site, _) = application();
    let gateway = plan(&site).set("cors.origins", "[\"https://app.example\"]").start();
    let with = |origin| [("Cookie", "session=ada"), ("Origin", origin)];
    assert_eq!(ask(&gateway, "POST", "a", &with("https://app.example")).status, 200);
    assert_eq!(get(&gateway, "a", &with("https://evil.example")).status, 401);
    assert_eq!(ask(&gateway, "POST", "a", &with("https://evil.example")).status, 403);
    assert_eq!(site.asked(), 1);
}

#[test]
fn an_application_that_does_not_answer_sends_nobody_away_for_good() {
    let (site, _) = application();
    let gateway = plan(&site).set("auth.ask_timeout", "\"200ms\"").set("auth.ask_cache", "\"0s\"").start();
    let cookie = ("Cookie", "session=ada");
    let failures: [(&str, Failure); 4] = [
        ("failed", |_| None),
        ("failed", |_| Some("HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n".to_owned())),
        ("failed", |_| Some(ok("no claims"))),
        ("timeout", |_| {
            std::thread::sleep(Duration::from_secs(1));
            None
        }),
    ];
    assert!(!gateway.log().contains("does not tell whom"));
    for (name, failure) in failures {
        let before = outcome(&gateway, name);
        site.change(failure);
        let answer = get(&gateway, "a", &[cookie]);
        assert_eq!((answer.status, &*answer.error_code()), (503, "auth-unavailable"));
        assert_eq!(outcome(&gateway, name), before + 1.0, "{name}");
    }
    drop(gateway.wait_for_line("does not tell whom cookies belong to"));
    let said = http::request(
        gateway.public(),
        "GET",
        "/events?channel=a",
        &[cookie, ("Accept", "text/event-stream")],
        b"",
    );
    assert_eq!(said.status, 200);
    assert!(said.text().contains("event: fanfare.bye") && said.text().contains("auth-unavailable"));
}

#[test]
fn an_application_is_not_asked_more_at_once_than_it_may() {
    let site = Site::start(|_| None);
    let gateway = plan(&site).set("auth.ask_max", "2").set("auth.ask_timeout", "\"2s\"").start();
    site.change(|_| {
        std::thread::sleep(Duration::from_secs(3));
        None
    });
    let answers: Vec<_> = std::thread::scope(|scope| {
        let ask = |number: usize| {
            let cookie = format!("session={number}");
            get(&gateway, "a", &[("Cookie", &*cookie)]).status
        };
        let asking: Vec<_> = (0..10).map(|number| scope.spawn(move || ask(number))).collect();
        asking.into_iter().map(|asking| asking.join().unwrap()).collect()
    });
    assert_eq!(answers, [503; 10]);
    assert_eq!((outcome(&gateway, "overload"), outcome(&gateway, "timeout")), (8.0, 2.0));
}

#[test]
fn a_session_has_what_the_application_said_until_it_says_it_ends() {
    let site = Site::start(|_| None);
    let claims = |exp: f64| json!({"sub": "42", "exp": exp, "fanfare": {"subscribe": ["a"]}});
    site.set(&claims(tests::tokens::in_seconds(3.0)).to_string());
    let gateway = plan(&site).start();
    let mut headers = tests::websocket::headers("dGhlIHNhbXBsZSBub25jZQ==").to_vec();
    headers.push(("Cookie", "session=ada"));
    let mut connection = Kept::open(gateway.public());
    connection.ask("/events?channel=a", &headers);
    assert_eq!(connection.answer().status, 101);
    gateway.wait_for_metric(
        "fanfare_sessions_closed_total{reason=\"token-expired\",transport=\"websocket\"}",
        1.0,
    );
}
