//! Which proxies are believed when they say whom they speak for.

use std::{fmt::Write, net::IpAddr, time::Instant};

use hyper::HeaderMap;

use crate::{
    client::Client,
    forwarded::{self, Hop, Hops},
    network::Network,
    proxy_header::ProxyHeader,
    warned::Warned,
};

/// The proxies before the gateway.
#[derive(Clone, Debug)]
pub struct Proxies {
    trusted: Vec<Network>,
    protocol: bool,
    warned: Warned,
}

impl Proxies {
    /// `trusted` are believed. With `protocol`, each connection of theirs must begin with a header
    /// of the PROXY protocol.
    #[must_use]
    pub fn new(trusted: Vec<Network>, protocol: bool) -> Self {
        Self { trusted, protocol, warned: Warned::default() }
    }

    /// Those who are believed.
    #[must_use]
    pub fn trusted(&self) -> &[Network] {
        &self.trusted
    }

    /// Whether they must introduce each connection by the PROXY protocol.
    #[must_use]
    pub fn protocol(&self) -> bool {
        self.protocol
    }

    /// Whether this peer's connection must begin with a header of the PROXY protocol.
    pub(crate) fn must_introduce(&self, peer: &Client) -> bool {
        self.protocol && self.trusts(peer.address)
    }

    /// Whose connection it is, by what its peer has introduced it with.
    pub(crate) fn introduced(peer: Client, header: ProxyHeader) -> Client {
        match header {
            ProxyHeader::For(client) => Client::named(client.ip(), client.port()),
            ProxyHeader::Unknown => peer.behind_proxy(),
        }
    }

    /// Whose request it is, on a connection of `connected`. From hop to hop, nearest first, what a
    /// trusted proxy says is believed, and nothing else.
    pub(crate) fn client(&self, connected: Client, headers: &HeaderMap) -> Client {
        // A trusted peer is a proxy also where it adds nothing to what it passes on.
        if !self.trusts(connected.address) && !forwarded::tell_of_a_proxy(headers) {
            return connected;
        }
        let unnamed = connected.behind_proxy();
        let hops = Hops::read(headers);
        let named = [&hops.forwarded, &hops.x_forwarded_for]
            .map(|hops| hops.as_deref().map(|hops| self.follow(unnamed, hops)));
        match named {
            [None, None] => unnamed,
            _ if !self.trusts(connected.address) => {
                // What a proxy that was believed passes on is its client's own invention.
                if !connected.proxied {
                    self.warn_of_headers(connected.address);
                }
                unnamed
            }
            // A proxy writes one and passes on what a client wrote into the other; which, is not known.
            [Some(one), Some(two)] if one.address != two.address => {
                self.warn_of_difference(connected.address);
                unnamed
            }
            [Some(client), _] | [None, Some(client)] => client,
        }
    }

    fn follow(&self, mut client: Client, hops: &[Hop]) -> Client {
        for hop in hops {
            let Some((address, port)) = *hop else { break };
            if !self.trusts(client.address) {
                break;
            }
            client = Client::named(address, port);
        }
        client
    }

    /// Whether this is a proxy that is believed.
    pub(crate) fn trusts(&self, address: IpAddr) -> bool {
        self.trusted.iter().any(|network| network.contains(address))
    }

    fn warn_of_headers(&self, peer: IpAddr) {
        if self.warned.is_due(peer, "headers", Instant::now()) {
            tracing::warn!(
                "{peer} says in headers whom it speaks for, and is not believed; if it is your balancer, write in \
                 the section [listen] of the configuration: trusted_proxies = {}",
                self.list_with(peer)
            );
        }
    }

    fn warn_of_difference(&self, peer: IpAddr) {
        if self.warned.is_due(peer, "difference", Instant::now()) {
            tracing::warn!(
                "Forwarded and X-Forwarded-For of a request from {peer} name different clients, so neither is \
                 believed; let the proxy remove the one that it does not write itself"
            );
        }
    }

    /// A peer that is not to begin with a header of the PROXY protocol did.
    pub(crate) fn warn_of_introduction(&self, peer: IpAddr) {
        if self.warned.is_due(peer, "introduction", Instant::now()) {
            tracing::warn!(
                "{peer} begins with a header of the PROXY protocol, and is refused; if it is your balancer, write in \
                 the section [listen] of the configuration: proxy_protocol = true, and trusted_proxies = {}",
                self.list_with(peer)
            );
        }
    }

    /// A peer that is to begin with such a header did not.
    pub(crate) fn warn_of_no_introduction(&self, peer: IpAddr) {
        if self.warned.is_due(peer, "no introduction", Instant::now()) {
            tracing::warn!(
                "{peer} is trusted to begin with a header of the PROXY protocol, did not, and is refused; let it \
                 (in HAProxy: send-proxy-v2), or write in the section [listen] of the configuration: \
                 proxy_protocol = false"
            );
        }
    }

    /// The list as it is to be written for `peer` to be trusted too.
    fn list_with(&self, peer: IpAddr) -> String {
        let mut list = String::new();
        for network in &self.trusted {
            // Writing to a string does not fail.
            let _ = write!(list, "\"{network}\", ");
        }
        if self.trusts(peer) {
            format!("[{}]", list.trim_end_matches(", "))
        } else {
            format!("[{list}\"{peer}\"]")
        }
    }
}

#[cfg(test)]
mod tests {
    use hyper::header::{FORWARDED, HeaderName, HeaderValue, VIA};
    use proptest::prelude::*;

    use super::*;

    fn proxies(trusted: &[&str]) -> Proxies {
        Proxies::new(trusted.iter().map(|network| network.parse().unwrap()).collect(), false)
    }

    fn peer(address: &str) -> Client {
        Client::connected(format!("{address}:1000").parse().unwrap())
    }

    const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

    fn headers(lines: &[(HeaderName, &str)]) -> HeaderMap {
        lines.iter().map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap())).collect()
    }

    #[test]
    fn the_client_is_the_nearest_whom_no_trusted_proxy_speaks_for() {
        let proxies = proxies(&["10.0.0.0/8", "::1"]);
        let check = |from: &str, hops: &str, expected: &str| {
            let client = proxies.client(peer(from), &headers(&[(X_FORWARDED_FOR, hops)]));
            assert_eq!((client.to_string(), client.proxied), (expected.to_owned(), true), "{from} {hops}");
        };
        check("10.0.0.1", "1.2.3.4", "1.2.3.4");
        check("[::1]", "1.2.3.4", "1.2.3.4");
        check("10.0.0.1", "6.6.6.6, 1.2.3.4", "1.2.3.4");
        check("10.0.0.1", "6.6.6.6, 1.2.3.4:5678, 10.2.2.2", "1.2.3.4:5678");
        check("10.0.0.1", "10.3.3.3, 10.2.2.2", "10.3.3.3");
        // Who it was is not known beyond the nearest that is.
        check("10.0.0.1", "6.6.6.6, unknown, 10.2.2.2", "10.2.2.2");
        check("10.0.0.1", "unknown", "10.0.0.1:1000");
        // Nobody speaks for others just by saying so.
        check("11.0.0.1", "1.2.3.4", "11.0.0.1:1000");
        check("11.0.0.1", "10.0.0.1", "11.0.0.1:1000");
    }

    #[test]
    fn two_headers_that_differ_are_not_believed() {
        let proxies = proxies(&["10.0.0.1"]);
        let client = |forwarded: &str| {
            let headers = headers(&[(FORWARDED, forwarded), (X_FORWARDED_FOR, "1.2.3.4")]);
            proxies.client(peer("10.0.0.1"), &headers).to_string()
        };
        assert_eq!(client("for=\"1.2.3.4:56\""), "1.2.3.4:56");
        assert_eq!(client("for=6.6.6.6"), "10.0.0.1:1000");
        assert_eq!(client("for=\"6.6.6.6"), "10.0.0.1:1000");
    }

    #[test]
    fn who_was_introduced_is_believed_further_only_if_trusted() {
        let proxies = proxies(&["10.0.0.0/8"]);
        let headers = headers(&[(X_FORWARDED_FOR, "1.2.3.4")]);
        let introduced = |by: &str| {
            let header = ProxyHeader::For(format!("{by}:99").parse().unwrap());
            proxies.client(Proxies::introduced(peer("10.0.0.1"), header), &headers).to_string()
        };
        assert_eq!(introduced("10.2.2.2"), "1.2.3.4");
        assert_eq!(introduced("5.5.5.5"), "5.5.5.5:99");
        let own = Proxies::introduced(peer("10.0.0.1"), ProxyHeader::Unknown);
        assert_eq!((own.to_string(), own.proxied), ("10.0.0.1:1000".to_owned(), true));
    }

    #[test]
    fn any_header_of_a_proxy_makes_a_request_anothers_and_none_leaves_it_as_it_is() {
        let client = |name, value| proxies(&[]).client(peer("127.0.0.1"), &headers(&[(name, value)]));
        assert!(client(HeaderName::from_static("x-forwarded-proto"), "https").proxied);
        assert!(client(X_FORWARDED_FOR, "").proxied);
        assert!(client(FORWARDED, "proto=https").proxied);
        assert!(client(VIA, "1.1 squid").proxied);
        assert!(client(HeaderName::from_static("x-real-ip"), "1.2.3.4").proxied);
        assert!(!client(HeaderName::from_static("x-other"), "").proxied);
    }

    #[test]
    fn whoever_is_trusted_to_be_a_proxy_is_one_also_without_a_header() {
        let client = |from| proxies(&["10.0.0.1"]).client(peer(from), &HeaderMap::new());
        assert_eq!(
            (client("10.0.0.1").to_string(), client("10.0.0.1").proxied),
            ("10.0.0.1:1000".to_owned(), true)
        );
        assert!(!client("10.0.0.2").proxied);
    }

    #[test]
    fn an_ipv4_address_in_ipv6_is_the_same() {
        let client = proxies(&["10.0.0.0/8"])
            .client(peer("[::ffff:10.0.0.1]"), &headers(&[(X_FORWARDED_FOR, "::ffff:1.2.3.4")]));
        assert_eq!(client.to_string(), "1.2.3.4");
    }

    #[test]
    fn the_line_to_write_holds_those_who_are_trusted_and_the_new_one() {
        assert_eq!(proxies(&[]).list_with([10, 0, 0, 7].into()), r#"["10.0.0.7"]"#);
        let proxies = proxies(&["10.0.0.0/8", "::1"]);
        assert_eq!(proxies.list_with([11, 0, 0, 7].into()), r#"["10.0.0.0/8", "::1", "11.0.0.7"]"#);
        assert_eq!(proxies.list_with([10, 0, 0, 7].into()), r#"["10.0.0.0/8", "::1"]"#);
    }

    proptest! {
        /// Whatever a client writes before what its proxies add, it does not get to choose who it is.
        #[test]
        fn a_client_cannot_choose_its_address(invention in "[ -~]*", like_one in "[for=\",;0-9.:\\[\\]]*") {
            let proxies = proxies(&["10.0.0.0/8"]);
            for invention in [invention, like_one] {
                let added = headers(&[(X_FORWARDED_FOR, &format!("{invention}, 1.2.3.4, 10.2.2.2"))]);
                prop_assert_eq!(proxies.client(peer("10.0.0.1"), &added).to_string(), "1.2.3.4");
                for entry in ["for=1.2.3.4", "for=\"1.2.3.4:80\";proto=http"] {
                    let added = headers(&[(FORWARDED, &format!("{invention}, {entry}"))]);
                    let client = proxies.client(peer("10.0.0.1"), &added);
                    prop_assert!(["1.2.3.4".parse(), "10.0.0.1".parse()].contains(&Ok(client.address)));
                }
            }
        }
    }
}
