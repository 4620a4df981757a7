//! Reads back what memory no longer holds, and trims the stream to what is to be kept.
//!
//! On a thread and a connection of its own, so that live delivery never waits for it. A part that
//! was read serves all who ask for anything in it.

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use publication::{Cursor, Excerpt};
use tokio::{
    sync::{mpsc, oneshot},
    time::{MissedTickBehavior, interval},
};

use super::{
    ZERO,
    entries::receive,
    epoch::Epoch,
    max_value,
    part::{Around, Side},
    survey::Survey,
    warmth::now_ms,
};
use crate::{
    config::RedisConfig, connection::Connection, decode::Rules, link_error::LinkError, metrics::Metrics,
};

/// Requests that may wait.
const MAX_WAITING: usize = 1_024;
/// Parts kept for others who ask for the same, and for how long.
const MAX_CACHED: usize = 64;
const CACHE_TIME: Duration = Duration::from_secs(10);
/// A part is read to have about so many bytes, but so many entries at least and at most.
const PART_BYTES: usize = 512 * 1024;
const PART_ENTRIES: (usize, usize) = (32, 1_000);
/// The share of a part that lies before the place that was asked for, so that the next who asks
/// for one a little older finds it here.
const BACK_SHARE: usize = 4;
/// Between two trims, before jitter.
const TRIM_INTERVAL: Duration = Duration::from_secs(10);

/// How much of the stream Redis keeps.
#[derive(Clone, Copy, Debug)]
pub struct Retention {
    /// Entries.
    pub count: u64,
    /// Their age.
    pub age: Duration,
}

/// Asks for parts of the stream; cloning shares the lane.
#[derive(Clone)]
pub struct Archive(mpsc::Sender<Request>);

/// A part that somebody waits for.
pub(crate) struct Request {
    after: Cursor,
    reply: oneshot::Sender<Arc<Excerpt>>,
}

impl Archive {
    pub(crate) fn new() -> (Self, mpsc::Receiver<Request>) {
        let (sender, requests) = mpsc::channel(MAX_WAITING);
        (Self(sender), requests)
    }

    /// Asks for the part of the stream that holds what comes after this place. The reply is dropped if
    /// it cannot be had now.
    pub async fn ask(&self, after: Cursor, reply: oneshot::Sender<Arc<Excerpt>>) {
        // Without a reader the reply is dropped too.
        let _ = self.0.send(Request { after, reply }).await;
    }
}

/// Answers requests and trims until nobody asks any more.
pub(crate) async fn run(
    config: RedisConfig,
    retention: Retention,
    rules: Rules,
    metrics: Metrics,
    epoch: Epoch,
    mut requests: mpsc::Receiver<Request>,
) {
    let mut reader = Reader {
        key: config.stream_key(),
        max_value: max_value(&rules),
        config,
        rules,
        metrics,
        connection: None,
        cached: VecDeque::new(),
        epoch,
        // Until the first part has shown it, rather too much than too little.
        entry_bytes: 8 * 1024,
    };
    let mut trims = interval(TRIM_INTERVAL.mul_f64(rand::random_range(0.8..1.2)));
    trims.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let outcome = tokio::select! {
            request = requests.recv() => {
                let Some(request) = request else { return };
                reader.answer(request).await
            }
            _ = trims.tick() => reader.trim(retention).await,
        };
        if let Err(error) = outcome {
            tracing::warn!(%error, "the stream cannot be read back or trimmed now");
            if !matches!(error, LinkError::Refused { .. }) {
                reader.connection = None;
            }
        }
    }
}

struct Reader {
    config: RedisConfig,
    key: String,
    max_value: usize,
    rules: Rules,
    metrics: Metrics,
    connection: Option<Connection>,
    cached: VecDeque<(Instant, Arc<Excerpt>)>,
    epoch: Epoch,
    /// What an entry takes on average, as far as has been seen.
    entry_bytes: usize,
}

impl Reader {
    /// Whoever asked is told by the dropped reply if it fails.
    async fn answer(&mut self, Request { after, reply }: Request) -> Result<(), LinkError> {
        if reply.is_closed() {
            // Whoever asked has given up.
            return Ok(());
        }
        let epoch = self.epoch.now();
        self.cached.retain(|(at, excerpt)| at.elapsed() < CACHE_TIME && excerpt.epoch == epoch);
        let found = self.cached.iter().find(|(_, excerpt)| holds(excerpt, after));
        let excerpt = match found {
            Some((_, excerpt)) => Arc::clone(excerpt),
            None => {
                let excerpt = Arc::new(self.read(after, epoch).await?);
                if self.cached.len() == MAX_CACHED {
                    self.cached.pop_front();
                }
                self.cached.push_back((Instant::now(), Arc::clone(&excerpt)));
                excerpt
            }
        };
        // Whoever asked may have gone.
        let _ = reply.send(excerpt);
        Ok(())
    }

    /// Reads the part around a place.
    async fn read(&mut self, place: Cursor, epoch: u64) -> Result<Excerpt, LinkError> {
        let (start, end) = match place {
            Cursor::After(id) => (format!("({id}"), Some(id.to_string())),
            // Nothing lies before the first id there can be.
            Cursor::Before(ZERO) => ("-".to_owned(), None),
            Cursor::Before(id) => (id.to_string(), Some(format!("({id}"))),
            Cursor::Counted { .. } => return Err(LinkError::Unsuitable("this is no cursor of a stream")),
        };
        let count = (PART_BYTES / self.entry_bytes).clamp(PART_ENTRIES.0, PART_ENTRIES.1);
        let (forward_limit, back_limit) = (count - count / BACK_SHARE, count / BACK_SHARE);
        self.metrics.stream_reads.inc();
        let survey = self.survey().await?;
        let forward = self.range("XRANGE", [&start, "+"], forward_limit).await?;
        let back = match end {
            Some(end) => self.range("XREVRANGE", [&end, "-"], back_limit).await?,
            None => Side::default(),
        };
        let read = forward.count + back.count;
        self.entry_bytes = ((forward.bytes + back.bytes) / read.max(1)).max(1);
        Ok(Around { place, survey, forward, forward_limit, back, back_limit }.excerpt(epoch))
    }

    async fn survey(&mut self) -> Result<Option<Survey>, LinkError> {
        let key = self.key.clone();
        Survey::take(self.connection().await?, &key).await
    }

    async fn range(
        &mut self,
        command: &'static str,
        [from, to]: [&str; 2],
        limit: usize,
    ) -> Result<Side, LinkError> {
        let (key, max_value, rules) = (self.key.clone(), self.max_value, self.rules.clone());
        let connection = self.connection().await?;
        connection.send(&[command, &key, from, to, "COUNT", &limit.to_string()]).await?;
        let mut side = Side::default();
        receive(connection, command, Duration::ZERO, max_value, |(id, fields)| {
            side.take(id, fields.and_then(|fields| rules.entry(&fields).ok()));
        })
        .await?;
        Ok(side)
    }

    /// Drops what is more or older than is to be kept. All gateways do; it does no harm.
    async fn trim(&mut self, retention: Retention) -> Result<(), LinkError> {
        let key = self.key.clone();
        let connection = self.connection().await?;
        let now = now_ms(connection).await;
        let oldest = now.saturating_sub(u64::try_from(retention.age.as_millis()).unwrap_or(u64::MAX));
        for limit in [["MAXLEN", &*retention.count.to_string()], ["MINID", &*oldest.to_string()]] {
            match connection.ask(&["XTRIM", &key, limit[0], "~", limit[1]]).await {
                // That it is denied was told at the start.
                Err(LinkError::Refused { error, .. }) if error.starts_with("NOPERM") => {}
                answer => drop(answer?),
            }
        }
        Ok(())
    }

    async fn connection(&mut self) -> Result<&mut Connection, LinkError> {
        if self.connection.is_none() {
            self.connection = Some(Connection::open(&self.config).await?);
        }
        // It was just made if it was not there.
        Ok(self.connection.as_mut().expect("there is a connection"))
    }
}

/// Whether a part holds what comes right after a place.
fn holds(excerpt: &Excerpt, place: Cursor) -> bool {
    let order = |cursor| match cursor {
        Cursor::Before(id) => Some((id, false)),
        Cursor::After(id) => Some((id, true)),
        Cursor::Counted { .. } => None,
    };
    // Of the oldest part it is enough to say that there is nothing before it.
    (excerpt.reaches_start || order(excerpt.after) <= order(place))
        && order(place) < Some((excerpt.upto, true))
}
