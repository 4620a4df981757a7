//! What proxies say in the headers of a request about whom it came from: `Forwarded` (RFC 7239) and
//! its older brother, `X-Forwarded-For`.
//!
//! Each proxy adds, at the end, the address that it saw; what stands before that is hearsay. So
//! both are read from the end.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use hyper::{
    HeaderMap,
    header::{FORWARDED, HeaderName, HeaderValue, VIA},
};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");

/// An address on the way of a request, with its port if that was told and 0 if not; `None` where
/// what stands there names none, on purpose (`unknown`, `_hidden`) or not.
pub(crate) type Hop = Option<(IpAddr, u16)>;

/// The hops that a request's headers name, the latest first, for each of the two headers that it has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Hops {
    pub(crate) forwarded: Option<Vec<Hop>>,
    pub(crate) x_forwarded_for: Option<Vec<Hop>>,
}

impl Hops {
    pub(crate) fn read(headers: &HeaderMap) -> Self {
        Self {
            forwarded: hops(headers, &FORWARDED, forwarded),
            x_forwarded_for: hops(headers, &X_FORWARDED_FOR, |line| Some(x_forwarded_for(line))),
        }
    }
}

/// Whether any header says that a proxy passed the request on.
pub(crate) fn tell_of_a_proxy(headers: &HeaderMap) -> bool {
    [FORWARDED, VIA, X_REAL_IP].iter().any(|name| headers.contains_key(name))
        || headers.keys().any(|name| name.as_str().starts_with("x-forwarded-"))
}

/// Whether a proxy says that the browser came to it by TLS.
pub(crate) fn tells_of_tls(headers: &HeaderMap) -> bool {
    let has = |name: &HeaderName, words: &str| {
        let lines = headers.get_all(name).iter().filter_map(|line| line.to_str().ok());
        lines.flat_map(|line| line.split([',', ';'])).any(|part| part.trim().eq_ignore_ascii_case(words))
    };
    has(&X_FORWARDED_PROTO, "https") || has(&FORWARDED, "proto=https")
}

/// The hops of all lines of a header. A line that cannot be read names nobody, and what stands
/// before it cannot be told apart from it.
fn hops(headers: &HeaderMap, name: &HeaderName, read: impl Fn(&str) -> Option<Vec<Hop>>) -> Option<Vec<Hop>> {
    let lines: Vec<&HeaderValue> = headers.get_all(name).iter().collect();
    if lines.is_empty() {
        return None;
    }
    let mut hops = Vec::new();
    for line in lines.into_iter().rev() {
        // What a client has put before it must not hide what the proxy has added.
        match read(&String::from_utf8_lossy(line.as_bytes())) {
            Some(line) => hops.extend(line.into_iter().rev()),
            None => {
                hops.push(None);
                break;
            }
        }
    }
    Some(hops)
}

/// `192.0.2.43, 2001:db8::17, 192.0.2.1:4711`
fn x_forwarded_for(line: &str) -> Vec<Hop> {
    line.split(',').map(str::trim).filter(|entry| !entry.is_empty()).map(node).collect()
}

/// `for=192.0.2.43;proto=https, for="[2001:db8::17]:4711"`; `None` if it is not written like that.
fn forwarded(line: &str) -> Option<Vec<Hop>> {
    let mut hops = Vec::new();
    let mut rest = line.trim_start();
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix(',') {
            // Elements of a list may be empty (RFC 9110, section 5.6.1.2).
            rest = after.trim_start();
            continue;
        }
        let (hop, after) = element(rest)?;
        hops.push(hop);
        rest = after;
    }
    Some(hops)
}

/// The pairs of one hop at the beginning of `text`, and what follows them: a comma or nothing.
fn element(mut text: &str) -> Option<(Hop, &str)> {
    let mut hop = None;
    loop {
        let (name, after) = token(text)?;
        let (value, after) = value(after.strip_prefix('=')?)?;
        if name.eq_ignore_ascii_case("for") {
            hop = node(&value);
        }
        let after = after.trim_start();
        if after.is_empty() || after.starts_with(',') {
            return Some((hop, after));
        }
        text = after.strip_prefix(';')?.trim_start();
    }
}

/// A token (RFC 9110) at the beginning of `text`, and what follows it.
fn token(text: &str) -> Option<(&str, &str)> {
    let is_token =
        |character: char| character.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(character);
    let end = text.find(|character| !is_token(character)).unwrap_or(text.len());
    (end > 0).then(|| text.split_at(end))
}

/// A token or a quoted string at the beginning of `text`, and what follows it.
fn value(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        return token(text).map(|(token, rest)| (token.to_owned(), rest));
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((index, character)) = characters.next() {
        match character {
            '"' => return Some((value, &quoted[index + 1..])),
            '\\' => value.push(characters.next()?.1),
            _ => value.push(character),
        }
    }
    None
}

/// An address, perhaps with a port: `192.0.2.43`, `192.0.2.43:80`, `[2001:db8::17]:80`, and, as some
/// write in `X-Forwarded-For`, `2001:db8::17`.
fn node(text: &str) -> Hop {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some((address.to_canonical(), 0));
    }
    let (address, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (address, port) = rest.split_once(']')?;
            (IpAddr::from(address.parse::<Ipv6Addr>().ok()?), port)
        }
        None => {
            let (address, _) = text.split_once(':')?;
            (IpAddr::from(address.parse::<Ipv4Addr>().ok()?), &text[address.len()..])
        }
    };
    // A port may be hidden too, or be left out after the brackets.
    let port = match port.strip_prefix(':') {
        Some(port) => port.parse().unwrap_or(0),
        None if port.is_empty() => 0,
        None => return None,
    };
    Some((address.to_canonical(), port))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn headers(name: &HeaderName, lines: &[&str]) -> HeaderMap {
        lines.iter().map(|line| (name.clone(), HeaderValue::from_str(line).unwrap())).collect()
    }

    /// The hops as text, the latest first.
    fn shown(hops: Option<Vec<Hop>>) -> Vec<String> {
        let show = |hop: &Hop| hop.map_or("?".to_owned(), |(address, port)| format!("{address} {port}"));
        hops.unwrap_or_default().iter().map(show).collect()
    }

    #[test]
    fn x_forwarded_for_is_read_from_the_end_over_all_its_lines() {
        let check = |lines: &[&str], expected: &[&str]| {
            let hops = Hops::read(&headers(&X_FORWARDED_FOR, lines));
            assert_eq!(shown(hops.x_forwarded_for), expected, "{lines:?}");
            assert_eq!(hops.forwarded, None);
        };
        check(&["192.0.2.43"], &["192.0.2.43 0"]);
        check(&["192.0.2.43,  10.0.0.1", "10.0.0.2:80"], &["10.0.0.2 80", "10.0.0.1 0", "192.0.2.43 0"]);
        check(&["2001:db8::17, [2001:db8::18]:443"], &["2001:db8::18 443", "2001:db8::17 0"]);
        check(&["::ffff:192.0.2.43"], &["192.0.2.43 0"]);
        check(&["unknown, 1.2.3, 1.2.3.4:, a:1,, [1.2.3.4]"], &["?", "?", "1.2.3.4 0", "?", "?"]);
        check(&[""], &[]);
    }

    #[test]
    fn what_is_no_text_hides_nothing_that_a_proxy_has_added() {
        let line = HeaderValue::from_bytes(b"\xff, 192.0.2.43").unwrap();
        let hops = Hops::read(&HeaderMap::from_iter([(X_FORWARDED_FOR, line)]));
        assert_eq!(shown(hops.x_forwarded_for), ["192.0.2.43 0", "?"]);
    }

    #[test]
    fn forwarded_is_read_as_rfc_7239_has_it() {
        let check = |lines: &[&str], expected: &[&str]| {
            let hops = Hops::read(&headers(&FORWARDED, lines));
            assert_eq!(shown(hops.forwarded), expected, "{lines:?}");
            assert_eq!(hops.x_forwarded_for, None);
        };
        check(&["for=192.0.2.43"], &["192.0.2.43 0"]);
        check(&["For=\"[2001:db8:cafe::17]:4711\""], &["2001:db8:cafe::17 4711"]);
        check(&["for=192.0.2.60; proto=http;by=203.0.113.43"], &["192.0.2.60 0"]);
        check(
            &["for=192.0.2.43, for=\"198.51.100.17:99\"", "for=10.0.0.1"],
            &["10.0.0.1 0", "198.51.100.17 99", "192.0.2.43 0"],
        );
        check(&["for=unknown, for=_hidden, for=\"_gazonk:_p\""], &["?", "?", "?"]);
        check(&["for=\"192.0.2.43:_hidden\""], &["192.0.2.43 0"]);
        check(&["proto=https;by=1.2.3.4, for=\"1.2.3\\.4\""], &["1.2.3.4 0", "?"]);
        check(&[" , for=1.2.3.4,, for=5.6.7.8 ,"], &["5.6.7.8 0", "1.2.3.4 0"]);
    }

    #[test]
    fn a_line_that_cannot_be_read_names_nobody_and_hides_what_stands_before_it() {
        for line in
            ["for=", "for", "for=\"1.2.3.4", "for=1.2.3.4 for=5.6.7.8", "for=1.2.3.4;", "=1", "for=[::1]"]
        {
            let hops = Hops::read(&headers(&FORWARDED, &["for=9.9.9.9", line, "for=10.0.0.1"]));
            assert_eq!(shown(hops.forwarded), ["10.0.0.1 0", "?"], "{line}");
        }
        // A quote that a client leaves open must not swallow what the proxy adds.
        for added in ["for=10.0.0.1", "for=\"[2001:db8::1]\"", "for=\"10.0.0.1:80\""] {
            let line = format!("for=6.6.6.6;x=\", {added}");
            assert_eq!(shown(Hops::read(&headers(&FORWARDED, &[&line])).forwarded), ["?"], "{line}");
        }
    }

    proptest! {
        #[test]
        fn an_address_reads_as_it_is_written(address: IpAddr, port in 1_u16..) {
            let with_port = std::net::SocketAddr::new(address, port).to_string();
            prop_assert_eq!(node(&address.to_string()), Some((address.to_canonical(), 0)));
            prop_assert_eq!(node(&with_port), Some((address.to_canonical(), port)));
            prop_assert_eq!(forwarded(&format!("proto=http;for=\"{with_port}\"")), Some(vec![node(&with_port)]));
        }

        #[test]
        fn any_headers_are_read(lines in proptest::collection::vec("[ -~]*", 0..4), likely in "[for=\",;\\\\1.:\\[\\] ]*") {
            for name in [&FORWARDED, &X_FORWARDED_FOR] {
                let lines: Vec<&str> = lines.iter().map(String::as_str).chain([likely.as_str()]).collect();
                let _ = Hops::read(&headers(name, &lines));
            }
        }
    }
}
