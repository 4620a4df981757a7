//! From the query and the headers to what a reader wants.

use std::{fmt, sync::Arc, time::Duration};

use hub::{Selection, Start};
use hyper::{
    HeaderMap, StatusCode,
    header::{ACCEPT, HOST, HeaderName, IF_NONE_MATCH},
};
use publication::{Cursor, NameError, Pattern, compact_json};
use serde_json::value::RawValue;

use crate::{
    client::Client, poll::Question, prefer, present::Wish, respond::Refusal, transport::Transport, websocket,
};

/// What a reader asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) selection: Selection,
    /// As asked for, before the set was formed; rules look at each.
    pub(crate) patterns: Vec<Pattern>,
    pub(crate) since: Since,
    /// The URL says `since=last`, also when it comes back with a cursor.
    pub(crate) since_last: bool,
    pub(crate) envelope: bool,
    pub(crate) transport: Transport,
    /// `transport=` was given.
    pub(crate) explicit: bool,
    /// How long a poll may wait for something new.
    pub(crate) wait: Duration,
    /// The tags in `If-None-Match`, which name what is not new.
    pub(crate) known: Option<Box<str>>,
    /// Its part in presence.
    pub(crate) wish: Wish,
}

/// How much one may ask for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Channels and patterns.
    pub(crate) max_channels: usize,
    /// What a client says of itself.
    pub(crate) max_member_bytes: usize,
}

/// Where a reader wants to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Since {
    /// Nothing was said.
    Absent,
    /// With the latest publication of each channel.
    Last,
    /// With all that there is.
    Earliest,
    /// After a cursor.
    After(Cursor),
    /// After a `Last-Event-ID` that could not be read.
    Unreadable,
}

/// Why a request is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RequestError {
    /// No channel is named.
    NoChannel,
    /// More channels than a session may have.
    TooManyChannels(usize),
    /// A channel's name is not valid.
    Channel(String, NameError),
    /// `since` is none of its values.
    Since,
    /// A parameter has none of its values.
    Value { key: &'static str, expected: &'static str },
    /// What a client says of itself is too long, or no JSON object.
    Member(usize),
    /// A poll cannot be present.
    Absent,
    /// A parameter that does not exist.
    Key { key: String, meant: &'static str },
}

const KEYS: &[&str] = &[
    "channel",
    "since",
    "format",
    "transport",
    "wait",
    "member",
    "presence",
    "event",
    "ttl",
    "freshness",
    "publish",
];
/// The longest that a poll may wait; whoever asks for more gets this. Proxies give up after a minute.
const MAX_WAIT: Duration = Duration::from_secs(55);
/// What users of other gateways would write.
const FOREIGN: &[(&str, &str)] = &[
    ("channels", "channel"),
    ("topic", "channel"),
    ("topics", "channel"),
    ("stream", "channel"),
    ("room", "channel"),
    ("lastEventId", "since"),
    ("last_event_id", "since"),
    ("cursor", "since"),
];

impl Wanted {
    /// Reads the query and the headers of a GET.
    ///
    /// # Errors
    /// What is wrong with them, for the client.
    pub(crate) fn parse(query: &str, headers: &HeaderMap, limits: Limits) -> Result<Self, RequestError> {
        let (mut patterns, mut wish) = (Vec::new(), Wish::default());
        let (mut since, mut envelope, mut transport, mut wait) = (None, false, None, None);
        for (key, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*key {
                "channel" => patterns.push(parse_pattern(&value)?),
                "since" => since = Some(value.into_owned()),
                "format" => envelope = parse_format(&value)?,
                "transport" => transport = Some(parse_transport(&value)?),
                "wait" => wait = Some(parse_wait(&value)?),
                "member" => wish.about = Some(parse_member(&value, limits.max_member_bytes)?),
                "presence" => wish.watches = parse_flag("presence", &value)?,
                _ => refuse_unknown(&key)?,
            }
            if patterns.len() > limits.max_channels {
                return Err(RequestError::TooManyChannels(limits.max_channels));
            }
        }
        let transport_given = transport.is_some();
        let transport = transport.unwrap_or_else(|| wanted_transport(headers));
        // Over a WebSocket it can subscribe later.
        if patterns.is_empty() && transport != Transport::WebSocket {
            return Err(RequestError::NoChannel);
        }
        if transport == Transport::Poll && wish.is_something() {
            return Err(RequestError::Absent);
        }
        let since_last = since.as_deref() == Some("last");
        let since = match last_event_id(headers) {
            Some(id) => id.parse().map_or(Since::Unreadable, Since::After),
            None => parse_since(since.as_deref())?,
        };
        Ok(Self {
            selection: Selection::new(patterns.iter().cloned()),
            patterns,
            since,
            since_last,
            envelope,
            transport,
            explicit: transport_given,
            wait: wait.or_else(|| prefer::wait(headers)).unwrap_or_default().min(MAX_WAIT),
            known: known_tags(headers),
            wish,
        })
    }
}

impl Wanted {
    /// What a poll asks for.
    pub(crate) fn question(&self) -> Question<'_> {
        Question { selection: &self.selection, since: self.since, known: self.known.as_deref() }
    }
}

impl Since {
    /// Where a session begins in the hub; with `Last` the latest values come before it.
    pub(crate) fn start(self) -> Start {
        match self {
            Self::Absent | Self::Last => Start::Live,
            Self::Earliest => Start::Earliest,
            Self::After(cursor) => Start::After(cursor),
            Self::Unreadable => Start::Unknown,
        }
    }
}

pub(crate) fn parse_pattern(text: &str) -> Result<Pattern, RequestError> {
    Pattern::parse(text).map_err(|error| RequestError::Channel(text.to_owned(), error))
}

fn parse_format(text: &str) -> Result<bool, RequestError> {
    match text {
        "json" => Ok(true),
        "text" | "" => Ok(false),
        _ => Err(RequestError::Value { key: "format", expected: "`json`, or nothing" }),
    }
}

fn parse_transport(text: &str) -> Result<Transport, RequestError> {
    match text {
        "sse" => Ok(Transport::Sse),
        "poll" => Ok(Transport::Poll),
        "websocket" => Ok(Transport::WebSocket),
        _ => Err(RequestError::Value { key: "transport", expected: "`sse`, `poll` or `websocket`" }),
    }
}

pub(crate) fn parse_flag(key: &'static str, text: &str) -> Result<bool, RequestError> {
    match text {
        "true" => Ok(true),
        "false" | "" => Ok(false),
        _ => Err(RequestError::Value { key, expected: "`true` or `false`" }),
    }
}

/// What a client says of itself, without white space.
fn parse_member(text: &str, max_bytes: usize) -> Result<Arc<str>, RequestError> {
    let about = compact_json(text);
    let is_object = about.starts_with('{') && serde_json::from_str::<&RawValue>(&about).is_ok();
    if is_object && about.len() <= max_bytes {
        Ok(about.into())
    } else {
        Err(RequestError::Member(max_bytes))
    }
}

fn parse_wait(text: &str) -> Result<Duration, RequestError> {
    let expected = "a number of seconds without a fraction";
    text.parse().map(Duration::from_secs).map_err(|_| RequestError::Value { key: "wait", expected })
}

pub(crate) fn parse_since(text: Option<&str>) -> Result<Since, RequestError> {
    match text {
        None | Some("") => Ok(Since::Absent),
        Some("last") => Ok(Since::Last),
        Some("earliest") => Ok(Since::Earliest),
        Some(text) => text.parse().map(Since::After).map_err(|_| RequestError::Since),
    }
}

/// The header in which an EventSource says where it was; empty is absent.
fn last_event_id(headers: &HeaderMap) -> Option<&str> {
    let id = headers.get(HeaderName::from_static("last-event-id"))?;
    // What is not even text cannot be a cursor, but it was sent.
    Some(id.to_str().unwrap_or("?")).filter(|id| !id.is_empty())
}

fn known_tags(headers: &HeaderMap) -> Option<Box<str>> {
    let values: Vec<_> =
        headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok()).collect();
    (!values.is_empty()).then(|| values.join(",").into())
}

/// Every EventSource accepts `text/event-stream`; what does not, and does not upgrade, gets an answer
/// that ends.
fn wanted_transport(headers: &HeaderMap) -> Transport {
    if websocket::is_wanted(headers) {
        return Transport::WebSocket;
    }
    let accepts = headers.get_all(ACCEPT).iter().any(|accept| {
        accept.to_str().is_ok_and(|accept| accept.to_ascii_lowercase().contains("text/event-stream"))
    });
    if accepts { Transport::Sse } else { Transport::Poll }
}

/// A key that is near one that exists would silently do nothing; others are somebody else's.
pub(crate) fn refuse_unknown(key: &str) -> Result<(), RequestError> {
    let foreign = FOREIGN.iter().find(|(other, _)| other.eq_ignore_ascii_case(key)).map(|(_, meant)| *meant);
    let near = || KEYS.iter().copied().find(|known| key != *known && is_near(key, known));
    match foreign.or_else(near) {
        Some(meant) => Err(RequestError::Key { key: key.to_owned(), meant }),
        None => Ok(()),
    }
}

/// Differs in case or in one letter left out, added or changed.
fn is_near(key: &str, known: &str) -> bool {
    let (key, known) = (key.as_bytes(), known.as_bytes());
    let prefix = key.iter().zip(known).take_while(|(one, two)| one.eq_ignore_ascii_case(two)).count();
    let (key, known) = (&key[prefix..], &known[prefix..]);
    let suffix = key
        .iter()
        .rev()
        .zip(known.iter().rev())
        .take_while(|(one, two)| one.eq_ignore_ascii_case(two))
        .count();
    key.len() - suffix <= 1 && known.len() - suffix <= 1
}

/// Why a request does not count as one from this machine, although it arrived on loopback.
///
/// A proxy brings others' requests, also one that is trusted to say whose. And a page can make its own name point to 127.0.0.1 (DNS
/// rebinding): such a name has a dot and is none of localhost's.
pub(crate) fn foreign(client: Client, headers: &HeaderMap) -> Option<&'static str> {
    if client.proxied {
        return Some("it came through a proxy");
    }
    let host = headers.get(HOST)?.to_str().unwrap_or(".");
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let local =
        !name.contains('.') || name.ends_with(".localhost") || name.parse::<std::net::Ipv4Addr>().is_ok();
    (!local).then_some("it asks for a name that is not this machine's own")
}

impl RequestError {
    /// As it is told.
    pub(crate) fn refusal(&self) -> Refusal {
        Refusal::new(StatusCode::BAD_REQUEST, self.code(), self.to_string())
    }

    /// For programs; also the metric's label.
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::NoChannel => "no_channel",
            Self::TooManyChannels(_) => "too_many_channels",
            Self::Channel(..) => "bad_channel",
            Self::Since => "bad_since",
            Self::Value { .. } | Self::Member(_) | Self::Absent => "bad_value",
            Self::Key { .. } => "bad_parameter",
        }
    }
}

/// How long a poll waits for its cursor to become known.
pub(crate) const CURSOR_WAIT: Duration = Duration::from_secs(1);

impl fmt::Display for RequestError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoChannel => out.write_str("no channel is named; add ?channel=NAME to the URL"),
            Self::TooManyChannels(max) => write!(out, "at most {max} channels can be asked for at once"),
            Self::Channel(text, error) => write!(out, "{text:?} is no channel: {error}"),
            Self::Since => out.write_str("`since` must be a cursor, `last` or `earliest`"),
            Self::Member(max) => write!(out, "`member` must be a JSON object of at most {max} bytes"),
            Self::Absent => out.write_str(
                "a poll comes and goes, and cannot be present; `member` and `presence` go with \
                 `transport=sse` or a WebSocket",
            ),
            Self::Value { key, expected } => write!(out, "`{key}` must be {expected}"),
            Self::Key { key, meant } => write!(out, "there is no parameter `{key}`; did you mean `{meant}`?"),
        }
    }
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    const LIMITS: Limits = Limits { max_channels: 3, max_member_bytes: 20 };

    fn parse(query: &str, headers: &[(&'static str, &'static str)]) -> Result<Wanted, RequestError> {
        let headers = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
        Wanted::parse(query, &headers, LIMITS)
    }

    #[test]
    fn the_transport_is_the_one_asked_for_or_what_is_accepted() {
        let check = |query, accept: &'static str, expected| {
            assert_eq!(parse(query, &[("accept", accept)]).unwrap().transport, expected, "{query} {accept}");
        };
        check("channel=a", "text/event-stream", Transport::Sse);
        check("channel=a", "text/html, Text/Event-Stream;q=0.9", Transport::Sse);
        check("channel=a", "*/*", Transport::Poll);
        check("channel=a&transport=sse", "*/*", Transport::Sse);
        check("channel=a&transport=poll", "text/event-stream", Transport::Poll);
    }

    #[test]
    fn the_header_wins_over_since_and_is_never_an_error() {
        let cursor = "00000000000000aa-1-2";
        let after = Since::After(cursor.parse().unwrap());
        let since = |query: &str, id| parse(query, &[("last-event-id", id)]).map(|wanted| wanted.since);
        assert_eq!(since("channel=a&since=last", cursor), Ok(after));
        assert_eq!(since("channel=a&since=last", ""), Ok(Since::Last));
        assert_eq!(since("channel=a&since=last", "what?"), Ok(Since::Unreadable));
        assert_eq!(since(&format!("channel=a&since={cursor}"), ""), Ok(after));
        assert_eq!(since("channel=a&since=what", ""), Err(RequestError::Since));
        assert_eq!(since("channel=a", ""), Ok(Since::Absent));
    }

    #[test]
    fn a_wrong_name_is_told_the_right_one() {
        let check = |key: &str, meant| {
            let error = parse(&format!("channel=a&{key}=b"), &[]).unwrap_err();
            assert_eq!(error, RequestError::Key { key: key.to_owned(), meant });
        };
        check("topic", "channel");
        check("channels", "channel");
        check("chanel", "channel");
        check("Channel", "channel");
        check("sinze", "since");
        assert!(parse("channel=a&_=123&utm_source=x", &[]).is_ok());
    }

    #[test]
    fn bad_channels_are_refused() {
        assert_eq!(parse("", &[]).unwrap_err(), RequestError::NoChannel);
        assert!(matches!(parse("channel=", &[]), Err(RequestError::Channel(_, NameError::Empty))));
        assert!(matches!(parse("channel=a*b", &[]), Err(RequestError::Channel(_, NameError::Star))));
        assert!(matches!(parse("channel=%40json", &[]), Err(RequestError::Channel(_, NameError::Reserved))));
        assert_eq!(
            parse("channel=a&channel=b&channel=c&channel=d", &[]).unwrap_err(),
            RequestError::TooManyChannels(3)
        );
    }

    #[test]
    fn who_is_present_says_so_in_a_small_object() {
        let about = |query: &str| {
            let wanted = parse(&format!("channel=a&transport=sse&member={query}"), &[]);
            wanted.map(|wanted| wanted.wish.about.as_deref().map(str::to_owned))
        };
        assert_eq!(about("%7B+%22a%22%3A%201%7D"), Ok(Some(r#"{"a":1}"#.to_owned())));
        let refused = Err(RequestError::Member(20));
        assert_eq!(about("%22a%22"), refused);
        assert_eq!(about("%7Ba%7D"), refused);
        assert_eq!(about("%7B%22a%22:%22aaaaaaaaaaaaaa%22%7D"), refused);
        assert_eq!(parse("channel=a&presence=true", &[]).unwrap_err(), RequestError::Absent);
    }

    proptest! {
        #[test]
        fn any_query_is_read_or_refused(query in ".*", id in "[ -~]*") {
            let mut headers = HeaderMap::new();
            headers.insert("last-event-id", HeaderValue::from_str(&id).unwrap());
            let _ = Wanted::parse(&query, &headers, LIMITS);
        }
    }
}
