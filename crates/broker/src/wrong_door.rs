//! Listens at the door that this gateway does not watch, to say so when something comes there.
//!
//! On a connection and a thread of its own: whatever happens here never hurts delivery.

use std::time::Duration;

use prometheus::IntCounter;
use publication::{Publication, PublicationError};
use tokio::time::{sleep, timeout};

use crate::{
    beacon::Beacon,
    config::RedisConfig,
    connection::Connection,
    decode::Rules,
    directives::Directives,
    door::Door,
    link::{Delivery, Link, max_payload},
    link_error::LinkError,
    metrics::Metrics,
    pace::Pace,
    stream::{max_value, newest, receive},
    wire,
};

/// Between two looks at the stream, and between two tries to connect.
const LOOK_INTERVAL: Duration = Duration::from_secs(10);
/// Between two lines in the log.
const LOG_INTERVAL: Duration = Duration::from_secs(10);
/// New entries that are looked at in one look.
const MAX_LOOKED_AT: usize = 1_000;

/// Who listens.
pub(crate) struct WrongDoor {
    config: RedisConfig,
    /// The right one.
    door: Door,
    rules: Rules,
    counter: IntCounter,
    pace: Pace,
    /// Comes by the same door.
    directives: Directives,
    /// A gateway of the other kind has been told of.
    other_kind_told: bool,
}

impl WrongDoor {
    pub(crate) fn new(
        config: RedisConfig,
        door: Door,
        rules: Rules,
        metrics: &Metrics,
        directives: Directives,
    ) -> Self {
        let counter = metrics.publications.with_label_values(&["wrong_door"]);
        Self {
            config,
            door,
            rules,
            counter,
            pace: Pace::every(LOG_INTERVAL),
            directives,
            other_kind_told: false,
        }
    }

    /// Listens until it turns out that it may not.
    pub(crate) async fn listen(mut self) {
        loop {
            let error = match self.door {
                Door::Stream => self.listen_to_the_prefix().await,
                Door::PubSub => self.look_at_the_stream().await,
            };
            let Err(error) = error;
            // What is denied was told at the start.
            if error.is_permanent() && !matches!(error, LinkError::Replica) {
                return;
            }
            tracing::debug!(%error, "nobody listens at the wrong door now");
            sleep(LOOK_INTERVAL).await;
        }
    }

    /// On a stream: what is published under the prefix.
    async fn listen_to_the_prefix(&mut self) -> Result<std::convert::Infallible, LinkError> {
        let mut link = Link::open(&self.config, max_payload(&self.rules)).await?;
        let mut asked = false;
        loop {
            match timeout(LOOK_INTERVAL, link.fill()).await {
                Ok(filled) => filled?,
                Err(_) if asked => return Err(LinkError::Silent),
                // Nobody publishes, or the link is dead: the answer tells.
                Err(_) => {
                    link.subscribe(&self.config).await?;
                    asked = true;
                    continue;
                }
            }
            asked = false;
            link.deliver(|delivery| self.hear(&delivery))?;
        }
    }

    fn hear(&mut self, delivery: &Delivery<'_>) {
        let (Delivery::Message { channel, .. } | Delivery::Oversized { channel }) = delivery;
        let name = channel.strip_prefix(self.config.prefix().as_bytes()).unwrap_or(channel);
        let publication = match (name, delivery) {
            (b"@beacon", Delivery::Message { payload, .. }) => return self.hear_beacon(payload),
            (b"@json", Delivery::Message { payload, .. }) => self.rules.envelope(payload),
            (b"@control", Delivery::Message { payload: directive @ [b'{', ..], .. }) => {
                return self.directives.overhear(directive);
            }
            // These names are Fanfare's own.
            ([b'@', ..], _) => return,
            (name, Delivery::Message { payload, .. }) => self.rules.plain(name, payload),
            (_, Delivery::Oversized { .. }) => {
                Err(PublicationError::TooLong { limit: self.rules.max_data_bytes })
            }
        };
        self.tell(publication);
    }

    fn hear_beacon(&mut self, payload: &[u8]) {
        if self.other_kind_told || Beacon::decode(payload).is_none() {
            return;
        }
        self.other_kind_told = true;
        tracing::warn!(
            prefix = self.config.prefix(),
            "another gateway under this prefix is of the kind redis-pubsub: neither delivers what the other does"
        );
    }

    /// On Pub/Sub: what is added to the stream.
    async fn look_at_the_stream(&mut self) -> Result<std::convert::Infallible, LinkError> {
        let (key, max_value) = (self.config.stream_key(), max_value(&self.rules));
        let mut connection = Connection::open(&self.config).await?;
        // What is there already is no sign that somebody publishes now.
        let mut last = newest(&mut connection, &key).await?;
        loop {
            sleep(LOOK_INTERVAL).await;
            let start = last.map_or("-".to_owned(), |id| format!("({id}"));
            connection.send(&["XRANGE", &key, &start, "+", "COUNT", &MAX_LOOKED_AT.to_string()]).await?;
            receive(&mut connection, "XRANGE", Duration::ZERO, max_value, |(id, fields)| {
                last = Some(id);
                let too_long = PublicationError::TooLong { limit: self.rules.max_data_bytes };
                let publication = fields.map_or(Err(too_long), |fields| self.rules.entry(&fields));
                self.tell(publication);
            })
            .await?;
        }
    }

    fn tell(&mut self, publication: Result<Publication, PublicationError>) {
        self.counter.inc();
        let Some(not_logged) = self.pace.may() else { return };
        let (came_by, kind) = match self.door {
            Door::Stream => ("PUBLISH", Door::PubSub.kind()),
            Door::PubSub => ("XADD", Door::Stream.kind()),
        };
        let try_instead = match &publication {
            Ok(publication) => wire::shown(self.door, &self.config, publication),
            Err(error) => format!("(and it is not valid: {error})"),
        };
        tracing::warn!(
            not_logged,
            try_instead,
            "a publication came by {came_by}, which only gateways of the kind {kind} deliver; this one is {}",
            self.door.kind()
        );
    }
}
