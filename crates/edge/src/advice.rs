//! `GET /advice`: by which transport these channels are best read, judged by how often something is
//! published.
//!
//! What comes every 15 seconds or more slowly, and is only read: poll. Every 1 to 15 seconds: SSE.
//! Faster, or both ways: WebSocket. If nothing is known, begin with polling.

use std::time::{Duration, Instant};

use hub::Selection;
use hyper::{
    Method, Request, StatusCode,
    header::{CACHE_CONTROL, HeaderValue},
};
use publication::Pattern;

use crate::{
    asker::Asker,
    request::{RequestError, parse_flag, parse_pattern, refuse_unknown},
    respond::{self, Answer, Refusal},
    shard::Shard,
    transport::Transport,
};

/// From here on upwards, polling costs no more than holding a stream.
const SLOW: Duration = Duration::from_secs(15);
/// From here on downwards, a frame's few bytes less are felt.
const FAST: Duration = Duration::from_secs(1);
/// No page that polls is asked to wait longer than this between two polls.
const SLOWEST_POLL: Duration = Duration::from_secs(60);

/// What a page says of its needs.
struct Needs {
    patterns: Vec<Pattern>,
    /// How old what it shows may be.
    freshness: Option<Duration>,
    /// It wants to publish too.
    publish: bool,
}

/// What is advised.
#[derive(Debug, PartialEq, Eq)]
struct Advice {
    transport: Transport,
    /// Between two polls.
    interval: Option<Duration>,
}

/// Answers a request for advice.
///
/// # Errors
/// It asks for nothing that may be read.
pub(crate) fn answer<B>(shard: &Shard, request: &Request<B>, asker: &Asker) -> Result<Answer, Refusal> {
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return Err(Refusal::method("advice is asked for with GET", "GET, HEAD"));
    }
    let config = shard.config();
    let needs = Needs::parse(request.uri().query().unwrap_or(""), config.max_channels)
        .map_err(|error| error.refusal())?;
    config.access.allow(&needs.patterns, asker)?;
    let selection = Selection::new(needs.patterns.iter().cloned());
    let observed = shard.sessions.borrow().hub.interval(&selection, Instant::now());
    let Advice { transport, interval } = Advice::of(&needs, observed);
    let body = format!(
        r#"{{"transport":"{}","interval":{},"observed":{{"interval":{},"sessions":{}}}}}"#,
        transport.label(),
        seconds(interval),
        seconds(observed),
        shard.sessions.borrow().count_all(),
    );
    let mut answer = respond::json(StatusCode::OK, body);
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    Ok(answer)
}

impl Needs {
    fn parse(query: &str, max_channels: usize) -> Result<Self, RequestError> {
        let mut needs = Self { patterns: Vec::new(), freshness: None, publish: false };
        for (key, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*key {
                "channel" => needs.patterns.push(parse_pattern(&value)?),
                "freshness" => needs.freshness = Some(parse_seconds(&value)?),
                "publish" => needs.publish = parse_flag("publish", &value)?,
                _ => refuse_unknown(&key)?,
            }
            if needs.patterns.len() > max_channels {
                return Err(RequestError::TooManyChannels(max_channels));
            }
        }
        if needs.patterns.is_empty() { Err(RequestError::NoChannel) } else { Ok(needs) }
    }
}

impl Advice {
    /// How old its data may be is what a page really needs; else what is published decides.
    fn of(needs: &Needs, observed: Option<Duration>) -> Self {
        let bearable = needs.freshness.or(observed).unwrap_or(SLOW);
        if needs.publish {
            return Self { transport: Transport::WebSocket, interval: None };
        }
        if bearable >= SLOW {
            // Without a word on freshness: half of what lies between two publications.
            let interval = needs.freshness.unwrap_or(bearable / 2).clamp(SLOW, SLOWEST_POLL);
            return Self { transport: Transport::Poll, interval: Some(interval) };
        }
        let is_fast = observed.is_some_and(|observed| observed < FAST);
        let transport = if is_fast { Transport::WebSocket } else { Transport::Sse };
        Self { transport, interval: None }
    }
}

fn parse_seconds(text: &str) -> Result<Duration, RequestError> {
    let error = RequestError::Value { key: "freshness", expected: "a number of seconds" };
    let seconds = text.parse().map_err(|_| error.clone())?;
    Duration::try_from_secs_f64(seconds).map_err(|_| error)
}

/// Seconds as JSON.
fn seconds(duration: Option<Duration>) -> String {
    duration.map_or("null".to_owned(), |duration| (duration.as_millis() as f64 / 1e3).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rule_of_thumb() {
        let advice = |freshness: Option<f64>, publish, observed: Option<f64>| {
            let seconds = Duration::from_secs_f64;
            let needs = Needs { patterns: Vec::new(), freshness: freshness.map(seconds), publish };
            let Advice { transport, interval } = Advice::of(&needs, observed.map(seconds));
            (transport, interval.map(|interval| interval.as_secs()))
        };
        assert_eq!(advice(None, false, None), (Transport::Poll, Some(15)));
        assert_eq!(advice(None, false, Some(15.0)), (Transport::Poll, Some(15)));
        assert_eq!(advice(None, false, Some(60.0)), (Transport::Poll, Some(30)));
        assert_eq!(advice(None, false, Some(3_600.0)), (Transport::Poll, Some(60)));
        assert_eq!(advice(None, false, Some(14.9)), (Transport::Sse, None));
        assert_eq!(advice(None, false, Some(1.0)), (Transport::Sse, None));
        assert_eq!(advice(None, false, Some(0.9)), (Transport::WebSocket, None));
        assert_eq!(advice(None, true, Some(60.0)), (Transport::WebSocket, None));
        // What is published often need not be read often ...
        assert_eq!(advice(Some(30.0), false, Some(0.1)), (Transport::Poll, Some(30)));
        // ... and what is published seldom may have to be seen at once.
        assert_eq!(advice(Some(1.0), false, Some(600.0)), (Transport::Sse, None));
        assert_eq!(advice(Some(1.0), false, None), (Transport::Sse, None));
    }
}
