//! The name that a request asks for.

use hyper::{
    HeaderMap, Request, StatusCode, Version,
    header::{HOST, HeaderValue},
    http::uri::Authority,
};

use crate::respond::Refusal;

/// Sees to it that all who read a request read the same name, as RFC 9112, section 3.2, demands.
///
/// # Errors
/// It has none, though HTTP/1.1 asks for one, or several, or one that is no name.
pub(crate) fn check<B>(request: &Request<B>) -> Result<(), Refusal> {
    if is_clear(request.version(), request.headers()) {
        return Ok(());
    }
    let message = "a request has one `Host` header, with a name or an address, and a port where it has one";
    Err(Refusal::new(StatusCode::BAD_REQUEST, "bad_host", message).closing())
}

fn is_clear(version: Version, headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) => version < Version::HTTP_11,
        (Some(host), None) => is_name(host),
        (Some(_), Some(_)) => false,
    }
}

/// Empty is what has no name to say.
fn is_name(host: &HeaderValue) -> bool {
    let bytes = host.as_bytes();
    bytes.is_empty() || (!bytes.contains(&b'@') && Authority::try_from(bytes).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_name_is_clear() {
        let check = |version, hosts: &[&'static str], expected| {
            let headers = hosts.iter().map(|host| (HOST, HeaderValue::from_static(host))).collect();
            assert_eq!(is_clear(version, &headers), expected, "{version:?} {hosts:?}");
        };
        for clear in ["localhost", "a.example:8080", "127.0.0.1:80", "[::1]:8080", "under_score", ""] {
            check(Version::HTTP_11, &[clear], true);
        }
        for unclear in ["a b", "user@a", "a/b", "a,b:80:90", "a?b", "[::1"] {
            check(Version::HTTP_11, &[unclear], false);
        }
        check(Version::HTTP_11, &[], false);
        check(Version::HTTP_10, &[], true);
        check(Version::HTTP_10, &["a", "a"], false);
        check(Version::HTTP_11, &["localhost", "evil.example"], false);
    }
}
