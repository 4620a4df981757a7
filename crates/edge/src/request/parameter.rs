//! The parameters of a request, one by one, and those that were meant.

use std::{sync::Arc, time::Duration};

use publication::{EventType, Pattern, compact_json};
use serde_json::Value;

use super::{RequestError, Since};
use crate::transport::Transport;

const KEYS: &[&str] = &[
    "channel",
    "since",
    "format",
    "event_name",
    "transport",
    "wait",
    "member",
    "presence",
    "event",
    "ttl",
    "freshness",
    "publish",
    "token",
];
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

pub(crate) fn parse_pattern(text: &str) -> Result<Pattern, RequestError> {
    Pattern::parse(text).map_err(|error| RequestError::Channel(text.to_owned(), error))
}

pub(super) fn parse_format(text: &str) -> Result<bool, RequestError> {
    match text {
        "json" => Ok(true),
        "text" | "" => Ok(false),
        _ => Err(RequestError::Value { key: "format", expected: "`json`, or nothing" }),
    }
}

pub(super) fn parse_event_name(text: &str) -> Result<bool, RequestError> {
    match text {
        "channel" => Ok(true),
        "" => Ok(false),
        _ => Err(RequestError::Value { key: "event_name", expected: "`channel`, or nothing" }),
    }
}

/// A channel by whose name no event can be called.
pub(super) fn is_reserved(pattern: &Pattern) -> bool {
    matches!(pattern, Pattern::Channel(name) if EventType::check(name).is_err())
}

pub(super) fn parse_transport(text: &str) -> Result<Transport, RequestError> {
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
pub(super) fn parse_member(text: &str, max_bytes: usize) -> Result<Arc<str>, RequestError> {
    // Read in full, and before anything is taken away: others' parsers are to like it too.
    let is_object = serde_json::from_str(text).is_ok_and(|value: Value| value.is_object());
    let about = compact_json(text);
    if is_object && about.len() <= max_bytes {
        Ok(about.into())
    } else {
        Err(RequestError::Member(max_bytes))
    }
}

pub(super) fn parse_wait(text: &str) -> Result<Duration, RequestError> {
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
