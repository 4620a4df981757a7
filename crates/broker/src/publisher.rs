//! Publishing from inside the gateway: for HTTP and the command line.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use publication::{Cursor, Once, Publication, Published};
use tokio::sync::{mpsc, oneshot};

use crate::{
    config::RedisConfig,
    door::Door,
    embedded::Request,
    lane::Lane,
    once::{Memory, Onced},
    publish_error::PublishError,
    wire,
};

/// Publishes; cloning shares the connection.
#[derive(Clone)]
pub struct Publisher {
    way: Way,
    memory: Arc<Memory>,
}

#[derive(Clone)]
enum Way {
    Embedded(mpsc::Sender<Request>),
    PubSub(RedisConfig, Arc<Lane>),
    Stream(RedisConfig, Arc<Lane>),
}

impl Publisher {
    pub(crate) fn embedded(requests: mpsc::Sender<Request>) -> Self {
        Self { way: Way::Embedded(requests), memory: Arc::new(Memory::Here(Mutex::default())) }
    }

    /// The queue into the embedded broker, if it is that one.
    pub(crate) fn queue(&self) -> Option<mpsc::Sender<Request>> {
        match &self.way {
            Way::Embedded(requests) => Some(requests.clone()),
            Way::PubSub(..) | Way::Stream(..) => None,
        }
    }

    /// Publishes through Redis; connects when it is first used and again whenever it must.
    #[must_use]
    pub fn redis(config: &RedisConfig) -> Self {
        Self {
            way: Way::PubSub(config.clone(), Arc::new(Lane::new(config))),
            memory: Memory::in_redis(config),
        }
    }

    /// Publishes by adding to the stream; else like [`Publisher::redis`].
    #[must_use]
    pub fn stream(config: &RedisConfig) -> Self {
        Self {
            way: Way::Stream(config.clone(), Arc::new(Lane::new(config))),
            memory: Memory::in_redis(config),
        }
    }

    /// Publishes over a new connection from now on. PUBLISH succeeds on a replica too, where it reaches
    /// nobody who listens to the primary: that a connection leads to a server that was demoted, its
    /// answers do not tell.
    pub(crate) fn reconnect(&self) {
        match &self.way {
            Way::Embedded(_) => {}
            Way::PubSub(_, lane) | Way::Stream(_, lane) => lane.give_up(),
        }
    }

    /// Publishes, and waits until the broker has it.
    ///
    /// # Errors
    /// The broker is not there or does not take it.
    pub async fn publish(&self, publication: Publication) -> Result<Published, PublishError> {
        match &self.way {
            Way::Embedded(requests) => {
                let (reply, cursor) = oneshot::channel();
                let gone = |()| PublishError::new("the broker is shutting down");
                requests.send(Request { publication, reply }).await.map_err(|_| gone(()))?;
                cursor.await.map(Published::At).map_err(|_| gone(()))
            }
            Way::PubSub(config, lane) => {
                let words = wire::words(Door::PubSub, config, &publication);
                Ok(Published::Subscribers(lane.send(&words).await?))
            }
            Way::Stream(config, lane) => {
                let id: String = lane.send(&wire::words(Door::Stream, config, &publication)).await?;
                let id = id.parse().map_err(|_| PublishError::new(format!("{id:?} is no id")))?;
                Ok(Published::At(Cursor::After(id)))
            }
        }
    }

    /// Publishes what nobody has asked for by this key in the last `keep_for`, and waits until the broker
    /// has it. It is published twice at the most, and only if the broker or this gateway fails in between.
    ///
    /// # Errors
    /// The broker is not there or does not take it.
    pub async fn publish_once(
        &self,
        publication: Publication,
        once: &Once,
        keep_for: Duration,
    ) -> Result<Onced, PublishError> {
        self.memory.publish(self, publication, once, keep_for).await
    }
}
