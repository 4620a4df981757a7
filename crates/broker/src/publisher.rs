//! Publishing from inside the gateway: for HTTP and the command line.

use std::{fmt, sync::Arc};

use publication::{Cursor, Publication};
use tokio::sync::{mpsc, oneshot};

use crate::{config::RedisConfig, door::Door, embedded::Request, lane::Lane, wire};

/// Publishes; cloning shares the connection.
#[derive(Clone)]
pub struct Publisher(Way);

#[derive(Clone)]
enum Way {
    Embedded(mpsc::Sender<Request>),
    PubSub(RedisConfig, Arc<Lane>),
    Stream(RedisConfig, Arc<Lane>),
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
        Self(Way::Embedded(requests))
    }

    /// Publishes through Redis; connects when it is first used and again whenever it must.
    #[must_use]
    pub fn redis(config: &RedisConfig) -> Self {
        Self(Way::PubSub(config.clone(), Arc::new(Lane::new(config))))
    }

    /// Publishes by adding to the stream; else like [`Publisher::redis`].
    #[must_use]
    pub fn stream(config: &RedisConfig) -> Self {
        Self(Way::Stream(config.clone(), Arc::new(Lane::new(config))))
    }

    /// Publishes over a new connection from now on. PUBLISH succeeds on a replica too, where it reaches
    /// nobody who listens to the primary: that a connection leads to a server that was demoted, its
    /// answers do not tell.
    pub(crate) fn reconnect(&self) {
        match &self.0 {
            Way::Embedded(_) => {}
            Way::PubSub(_, lane) | Way::Stream(_, lane) => lane.give_up(),
        }
    }

    /// Publishes, and waits until the broker has it.
    ///
    /// # Errors
    /// The broker is not there or does not take it.
    pub async fn publish(&self, publication: Publication) -> Result<Published, PublishError> {
        match &self.0 {
            Way::Embedded(requests) => {
                let (reply, cursor) = oneshot::channel();
                let gone = |()| PublishError("the broker is shutting down".to_owned());
                requests.send(Request { publication, reply }).await.map_err(|_| gone(()))?;
                cursor.await.map(Published::At).map_err(|_| gone(()))
            }
            Way::PubSub(config, lane) => {
                let words = wire::words(Door::PubSub, config, &publication);
                Ok(Published::Subscribers(lane.send(&words).await?))
            }
            Way::Stream(config, lane) => {
                let id: String = lane.send(&wire::words(Door::Stream, config, &publication)).await?;
                let id = id.parse().map_err(|_| PublishError(format!("{id:?} is no id")))?;
                Ok(Published::At(Cursor::After(id)))
            }
        }
    }
}

impl PublishError {
    pub(crate) fn new(why: impl fmt::Display) -> Self {
        Self(why.to_string())
    }

    /// There was no answer in time.
    pub(crate) fn late() -> Self {
        Self("Redis does not answer".to_owned())
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
