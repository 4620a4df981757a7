//! From the query and the headers to what a reader wants.

mod error;
mod parameter;

use std::time::Duration;

use hub::{Selection, Start};
use hyper::{
    HeaderMap,
    header::{ACCEPT, HeaderName, IF_NONE_MATCH},
};
use publication::{Cursor, Pattern};

use self::parameter::{
    is_reserved, parse_event_name, parse_format, parse_member, parse_transport, parse_wait,
};
pub(crate) use self::{
    error::RequestError,
    parameter::{parse_flag, parse_pattern, parse_since, refuse_unknown},
};
use crate::{poll::Question, prefer, present::Wish, sse::Form, transport::Transport, websocket};

/// What a reader asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) selection: Selection,
    /// As asked for, before the set was formed; rules look at each.
    pub(crate) patterns: Vec<Pattern>,
    pub(crate) since: Since,
    /// The URL says `since=last`, also when it comes back with a cursor.
    pub(crate) since_last: bool,
    envelope: bool,
    named_by_channel: bool,
    pub(crate) transport: Transport,
    /// `transport=` was given.
    pub(crate) explicit: bool,
    /// How long a poll may wait for something new.
    pub(crate) wait: Duration,
    /// The tags in `If-None-Match`, which name what is not new.
    pub(crate) known: Option<Box<str>>,
    /// Its part in presence.
    pub(crate) wish: Wish,
    /// It is an operator who is shown how all is.
    pub(crate) observes: bool,
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

/// The longest that a poll may wait; whoever asks for more gets this. Proxies give up after a minute.
const MAX_WAIT: Duration = Duration::from_secs(55);
impl Wanted {
    /// Reads the query and the headers of a GET.
    ///
    /// # Errors
    /// What is wrong with them, for the client.
    pub(crate) fn parse(query: &str, headers: &HeaderMap, limits: Limits) -> Result<Self, RequestError> {
        let (mut patterns, mut wish) = (Vec::new(), Wish::default());
        let (mut since, mut transport, mut wait) = (None, None, None);
        let (mut envelope, mut named_by_channel) = (false, false);
        for (key, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*key {
                "channel" => patterns.push(parse_pattern(&value)?),
                "since" => since = Some(value.into_owned()),
                "format" => envelope = parse_format(&value)?,
                "event_name" => named_by_channel = parse_event_name(&value)?,
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
        if named_by_channel && let Some(channel) = patterns.iter().find(|pattern| is_reserved(pattern)) {
            return Err(RequestError::Reserved(channel.to_string()));
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
            named_by_channel,
            transport,
            explicit: transport_given,
            wait: wait.or_else(|| prefer::wait(headers)).unwrap_or_default().min(MAX_WAIT),
            known: known_tags(headers),
            wish,
            observes: false,
        })
    }
}

impl Wanted {
    /// No channel, but how all is.
    pub(crate) fn overview() -> Self {
        Self {
            selection: Selection::new([]),
            patterns: Vec::new(),
            since: Since::Absent,
            since_last: false,
            envelope: false,
            named_by_channel: false,
            transport: Transport::Sse,
            explicit: true,
            wait: Duration::ZERO,
            known: None,
            wish: Wish::default(),
            observes: true,
        }
    }

    /// How an event stream is written.
    pub(crate) fn form(&self, chunked: bool) -> Form {
        let Self { envelope, named_by_channel, .. } = *self;
        Form { envelope, chunked, named_by_channel }
    }

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

/// How long a poll waits for its cursor to become known.
pub(crate) const CURSOR_WAIT: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;
    use proptest::prelude::*;
    use publication::NameError;

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
