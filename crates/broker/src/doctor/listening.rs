//! Listens for a while: what arrives as it should, and what nearly does.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use publication::{Draft, EntryId, Publication, PublicationError};
use tokio::time::timeout;

use super::{
    names,
    near::{Miss, NearMisses, Suggestion},
    streams,
};
use crate::{
    beacon::Beacon,
    config::RedisConfig,
    connection::Connection,
    decode::Rules,
    diagnosis::{Diagnosis, Verdict},
    door::Door,
    link::{Delivery, Link, max_payload},
    link_error::LinkError,
    stream::{max_value, newest, receive},
};

/// How often the stream is looked at, and progress told.
const TICK: Duration = Duration::from_millis(500);
/// Things that are listed, of each kind.
const MAX_LISTED: usize = 20;
/// Entries that are read at once.
const MAX_ENTRIES: usize = 1_000;

/// What was heard.
#[derive(Debug, Default)]
pub struct Heard {
    /// Publications that a gateway delivers.
    pub right: u64,
    /// Their channels.
    pub channels: BTreeSet<String>,
    /// Gateways of the kind redis-pubsub.
    pub gateways: usize,
    /// What does not arrive, each with what would.
    pub found: Vec<Diagnosis>,
}

/// Listens for so long to everything that the user may hear. `progress` is told what is left of the
/// time, and how much was heard.
///
/// # Errors
/// The connection breaks, or not even the prefix may be listened to.
pub async fn listen(
    config: &RedisConfig,
    door: Door,
    rules: &Rules,
    span: Duration,
    mut progress: impl FnMut(Duration, u64),
) -> Result<Heard, LinkError> {
    let mut ear = Ear::new(config, door, rules);
    let mut connection = Connection::open(config).await?;
    let suggest = Suggestion { config, door, address: connection.address().clone() };
    let alike = streams::alike(&mut connection, rules, &suggest).await?;
    // Without the right to read the stream there is nothing to be said of it.
    let mut last = newest(&mut connection, &config.stream_key()).await.ok();
    let (mut link, everywhere) = open(config, rules).await?;
    let until = Instant::now() + span;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        if let Ok(filled) = timeout(TICK.min(left), link.fill()).await {
            filled?;
            link.deliver(|delivery| ear.hear(&delivery))?;
        }
        if ear.looked.elapsed() >= TICK || left.is_zero() {
            ear.look_at_the_stream(&mut connection, &mut last).await?;
            progress(left, ear.count);
        }
        if left.is_zero() {
            let mut heard = ear.finish(everywhere, &suggest);
            heard.found.extend(alike);
            return Ok(heard);
        }
    }
}

/// A link to all channels, or, where that is denied, to those under the prefix.
async fn open(config: &RedisConfig, rules: &Rules) -> Result<(Link, bool), LinkError> {
    match Link::open_to("*", config, max_payload(rules)).await {
        Err(LinkError::Refused { .. }) => {
            Ok((Link::open_to(&config.pattern(), config, max_payload(rules)).await?, false))
        }
        link => Ok((link?, true)),
    }
}

struct Ear<'a> {
    config: &'a RedisConfig,
    door: Door,
    rules: &'a Rules,
    /// Publications of whatever kind.
    count: u64,
    looked: Instant,
    heard: Heard,
    gateways: BTreeSet<u64>,
    near: NearMisses,
    /// Channels that have nothing to do with us, as it seems.
    others: BTreeSet<String>,
}

impl<'a> Ear<'a> {
    fn new(config: &'a RedisConfig, door: Door, rules: &'a Rules) -> Self {
        Self {
            config,
            door,
            rules,
            count: 0,
            looked: Instant::now(),
            heard: Heard::default(),
            gateways: BTreeSet::new(),
            near: NearMisses::default(),
            others: BTreeSet::new(),
        }
    }

    /// Something was published.
    fn hear(&mut self, delivery: &Delivery<'_>) {
        let (channel, payload) = match delivery {
            Delivery::Message { channel, payload } => (*channel, Some(*payload)),
            Delivery::Oversized { channel } => (*channel, None),
        };
        let too_long = PublicationError::TooLong { limit: self.rules.max_data_bytes };
        let shown = String::from_utf8_lossy(&channel[..channel.len().min(200)]).into_owned();
        let Some(name) = channel.strip_prefix(self.config.prefix().as_bytes()) else {
            return self.hear_another(&shown, payload);
        };
        let decoded = match (name, payload) {
            (b"@beacon", Some(payload)) => {
                self.gateways.extend(Beacon::decode(payload).map(|beacon| beacon.id.gateway));
                return;
            }
            (_, None) => Err(too_long),
            (b"@json", Some(payload)) => self.rules.envelope(payload),
            // Fanfare's own.
            ([b'@', ..], _) => return,
            (name, Some(payload)) => self.rules.plain(name, payload),
        };
        self.take(Door::PubSub, shown, decoded);
    }

    /// Under another prefix.
    fn hear_another(&mut self, name: &str, payload: Option<&[u8]>) {
        // What Redis itself says of its keys, and what Sentinels say to each other.
        if name.starts_with("__") {
            return;
        }
        self.count += 1;
        let (channel, similar) = names::meant(name, self.config.prefix());
        if !similar {
            if self.others.len() < MAX_LISTED {
                self.others.insert(name.to_owned());
            }
            return;
        }
        let data = payload.map(String::from_utf8_lossy).unwrap_or_default();
        let draft = Draft { channel: &channel, data: &data, ..Draft::default() };
        self.near.note(Miss::OtherPrefix, name.to_owned(), self.rules.check(draft));
    }

    fn take(&mut self, came_by: Door, name: String, decoded: Result<Publication, PublicationError>) {
        self.count += 1;
        match decoded {
            Err(_) => self.near.note(Miss::Invalid, name, decoded),
            Ok(_) if came_by != self.door => self.near.note(Miss::WrongDoor, name, decoded),
            Ok(publication) => {
                self.heard.right += 1;
                if self.heard.channels.len() < MAX_LISTED {
                    self.heard.channels.extend(publication.channels().map(str::to_owned));
                }
            }
        }
    }

    /// What was added to the stream since the last look.
    async fn look_at_the_stream(
        &mut self,
        connection: &mut Connection,
        last: &mut Option<Option<EntryId>>,
    ) -> Result<(), LinkError> {
        self.looked = Instant::now();
        let Some(last) = last else { return Ok(()) };
        let key = self.config.stream_key();
        let start = last.map_or("-".to_owned(), |id| format!("({id}"));
        connection.send(&["XRANGE", &key, &start, "+", "COUNT", &MAX_ENTRIES.to_string()]).await?;
        receive(connection, "XRANGE", Duration::ZERO, max_value(self.rules), |(id, fields)| {
            *last = Some(id);
            let too_long = PublicationError::TooLong { limit: self.rules.max_data_bytes };
            let decoded = fields.map_or(Err(too_long), |fields| self.rules.entry(&fields));
            self.take(Door::Stream, key.clone(), decoded);
        })
        .await
        .map(drop)
    }

    fn finish(mut self, everywhere: bool, suggest: &Suggestion<'_>) -> Heard {
        let mut found = self.near.explain(suggest);
        if self.door == Door::Stream && !self.gateways.is_empty() {
            found.push(Diagnosis::new(
                Verdict::Warning,
                format!("gateways of the kind redis-pubsub run under this prefix: {}", self.gateways.len()),
                "give all gateways the same broker.kind, or prefixes of their own",
            ));
        }
        if !everywhere {
            let text = "only the prefix was listened to: this user may not listen to other channels";
            found.push(Diagnosis::fine(text));
        }
        if !self.others.is_empty() {
            let names: Vec<_> = self.others.iter().map(String::as_str).collect();
            let text = format!(
                "other channels that were published on, and are none of Fanfare's: {}",
                names.join(", ")
            );
            found.push(Diagnosis::fine(text));
        }
        self.heard.gateways = self.gateways.len();
        self.heard.found = found;
        self.heard
    }
}
