//! Publishing to a gateway over HTTP, where there is no Redis: what is shown is then the gateway's memory, and gone
//! with it.

use std::{cell::RefCell, time::Duration};

use form_urlencoded::Serializer;
use hyper::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::time::sleep;
use watcher::{Change, Fingerprint, Heard, Outlet};

use crate::client::{self, Server};

/// The longest body of a request, in bytes, before its last line.
const MAX_BODY_BYTES: usize = 256 * 1024;
/// Between two looks whether the gateway still is the one that was published to.
const LOOK: Duration = Duration::from_secs(1);

/// What is said of a gateway that knows nothing of what was published.
const ANEW: &str = "the gateway has begun anew";

/// A gateway.
pub(super) struct OverHttp {
    server: Server,
    bearer: Option<(&'static str, String)>,
    /// A channel that was published to, and a cursor after that.
    last: RefCell<Option<(String, String)>>,
}

impl OverHttp {
    pub(super) fn new(server: Server, bearer: Option<(&'static str, String)>) -> Self {
        Self { server, bearer, last: RefCell::default() }
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
        Ok((status, client::text(answer).await?))
    }

    /// Publishes lines of JSON, the last of which concerns a channel.
    async fn send_lines(&self, lines: String, last_channel: &str) -> Result<(), String> {
        let (status, body) = self.send(Method::POST, "", Some("application/x-ndjson"), lines).await?;
        if status != StatusCode::OK {
            return Err(format!("the gateway refuses what was found: {}", client::error_message(&body)));
        }
        let results: Vec<Value> =
            serde_json::from_str(&body).map_err(|error| format!("the gateway's answer: {error}"))?;
        let refused = results.iter().find_map(|result| result["error"]["message"].as_str());
        if let Some(message) = refused {
            return Err(format!("the gateway refuses what was found: {message}"));
        }
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
        Ok(())
    }
}

impl Outlet for OverHttp {
    type Ended = String;

    /// Nobody remembers: all is published anew.
    async fn shown(&self, _query: &str) -> Result<Vec<(String, Fingerprint)>, String> {
        Ok(Vec::new())
    }

    async fn publish(&self, _query: &str, changes: &[Change]) -> Result<Heard, String> {
        let mut lines = String::new();
        for (index, change) in changes.iter().enumerate() {
            lines.push_str(&line(change).to_string());
            lines.push('\n');
            if lines.len() >= MAX_BODY_BYTES || index + 1 == changes.len() {
                self.send_lines(std::mem::take(&mut lines), change.channel()).await?;
            }
        }
        Ok(Heard::Yes)
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
