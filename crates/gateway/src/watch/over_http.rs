//! Publishing to a gateway over HTTP, where there is no Redis: what is shown is what the gateway says, and gone with it.

use std::{cell::RefCell, collections::HashSet, time::Duration};

use form_urlencoded::Serializer;
use hyper::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::sleep;
use watcher::{Change, Fingerprint, Heard, Outlet, Query, Refusals, Template};

use crate::client::{self, Server};

/// The longest body of a request, in bytes, before its last line.
const MAX_BODY_BYTES: usize = 256 * 1024;
/// Between two looks whether the gateway still is the one that was published to.
const LOOK: Duration = Duration::from_secs(1);
/// The most that a gateway may say of what it shows, in bytes.
const MAX_SHOWN_BYTES: usize = 1024 * 1024 * 1024;

/// What is said of a gateway that knows nothing of what was published.
const ANEW: &str = "the gateway has begun anew";

/// What a gateway says of a pattern: the latest publication of each channel.
#[derive(Deserialize)]
struct Latest {
    publications: Vec<LatestOne>,
}

#[derive(Deserialize)]
struct LatestOne {
    channel: String,
    #[serde(default)]
    retract: bool,
}

/// A gateway.
pub(super) struct OverHttp {
    server: Server,
    bearer: Option<(&'static str, String)>,
    /// The channels of all queries.
    channels: Vec<Template>,
    /// A channel that was published to, and a cursor after that.
    last: RefCell<Option<(String, String)>>,
}

impl OverHttp {
    pub(super) fn new(server: Server, bearer: Option<(&'static str, String)>, queries: &[Query]) -> Self {
        let channels = queries.iter().map(|query| query.channel.clone()).collect();
        Self { server, bearer, channels, last: RefCell::default() }
    }

    /// Makes sure that it is there.
    pub(super) async fn reach(&self) -> Result<(), String> {
        self.server.get("/").await.map(drop)
    }

    /// Waits until the gateway does not know a cursor any more that it gave: it is another one then, and shows nothing of
    /// what was published.
    pub(super) async fn forgets(&self) -> String {
        loop {
            sleep(LOOK).await;
            let Some((channel, cursor)) = self.last.borrow().clone() else { continue };
            match self.read_on(&channel, &cursor).await {
                Ok(Some(newer)) => *self.last.borrow_mut() = Some((channel, newer)),
                Ok(None) => {
                    self.last.replace(None);
                    return ANEW.to_owned();
                }
                Err(error) => return error,
            }
        }
    }

    /// The cursor up to which a channel was read; `None` if what lies between is not known to the gateway.
    async fn read_on(&self, channel: &str, cursor: &str) -> Result<Option<String>, String> {
        let mut query = Serializer::new(String::new());
        query.append_pair("channel", channel).append_pair("since", cursor).append_pair("transport", "poll");
        let (status, body) = self.send(Method::GET, &query.finish(), None, String::new()).await?;
        if status != StatusCode::OK {
            // It may not be read: then nobody knows, and what is old is published again by itself.
            tracing::debug!(
                channel,
                "the gateway cannot be asked whether it began anew: {}",
                client::error_message(&body)
            );
            return Ok(Some(cursor.to_owned()));
        }
        let page: Value =
            serde_json::from_str(&body).map_err(|error| format!("the gateway's answer: {error}"))?;
        let newer = page["cursor"].as_str().unwrap_or(cursor);
        Ok(page["gap"].is_null().then(|| newer.to_owned()))
    }

    async fn send(
        &self,
        method: Method,
        query: &str,
        kind: Option<&'static str>,
        body: String,
    ) -> Result<(StatusCode, String), String> {
        let kind = kind.map(|kind| ("content-type", kind.to_owned()));
        let headers: Vec<_> = self.bearer.clone().into_iter().chain(kind).collect();
        let answer = self.server.send(method, query, &headers, body.into()).await?;
        let status = answer.status();
        Ok((status, client::text_within(answer, MAX_SHOWN_BYTES).await?))
    }

    /// Publishes lines of JSON, the last of which concerns a channel. Returns which of them are refused.
    async fn send_lines(&self, lines: String, last_channel: &str) -> Result<Refusals, String> {
        let (status, body) = self.send(Method::POST, "", Some("application/x-ndjson"), lines).await?;
        if status != StatusCode::OK {
            return Err(format!("the gateway refuses what was found: {}", client::error_message(&body)));
        }
        let results: Vec<Value> =
            serde_json::from_str(&body).map_err(|error| format!("the gateway's answer: {error}"))?;
        let why = |result: &Value| result["error"]["message"].as_str().map(str::to_owned);
        let refused = results.iter().enumerate().filter_map(|(index, result)| Some((index, why(result)?)));
        let refused: Refusals = refused.collect();
        // One that was restarted in between takes it too, and is only told apart by a cursor of the one before.
        let before = self.last.borrow().clone();
        if let Some((channel, cursor)) = before
            && self.read_on(&channel, &cursor).await?.is_none()
        {
            self.last.replace(None);
            return Err(ANEW.to_owned());
        }
        let id = results.last().and_then(|result| result["id"].as_str());
        if let Some(id) = id {
            self.last.replace(Some((last_channel.to_owned(), id.to_owned())));
        }
        Ok(refused)
    }
}

impl Outlet for OverHttp {
    type Ended = String;

    /// Every channel that the gateway has a value of and that could be one of this query's rows, and of no other query's.
    /// What the value came from is not known: all is published anew, or retracted.
    async fn shown(&self, query: &Query) -> Result<Vec<(String, Fingerprint)>, String> {
        if !query.channel.has_columns() {
            return Ok(Vec::new());
        }
        let mut ask = Serializer::new(String::new());
        ask.append_pair("channel", &format!("{}*", query.channel.prefix())).append_pair("transport", "poll");
        let (status, body) = self.send(Method::GET, &ask.finish(), None, String::new()).await?;
        if status != StatusCode::OK {
            let (query, why) = (&query.name, client::error_message(&body));
            tracing::warn!(
                query,
                "the gateway does not say what it shows, so that rows that have gone may stay: {why}"
            );
            return Ok(Vec::new());
        }
        let latest: Latest =
            serde_json::from_str(&body).map_err(|error| format!("the gateway's answer: {error}"))?;
        let shown = latest.publications.into_iter().filter(|latest| !latest.retract);
        let is_own = |channel: &str| {
            query.channel.fits(channel)
                && !self.channels.iter().any(|other| *other != query.channel && other.fits(channel))
        };
        let own: HashSet<_> = shown.map(|shown| shown.channel).filter(|channel| is_own(channel)).collect();
        Ok(own.into_iter().map(|channel| (channel, Fingerprint::default().uncertain())).collect())
    }

    async fn publish(&self, _query: &Query, changes: &[Change]) -> Result<Heard, String> {
        let (mut lines, mut sent, mut refusals) = (String::new(), 0, Refusals::new());
        for (index, change) in changes.iter().enumerate() {
            lines.push_str(&line(change).to_string());
            lines.push('\n');
            if lines.len() >= MAX_BODY_BYTES || index + 1 == changes.len() {
                let refused = self.send_lines(std::mem::take(&mut lines), change.channel()).await?;
                refusals.extend(refused.into_iter().map(|(at, why)| (sent + at, why)));
                sent = index + 1;
            }
        }
        Ok(if refusals.is_empty() { Heard::Yes } else { Heard::Except(refusals) })
    }
}

fn line(change: &Change) -> Value {
    let mut line = json!({ "channel": change.channel(), "data": change.publication.data() });
    if let Some(event) = change.publication.event() {
        line["event"] = event.into();
    }
    if change.publication.is_retraction() {
        line["retract"] = true.into();
    }
    line
}
