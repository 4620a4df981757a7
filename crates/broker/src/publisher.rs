//! Publishing from inside the gateway: for HTTP and the command line.

use std::{fmt, time::Duration};

use publication::{Cursor, Publication};
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use tokio::sync::{mpsc, oneshot};

use crate::{config::RedisConfig, embedded::Request};

/// The longest wait for Redis to take a publication.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(2);

/// Publishes; cloning shares the connection.
#[derive(Clone)]
pub struct Publisher(Door);

#[derive(Clone)]
enum Door {
    Embedded(mpsc::Sender<Request>),
    Redis { prefix: String, connection: ConnectionManager },
    Stream { key: String, connection: ConnectionManager },
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

    /// Publishes through Redis; connects when it is first used and again whenever it must. To be
    /// called inside a runtime.
    ///
    /// # Errors
    /// The client refuses the address.
    pub fn redis(config: &RedisConfig) -> Result<Self, PublishError> {
        let connection = connect(config)?;
        Ok(Self(Door::Redis { prefix: config.prefix().to_owned(), connection }))
    }

    /// Publishes by adding to the stream; else like [`Publisher::redis`].
    ///
    /// # Errors
    /// The client refuses the address.
    pub fn stream(config: &RedisConfig) -> Result<Self, PublishError> {
        let connection = connect(config)?;
        Ok(Self(Door::Stream { key: config.stream_key(), connection }))
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
            Door::Redis { prefix, connection } => {
                let (channel, payload) = wire(prefix, &publication);
                let mut connection = connection.clone();
                let subscribers =
                    redis::cmd("PUBLISH").arg(channel).arg(payload).query_async(&mut connection).await?;
                Ok(Published::Subscribers(subscribers))
            }
            Door::Stream { key, connection } => {
                let mut command = redis::cmd("XADD");
                command.arg(key).arg("*");
                add_fields(&mut command, &publication);
                let id: String = command.query_async(&mut connection.clone()).await?;
                let id = id.parse().map_err(|_| PublishError(format!("{id:?} is no id")))?;
                Ok(Published::At(Cursor::After(id)))
            }
        }
    }
}

pub(crate) fn connect(config: &RedisConfig) -> Result<ConnectionManager, PublishError> {
    let tcp = config.info().tcp_settings().clone().set_nodelay(true);
    let client = redis::Client::open(config.info().clone().set_tcp_settings(tcp))?;
    let settings = ConnectionManagerConfig::new()
        .set_number_of_retries(1)
        .set_connection_timeout(Some(RESPONSE_TIMEOUT))
        .set_response_timeout(Some(RESPONSE_TIMEOUT));
    Ok(ConnectionManager::new_lazy_with_config(client, settings)?)
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
    if publication.is_retraction() {
        command.arg("retract").arg(1);
    }
    if let Some(ttl) = publication.ttl() {
        command.arg("ttl").arg(ttl);
    }
}

/// The Redis channel and payload of a publication: plain where that says all.
fn wire(prefix: &str, publication: &Publication) -> (String, String) {
    let channels: Vec<_> = publication.channels().collect();
    let plain = !publication.is_retraction() && publication.ttl().is_none();
    match (&channels[..], publication.event()) {
        ([channel], None) if plain => (format!("{prefix}{channel}"), publication.data().to_owned()),
        (channels, event) => {
            let data = publication.data();
            let mut envelope = serde_json::json!({ "channels": channels, "data": data });
            if let Some(event) = event {
                envelope["event"] = event.into();
            }
            if publication.is_retraction() {
                envelope["retract"] = true.into();
            }
            if let Some(ttl) = publication.ttl() {
                envelope["ttl"] = ttl.into();
            }
            (format!("{prefix}@json"), envelope.to_string())
        }
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
