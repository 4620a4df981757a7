//! Which pages of other origins may use the gateway (WHATWG Fetch, the CORS protocol).

use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
};

use hyper::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, HOST, HeaderMap,
    HeaderValue, ORIGIN,
};

use crate::forwarded;

const ALLOW_METHODS: &str = "GET, HEAD, POST, DELETE";
const ALLOW_HEADERS: &str =
    "authorization, content-type, last-event-id, if-none-match, prefer, cache-control, idempotency-key";
const EXPOSE_HEADERS: &str = "etag, retry-after, fanfare-cursor, idempotent-replayed";
/// Blocked origins that are remembered, so that each is logged once.
const MAX_LOGGED: usize = 1_000;

/// The origins that may.
#[derive(Clone, Debug)]
pub struct Cors {
    origins: Vec<String>,
    /// The listener is on loopback: pages on localhost may, whatever their port.
    loopback: bool,
    logged: Arc<Mutex<HashSet<String>>>,
}

impl Cors {
    /// `origins` are written as browsers send them, such as `https://app.example.com`; `https://*.example.com`
    /// means all names below that one.
    #[must_use]
    pub fn new(origins: Vec<String>, loopback: bool) -> Self {
        Self { origins, loopback, logged: Arc::default() }
    }

    /// The headers that let the page which sent `request` read the answer, if it may.
    #[must_use]
    pub fn headers(&self, request: &HeaderMap) -> Option<HeaderMap> {
        let origin = request.get(ORIGIN)?;
        if is_own(origin, request) {
            // A page of the gateway itself needs no leave.
            return None;
        }
        if !self.allows(origin) {
            self.log_blocked(origin);
            return None;
        }
        let mut headers = HeaderMap::with_capacity(3);
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        if self.names(origin) {
            headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        }
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSE_HEADERS));
        Some(headers)
    }

    /// Whether a page may do what no browser asks leave for, publish or open a WebSocket: its origin is
    /// allowed or is the gateway's own. What sends no `Origin` is no page.
    #[must_use]
    pub fn admits(&self, request: &HeaderMap) -> bool {
        let Some(origin) = request.get(ORIGIN) else { return true };
        is_own(origin, request) || self.allows(origin)
    }

    /// Whether a page may use the cookies of its visitors: as [`Cors::admits`], but its origin must be named.
    #[must_use]
    pub fn trusts(&self, request: &HeaderMap) -> bool {
        let Some(origin) = request.get(ORIGIN) else { return true };
        is_own(origin, request) || self.names(origin)
    }

    /// Whether no page asks, or one of those that lie here.
    pub(crate) fn is_own(request: &HeaderMap) -> bool {
        request.get(ORIGIN).is_none_or(|origin| is_own(origin, request))
    }

    /// Adds the answer to a preflight.
    pub(crate) fn write_preflight(headers: &mut HeaderMap) {
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(ALLOW_METHODS));
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(ALLOW_HEADERS));
        headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400"));
    }

    fn allows(&self, origin: &HeaderValue) -> bool {
        self.names(origin) || (self.loopback && origin.to_str().is_ok_and(is_local))
    }

    fn names(&self, origin: &HeaderValue) -> bool {
        origin.to_str().is_ok_and(|origin| self.origins.iter().any(|listed| is_listed(origin, listed)))
    }

    fn log_blocked(&self, origin: &HeaderValue) {
        let origin = String::from_utf8_lossy(origin.as_bytes()).into_owned();
        let Ok(mut logged) = self.logged.lock() else { return };
        if logged.len() < MAX_LOGGED && logged.insert(origin.clone()) {
            tracing::warn!(
                "pages of the origin {origin:?} cannot read the answers; to allow it, write in the section \
                 [cors] of the configuration: origins = [{origin:?}]"
            );
        }
    }
}

/// Whether an origin is the one that is listed, or has a name below it.
fn is_listed(origin: &str, listed: &str) -> bool {
    let Some((scheme, domain)) = listed.split_once("*.") else { return origin == listed };
    let below = origin.strip_prefix(scheme).and_then(|host| host.strip_suffix(domain)?.strip_suffix('.'));
    let is_label = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    below.is_some_and(|labels| !labels.is_empty() && labels.bytes().all(is_label))
}

/// Whether the page came from the host that the request is for.
fn is_own(origin: &HeaderValue, request: &HeaderMap) -> bool {
    let schemes: &[&[u8]] = match forwarded::tells_of_tls(request) {
        true => &[b"https://"],
        // By TLS or not: a proxy may not say.
        false => &[b"https://", b"http://"],
    };
    request.get(HOST).is_some_and(|host| {
        let (host, origin) = (host.as_bytes(), origin.as_bytes());
        schemes.iter().any(|scheme| origin.strip_prefix(*scheme) == Some(host))
    })
}

/// `http://localhost` or `http://127.0.0.1`, with any port.
fn is_local(origin: &str) -> bool {
    ["http://localhost", "http://127.0.0.1"].iter().any(|local| {
        origin.strip_prefix(local).is_some_and(|rest| {
            rest.is_empty()
                || rest
                    .strip_prefix(':')
                    .is_some_and(|port| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn localhost_is_allowed_on_loopback_only_and_nothing_that_looks_like_it() {
        let check = |origin: &'static str, loopback, expected| {
            let listed = ["https://app.example.com", "https://*.example.org:8443"];
            let cors = Cors::new(listed.map(str::to_owned).to_vec(), loopback);
            assert_eq!(cors.allows(&HeaderValue::from_static(origin)), expected, "{origin}");
        };
        check("http://localhost:3000", true, true);
        check("http://127.0.0.1", true, true);
        check("http://localhost:3000", false, false);
        check("http://localhost.evil.com", true, false);
        check("http://localhost:3000.evil.com", true, false);
        check("http://localhost:", true, false);
        check("https://app.example.com", false, true);
        check("https://app.example.com.evil.com", false, false);
        check("null", true, false);
        check("https://a.example.org:8443", false, true);
        check("https://a.b.example.org:8443", false, true);
        check("https://example.org:8443", false, false);
        check("https://.example.org:8443", false, false);
        check("http://a.example.org:8443", false, false);
        check("https://a.example.org", false, false);
        check("https://evil.com/.example.org:8443", false, false);
        check("https://evil.com#.example.org:8443", false, false);
        check("https://a.badexample.org:8443", false, false);
    }
}
