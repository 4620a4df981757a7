//! The token that a request shows: in `Authorization` (RFC 6750), else in a cookie, else in the query.

use std::borrow::Cow;

use hyper::{
    HeaderMap,
    header::{AUTHORIZATION, COOKIE, HeaderValue},
};

use super::{Auth, several};
use crate::respond::Refusal;

/// A token, and the way by which it came.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Shown<'a> {
    pub(super) token: Cow<'a, str>,
    pub(super) way: Way,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Header,
    Cookie,
    Query,
}

/// Finds it, if there is one.
///
/// # Errors
/// There are several in one place: readers would differ in which counts.
pub(super) fn find<'a>(
    auth: &Auth,
    headers: &'a HeaderMap,
    query: &'a str,
) -> Result<Option<Shown<'a>>, Refusal> {
    if let Some(token) = bearer(headers)? {
        return Ok(Some(Shown { token: token.into(), way: Way::Header }));
    }
    if let Some(token) = only(cookies(headers, &auth.cookie), "the cookies")? {
        return Ok(Some(Shown { token: token.into(), way: Way::Cookie }));
    }
    if query.is_empty() || auth.query.is_empty() {
        return Ok(None);
    }
    let parameters = form_urlencoded::parse(query.as_bytes());
    let tokens = parameters.filter(|(key, _)| **key == *auth.query).map(|(_, value)| value);
    Ok(only(tokens, "the query")?.map(|token| Shown { token, way: Way::Query }))
}

/// The one in `Authorization`, if there is one.
///
/// # Errors
/// There are several.
pub(super) fn bearer(headers: &HeaderMap) -> Result<Option<&str>, Refusal> {
    only(bearers(headers), "`Authorization`")
}

/// The one that there is; the same twice is one.
fn only<T: PartialEq>(mut all: impl Iterator<Item = T>, place: &str) -> Result<Option<T>, Refusal> {
    let Some(first) = all.next() else { return Ok(None) };
    if all.all(|other| other == first) { Ok(Some(first)) } else { Err(several(place)) }
}

/// What stands behind `Bearer`, however it is set off; other schemes are somebody else's.
fn bearers(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    headers.get_all(AUTHORIZATION).iter().filter_map(|value| {
        let value = value.as_bytes();
        let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
        let end = value.iter().position(|byte| !is_token(byte)).unwrap_or(value.len());
        let (scheme, token) = value.split_at(end);
        scheme.eq_ignore_ascii_case(b"bearer").then(|| text(token.trim_ascii()))
    })
}

/// The values of all cookies of a name (RFC 6265, section 4.2.1). Others may be in any encoding.
fn cookies<'a>(headers: &'a HeaderMap, name: &str) -> impl Iterator<Item = &'a str> {
    let lines = headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes);
    lines.flat_map(|line| line.split(|byte| *byte == b';')).filter_map(move |pair| {
        let pair = pair.trim_ascii();
        let (key, value) = pair.split_at_checked(pair.iter().position(|byte| *byte == b'=')?)?;
        (!name.is_empty() && key == name.as_bytes()).then(|| text(&value[1..]).trim_matches('"'))
    })
}

/// What is no text is a token all the same, and none that is accepted.
fn text(bytes: &[u8]) -> &str {
    str::from_utf8(bytes).unwrap_or("?")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(headers: &[(&'static str, &'static str)], query: &str) -> Option<(String, Way)> {
        let auth = Auth { cookie: "sesame".to_owned(), query: "token".to_owned(), ..Auth::default() };
        let headers = headers
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value)))
            .collect();
        let found = find(&auth, &headers, query).unwrap_or_else(|refusal| panic!("{}", refusal.message));
        found.map(|Shown { token, way }| (token.into_owned(), way))
    }

    #[test]
    fn the_header_goes_before_the_cookie_and_that_before_the_query() {
        let (header, cookie) = (("authorization", "bearer  a.b.c"), ("cookie", "x=1; sesame=\"c.d.e\"; y=2"));
        let query = "channel=a&token=q%2Er.s";
        let expect = |token: &str, way| Some((token.to_owned(), way));
        assert_eq!(shown(&[cookie, header], query), expect("a.b.c", Way::Header));
        assert_eq!(shown(&[cookie], query), expect("c.d.e", Way::Cookie));
        assert_eq!(shown(&[], query), expect("q.r.s", Way::Query));
        assert_eq!(shown(&[("authorization", "Basic abc"), ("cookie", "sesame2=x")], "channel=a"), None);
    }

    #[test]
    fn an_empty_token_is_one() {
        for (headers, query) in [
            (vec![("authorization", "Bearer")], ""),
            (vec![("authorization", "Bearer ")], ""),
            (vec![("cookie", "sesame=")], ""),
            (vec![], "token="),
        ] {
            assert_eq!(
                shown(&headers, query).map(|(token, _)| token),
                Some(String::new()),
                "{headers:?} {query}"
            );
        }
    }

    #[test]
    fn what_is_set_off_or_encoded_oddly_is_a_token_all_the_same() {
        for odd in ["Bearer\ta.b.c", "BEARER a.b.c", "bearer   a.b.c\t"] {
            assert_eq!(
                shown(&[("authorization", odd)], ""),
                Some(("a.b.c".to_owned(), Way::Header)),
                "{odd}"
            );
        }
        assert_eq!(shown(&[("authorization", "Bearer;a")], "").unwrap().0, ";a");
        assert_eq!(shown(&[("authorization", "Bearer-X a")], ""), None);
        let auth = Auth { cookie: "c".to_owned(), ..Auth::default() };
        let token = |line: &[u8]| {
            let headers = HeaderMap::from_iter([(COOKIE, HeaderValue::from_bytes(line).unwrap())]);
            find(&auth, &headers, "").ok().flatten().map(|shown| shown.token.into_owned())
        };
        assert_eq!(token("name=André; c=a.b.c".as_bytes()).as_deref(), Some("a.b.c"));
        assert_eq!(token(b"name=\xe9; c=a.b.c").as_deref(), Some("a.b.c"));
        assert_eq!(token(b"c=\xe9").as_deref(), Some("?"));
    }

    #[test]
    fn two_tokens_in_one_place_are_none() {
        let auth = Auth { cookie: "c".to_owned(), query: "token".to_owned(), ..Auth::default() };
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, HeaderValue::from_static("c=a; c=b"));
        assert!(find(&auth, &headers, "").is_err());
        assert!(find(&auth, &HeaderMap::new(), "token=a&token=b").is_err());
        assert!(find(&auth, &HeaderMap::new(), "token=a&token=a").is_ok());
    }
}
