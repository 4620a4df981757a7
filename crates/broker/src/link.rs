//! One connection to Redis that follows everything under the prefix.
//!
//! Beacons are published on the very connection that waits for them, so that one that comes back
//! proves both directions of this link and nothing else.

use crate::{
    config::RedisConfig,
    connection::Connection,
    decode::Rules,
    link_error::LinkError,
    resp::{self, Frame, Reply},
    server::Server,
};

/// A subscribed connection.
pub(crate) struct Link {
    connection: Connection,
    /// Bytes of an oversized payload still to be thrown away.
    skip: usize,
    max_payload: usize,
    /// How many subscribers took what was published here last.
    receivers: Option<u64>,
}

/// What a link delivered.
pub(crate) enum Delivery<'a> {
    Message { channel: &'a [u8], payload: &'a [u8] },
    Oversized { channel: &'a [u8] },
}

impl Link {
    /// Connects and subscribes.
    pub(crate) async fn open(config: &RedisConfig, max_payload: usize) -> Result<Self, LinkError> {
        Self::open_to(&config.pattern(), config, max_payload).await
    }

    /// Connects and subscribes to other channels than those under the prefix.
    pub(crate) async fn open_to(
        pattern: &str,
        config: &RedisConfig,
        max_payload: usize,
    ) -> Result<Self, LinkError> {
        let mut connection = Connection::open(config).await?;
        connection.ask(&["PSUBSCRIBE", pattern]).await?;
        Ok(Self { connection, skip: 0, max_payload, receivers: None })
    }

    /// Subscribes once more, without effect, so that there is an answer.
    pub(crate) async fn subscribe(&mut self, config: &RedisConfig) -> Result<(), LinkError> {
        self.connection.send(&["PSUBSCRIBE", &config.pattern()]).await
    }

    /// Who answers on this link.
    pub(crate) fn server(&self) -> &Server {
        &self.connection.server
    }

    /// Publishes `payload`, and asks for the server's role behind it, without waiting for answers.
    pub(crate) async fn publish(&mut self, channel: &str, payload: &str) -> Result<(), LinkError> {
        self.connection.send(&["PUBLISH", channel, payload]).await?;
        self.connection.send(&["INFO", "replication"]).await
    }

    /// Publishes `payload`, without waiting for the answer.
    pub(crate) async fn say(&mut self, channel: &str, payload: &str) -> Result<(), LinkError> {
        self.connection.send(&["PUBLISH", channel, payload]).await
    }

    /// How many subscribers took what was published on this link last, itself included.
    pub(crate) fn receivers(&self) -> Option<u64> {
        self.receivers
    }

    /// Waits for more bytes. May be cancelled without loss.
    pub(crate) async fn fill(&mut self) -> Result<(), LinkError> {
        self.connection.fill().await
    }

    /// Takes what has already come in, without waiting; returns whether there was anything.
    pub(crate) async fn fill_now(&mut self) -> Result<bool, LinkError> {
        self.connection.fill_now().await
    }

    /// Hands over everything that has come in.
    pub(crate) fn deliver(&mut self, mut deliver: impl FnMut(Delivery<'_>)) -> Result<(), LinkError> {
        loop {
            if self.skip > 0 {
                let skipped = self.skip.min(self.connection.unparsed().len());
                self.skip -= skipped;
                self.connection.consume(skipped);
            }
            let parsed = resp::parse(self.connection.unparsed(), self.max_payload)?;
            let Some((frame, length)) = parsed else { return Ok(()) };
            let mut skip = 0;
            let mut reply = None;
            match frame {
                Frame::Message { channel, payload } => deliver(Delivery::Message { channel, payload }),
                Frame::Oversized { channel, skip: bytes } => {
                    deliver(Delivery::Oversized { channel });
                    skip = bytes;
                }
                Frame::Reply(other) => reply = Some(other),
            }
            self.connection.consume(length);
            self.skip = skip;
            if let Some(reply) = reply {
                self.take_reply(reply)?;
            }
        }
    }

    /// The answers to what was sent along with a beacon.
    fn take_reply(&mut self, reply: Reply) -> Result<(), LinkError> {
        match reply {
            // A denied INFO has been told at set-up; a denied PUBLISH means that beacons never come.
            Reply::Error(error) if error.contains("'publish'") || error.contains("PUBLISH") => {
                Err(LinkError::Refused { command: "PUBLISH".to_owned(), error })
            }
            Reply::Error(error) => {
                tracing::debug!(%error, "Redis refused a command");
                Ok(())
            }
            reply => {
                if let Some(receivers) = reply.text().and_then(|text| text.parse().ok()) {
                    self.receivers = Some(receivers);
                }
                self.connection.server.learn(&reply);
                self.connection.server.check()
            }
        }
    }
}

/// The longest payload that may hold a publication: an envelope has names and escapes around the data.
pub(crate) fn max_payload(rules: &Rules) -> usize {
    rules.max_data_bytes.saturating_mul(6).saturating_add(4096)
}
