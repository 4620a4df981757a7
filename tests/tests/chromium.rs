//! A real Chromium: what its EventSource makes of cuts, other gateways and drains, and the gateway's
//! own page.

use std::net::SocketAddr;

use serde_json::json;
use tests::{
    Chromium, Gateway, Issuer, Proxy, Redis, Reporter, chromium::Page, gateway::Plan, tokens::in_seconds,
};

/// Browsers are told to come back soon, so that tests need not wait for them.
fn soon(plan: Plan) -> Plan {
    plan.set("sessions.retry", "\"100ms\"")
}

fn first(redis: &Redis) -> Gateway {
    soon(Gateway::plan_on(redis.port())).start()
}

/// One beside the first. It is ready one heartbeat after it has seen that, so let this be short.
fn second(redis: &Redis) -> Gateway {
    soon(Gateway::plan_on(redis.port())).set("sessions.heartbeat", "\"200ms\"").start()
}

fn publish(redis: &Redis, numbers: std::ops::Range<u32>) {
    redis.publish_all(numbers.map(|number| ("a", number.to_string())));
}

/// Opens a page on `channel=a` and waits until its session has begun.
fn open(chromium: &mut Chromium, gateway: SocketAddr) -> Page {
    let page = Page::open(chromium, gateway, "channel=a");
    page.wait_for_control("open");
    page
}

/// What must hold at the end of every test: nothing was lost, so no gap was told.
fn assert_whole(page: &Page) {
    assert_eq!(page.controls("gap"), [], "no gap");
    assert!(!page.states().contains(&"closed".to_owned()), "an EventSource that gave up");
}

#[test]
fn chromium_comes_back_by_itself_and_has_everything_exactly_once() {
    let redis = Redis::start();
    let gateway = first(&redis);
    let proxy = Proxy::to(gateway.public());
    let mut chromium = Chromium::start();
    let page = open(&mut chromium, proxy.address());
    publish(&redis, 0..10);
    page.expect_all(0..10);
    page.cut_off(&proxy);
    publish(&redis, 10..20);
    proxy.set_closed(false);
    page.expect_all(0..20);
    publish(&redis, 20..30);
    page.expect_all(0..30);
    assert_whole(&page);
}

#[test]
fn chromium_comes_back_to_another_gateway_and_has_everything_exactly_once() {
    let redis = Redis::start();
    let (one, two) = (first(&redis), second(&redis));
    let proxy = Proxy::to(one.public());
    let mut chromium = Chromium::start();
    let page = open(&mut chromium, proxy.address());
    publish(&redis, 0..10);
    page.expect_all(0..10);
    page.cut_off(&proxy);
    publish(&redis, 10..20);
    proxy.redirect(two.public());
    proxy.set_closed(false);
    page.expect_all(0..20);
    publish(&redis, 20..30);
    page.expect_all(0..30);
    assert_eq!(two.metric("fanfare_resumes_total{outcome=\"complete\"}"), 1.0);
    assert_whole(&page);
}

#[test]
fn chromium_that_was_cut_before_its_first_publication_misses_none() {
    let redis = Redis::start();
    let one = soon(Gateway::plan_on(redis.port())).set("sessions.heartbeat", "\"1h\"").start();
    let two = second(&redis);
    let proxy = Proxy::to(one.public());
    let mut chromium = Chromium::start();
    let page = open(&mut chromium, proxy.address());
    page.cut_off(&proxy);
    assert_eq!(page.events().len(), 1, "the id of fanfare.open is all it knows");
    publish(&redis, 0..10);
    proxy.redirect(two.public());
    proxy.set_closed(false);
    page.expect_all(0..10);
    publish(&redis, 10..20);
    page.expect_all(0..20);
    assert_whole(&page);
}

#[test]
fn chromium_that_was_cut_after_nothing_but_heartbeats_misses_none() {
    let redis = Redis::start();
    let (one, two) = (second(&redis), second(&redis));
    let proxy = Proxy::to(one.public());
    let mut chromium = Chromium::start();
    let page = open(&mut chromium, proxy.address());
    let opened = page.wait_for_control("open").id;
    redis.publish("b", "moves the cursor on");
    tests::wait_for("a newer cursor", || page.controls("cursor").iter().any(|cursor| cursor.id != opened));
    page.cut_off(&proxy);
    publish(&redis, 0..10);
    proxy.redirect(two.public());
    proxy.set_closed(false);
    page.expect_all(0..10);
    publish(&redis, 10..20);
    page.expect_all(0..20);
    assert_whole(&page);
}

#[test]
fn chromium_moves_from_a_draining_gateway_to_another_without_a_gap() {
    let redis = Redis::start();
    let (mut one, two) = (first(&redis), second(&redis));
    let proxy = Proxy::to(one.public());
    let mut chromium = Chromium::start();
    let page = open(&mut chromium, proxy.address());
    publish(&redis, 0..10);
    page.expect_all(0..10);
    proxy.redirect(two.public());
    one.drain();
    publish(&redis, 10..20);
    let bye = page.wait_for_control("bye");
    assert!(bye.data.contains("drain"), "{bye:?}");
    publish(&redis, 20..30);
    page.expect_all(0..30);
    publish(&redis, 30..40);
    page.expect_all(0..40);
    assert_eq!(one.process().wait().code(), Some(0));
    assert_whole(&page);
}

#[test]
fn the_gateways_own_page_subscribes_publishes_and_shows_what_arrives() {
    let gateway = soon(Gateway::plan()).start();
    let proxy = Proxy::to(gateway.public());
    let mut chromium = Chromium::start();
    let page = chromium.open(&format!("http://{}/", proxy.address()));
    chromium.wait_until(&page, &says("#state", "listening"));
    chromium.wait_until(&page, &says("#example", "fanfare publish 'news'"));

    let mut listener = gateway.listen("channel=news");
    chromium.enter(&page, "#data", "from the page");
    listener.expect("from the page");
    chromium.wait_until(&page, &says("#received > :first-child span", "from the page"));
    gateway.post("channel=news&event=greeting", "<b>from outside</b>");
    chromium.wait_until(&page, &says("#received > :first-child span", "<b>from outside</b>"));
    chromium.wait_until(&page, &says("#received > :first-child small", "greeting"));

    // It comes back by itself, and another channel shows nothing of this one.
    proxy.cut();
    gateway.post("channel=news", "once");
    chromium.wait_until(&page, &says("#received > :first-child span", "once"));
    assert_eq!(chromium.evaluate(&page, "document.querySelectorAll('#received > li').length"), 3);
    chromium.enter(&page, "#channel", "other");
    chromium.wait_until(&page, "document.querySelectorAll('#received > li').length === 0");
    gateway.post("channel=other", "on the other channel");
    chromium.wait_until(&page, &says("#received > :first-child span", "on the other channel"));
}

#[test]
fn the_gateways_own_page_gives_the_browser_nothing_to_complain_about() {
    let gateway = soon(Gateway::plan()).start();
    let mut chromium = Chromium::start();
    let page = chromium.open(&format!("http://{}/", gateway.public()));
    chromium.wait_until(&page, &says("#state", "listening"));
    chromium.enter(&page, "#data", "from the page");
    chromium.wait_until(&page, &says("#received", "from the page"));
    assert_eq!(chromium.complaints(), [""; 0]);
}

#[test]
fn the_gateways_own_page_says_why_a_channel_is_refused() {
    let gateway = soon(Gateway::plan()).start();
    let mut chromium = Chromium::start();
    let page = chromium.open(&format!("http://{}/", gateway.public()));
    chromium.wait_until(&page, &says("#state", "listening"));
    chromium.enter(&page, "#channel", "@ours");
    chromium.wait_until(&page, &says("#state", "refused"));
    chromium.enter(&page, "#data", "into the void");
    chromium.wait_until(&page, &says("#error", "@"));
}

/// A page whose EventSource can send no headers: it has its token put into a cookie, and a new one before the old
/// one expires.
const WITH_A_COOKIE: &str = r#"
    window.seen = []; window.byes = []; window.renewed = 0;
    window.show = token => fetch("/token", { method: "POST", headers: { authorization: `Bearer ${token}` } });
    window.show(TOKENS[0]).then(() => {
        window.source = new EventSource("/events?channel=a");
        window.source.onmessage = event => window.seen.push(event.data);
        window.source.addEventListener("fanfare.bye", event => window.byes.push(JSON.parse(event.data).reason));
        window.source.addEventListener("fanfare.expiring", () => {
            window.renewed += 1;
            window.show(TOKENS[1]);
        });
    });
    true
"#;

#[test]
fn chromium_stays_connected_over_token_expiry_with_the_cookie_and_over_a_revocation_it_does_not() {
    const SECRET: &str = "a secret for tests, which everybody may know";
    let redis = Redis::start();
    let gateway = soon(Gateway::plan_on(redis.port()))
        .set("auth.secret", &format!("{SECRET:?}"))
        .rules("[[channels]]\nmatch = \"*\"\nsubscribe = \"token\"\n")
        .start();
    let issuer = Issuer::hmac(jsonwebtoken::Algorithm::HS256, SECRET.as_bytes());
    let token = |seconds| {
        let grants = json!({"subscribe": ["a"]});
        issuer.token(&json!({"sub": "42", "exp": in_seconds(seconds), "fanfare": grants}))
    };
    let mut chromium = Chromium::start();
    let page = chromium.open(&format!("http://{}/", gateway.public()));
    chromium.wait_until(&page, "document.readyState === 'complete'");
    let tokens = json!([token(5.0), token(600.0)]).to_string();
    chromium.evaluate(&page, &WITH_A_COOKIE.replace("TOKENS", &tokens));
    chromium.wait_until(&page, "window.source?.readyState === 1");
    let closed = "fanfare_sessions_closed_total{reason=\"token-expired\",transport=\"sse\"}";
    let mut published = 0;
    while gateway.metric(closed) < 1.0 {
        publish(&redis, published..published + 10);
        published += 10;
        chromium.wait_until(&page, &format!("window.seen.length >= {published}"));
    }
    publish(&redis, published..published + 10);
    published += 10;
    chromium.wait_until(&page, &format!("window.seen.length >= {published}"));
    let whole = format!("window.seen.join() === [...Array({published}).keys()].join()");
    assert_eq!(chromium.evaluate(&page, &whole), true);
    assert_eq!(chromium.evaluate(&page, "window.byes.join()"), "token-expired");
    assert_eq!(chromium.evaluate(&page, "window.renewed >= 1 && window.source.readyState === 1"), true);
    redis.command(&["PUBLISH", "fanfare:@control", r#"{"revoke":{"subject":"42"}}"#]);
    chromium.wait_until(&page, "window.source.readyState === EventSource.CLOSED");
    assert_eq!(chromium.evaluate(&page, "window.byes.join()"), "token-expired,revoked");
}

/// JavaScript that is true once the element that `selector` means says `text`.
fn says(selector: &str, text: &str) -> String {
    format!("document.querySelector({selector:?})?.textContent.includes({text:?}) === true")
}
