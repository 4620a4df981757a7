//! The token that a request shows: in `Authorization` (RFC 6750), else in a cookie, else in the query.

use std::borrow::Cow;

use hyper::{
    HeaderMap,
    header::{AUTHORIZATION, COOKIE},
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

/// What stands behind `Bearer`; other schemes are somebody else's. What is no text is no token either.
fn bearers(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    headers.get_all(AUTHORIZATION).iter().filter_map(|value| {
        let text = value.to_str().unwrap_or("Bearer ?");
        let (scheme, token) = text.split_once(' ').unwrap_or((text, ""));
        scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
    })
}

/// The values of all cookies of a name (RFC 6265, section 4.2.1).
fn cookies<'a>(headers: &'a HeaderMap, name: &str) -> impl Iterator<Item = &'a str> {
    let lines = headers.get_all(COOKIE).iter().map(|value| value.to_str().unwrap_or_default());
    lines.flat_map(|line| line.split(';')).filter_map(move |pair| {
        let (key, value) = pair.trim().split_once('=')?;
        (!name.is_empty() && key == name).then_some(value.trim_matches('"'))
    })
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

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
    fn two_tokens_in_one_place_are_none() {
        let auth = Auth { cookie: "c".to_owned(), query: "token".to_owned(), ..Auth::default() };
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, HeaderValue::from_static("c=a; c=b"));
        assert!(find(&auth, &headers, "").is_err());
        assert!(find(&auth, &HeaderMap::new(), "token=a&token=b").is_err());
        assert!(find(&auth, &HeaderMap::new(), "token=a&token=a").is_ok());
    }
}
