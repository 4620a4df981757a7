//! Publishing from inside the gateway: for HTTP and the command line.

use std::{fmt, sync::Arc};

use publication::{Cursor, Publication};
use tokio::sync::{mpsc, oneshot};

use crate::{config::RedisConfig, embedded::Request, lane::Lane};

/// Publishes; cloning shares the connection.
#[derive(Clone)]
pub struct Publisher(Door);

#[derive(Clone)]
enum Door {
    Embedded(mpsc::Sender<Request>),
    Redis { prefix: String, lane: Arc<Lane> },
    Stream { key: String, lane: Arc<Lane> },
}

/// What became of a publication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Published {
    /// It has this place in the order.
    At(Cursor),
    /// Redis passed it on to so many subscribers.
    Subscribers(u64),
}

/// The broker did not take the publication; trying again later may help.
#[derive(Debug)]
pub struct PublishError(String);

impl Publisher {
    pub(crate) fn embedded(requests: mpsc::Sender<Request>) -> Self {
        Self(Door::Embedded(requests))
    }

    /// Publishes through Redis; connects when it is first used and again whenever it must.
    #[must_use]
    pub fn redis(config: &RedisConfig) -> Self {
        Self(Door::Redis { prefix: config.prefix().to_owned(), lane: Arc::new(Lane::new(config)) })
    }

    /// Publishes by adding to the stream; else like [`Publisher::redis`].
    #[must_use]
    pub fn stream(config: &RedisConfig) -> Self {
        Self(Door::Stream { key: config.stream_key(), lane: Arc::new(Lane::new(config)) })
    }

    /// Publishes, and waits until the broker has it.
    ///
    /// # Errors
    /// The broker is not there or does not take it.
    pub async fn publish(&self, publication: Publication) -> Result<Published, PublishError> {
        match &self.0 {
            Door::Embedded(requests) => {
                let (reply, cursor) = oneshot::channel();
                let gone = |()| PublishError("the broker is shutting down".to_owned());
                requests.send(Request { publication, reply }).await.map_err(|_| gone(()))?;
                cursor.await.map(Published::At).map_err(|_| gone(()))
            }
            Door::Redis { prefix, lane } => {
                let (channel, payload) = wire(prefix, &publication);
                let subscribers = lane.send(redis::cmd("PUBLISH").arg(channel).arg(payload)).await?;
                Ok(Published::Subscribers(subscribers))
            }
            Door::Stream { key, lane } => {
                let mut command = redis::cmd("XADD");
                command.arg(key).arg("*");
                add_fields(&mut command, &publication);
                let id: String = lane.send(&command).await?;
                let id = id.parse().map_err(|_| PublishError(format!("{id:?} is no id")))?;
                Ok(Published::At(Cursor::After(id)))
            }
        }
    }
}

/// The fields of a publication's entry.
fn add_fields(command: &mut redis::Cmd, publication: &Publication) {
    let channels: Vec<_> = publication.channels().collect();
    match &channels[..] {
        [channel] => command.arg("channel").arg(channel),
        channels => command.arg("channels").arg(serde_json::json!(channels).to_string()),
    };
    if let Some(event) = publication.event() {
        command.arg("event").arg(event);
    }
    command.arg("data").arg(publication.data());
}

/// The Redis channel and payload of a publication: plain where that says all.
fn wire(prefix: &str, publication: &Publication) -> (String, String) {
    let channels: Vec<_> = publication.channels().collect();
    match (&channels[..], publication.event()) {
        ([channel], None) => (format!("{prefix}{channel}"), publication.data().to_owned()),
        (channels, event) => {
            let data = publication.data();
            let mut envelope = serde_json::json!({ "channels": channels, "data": data });
            if let Some(event) = event {
                envelope["event"] = event.into();
            }
            (format!("{prefix}@json"), envelope.to_string())
        }
    }
}

impl PublishError {
    pub(crate) fn new(why: impl fmt::Display) -> Self {
        Self(why.to_string())
    }
}

impl From<redis::RedisError> for PublishError {
    fn from(error: redis::RedisError) -> Self {
        Self(error.to_string())
    }
}

impl fmt::Display for PublishError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl std::error::Error for PublishError {}
