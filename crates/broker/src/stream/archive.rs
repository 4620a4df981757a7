//! Reads back what memory no longer holds, and trims the stream to what is to be kept.
//!
//! On a thread and a connection of its own, so that live delivery never waits for it. A part that
//! was read serves all who ask for anything in it.

use std::{sync::Arc, time::Duration};

use publication::{Cursor, Excerpt};
use tokio::{
    sync::{mpsc, oneshot},
    time::{MissedTickBehavior, interval},
};

use super::{
    ZERO,
    cache::{Cache, KEPT_FOR},
    clock::Clock,
    entries::receive,
    entry_size::EntrySize,
    epoch::Epoch,
    max_value,
    part::{Around, Side},
    survey::Survey,
};
use crate::{
    config::RedisConfig, connection::Connection, decode::Rules, link_error::LinkError, metrics::Metrics,
};

/// Requests that may wait.
const MAX_WAITING: usize = 1_024;
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
        cached: Cache::default(),
        epoch,
        // Rather too much than too little.
        entry_size: EntrySize::guess(8 * 1024),
    };
    let mut trims = interval(TRIM_INTERVAL.mul_f64(rand::random_range(0.8..1.2)));
    trims.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut forgets = interval(KEPT_FOR);
    loop {
        let outcome = tokio::select! {
            request = requests.recv() => {
                let Some(request) = request else { return };
                reader.answer(request).await
            }
            _ = trims.tick() => reader.trim(retention).await,
            _ = forgets.tick() => {
                reader.cached.forget();
                Ok(())
            }
        };
        if let Err(error) = outcome {
            tracing::warn!(%error, "the stream cannot be read back or trimmed now");
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
    cached: Cache,
    epoch: Epoch,
    entry_size: EntrySize,
}

impl Reader {
    /// Whoever asked is told by the dropped reply if it fails.
    async fn answer(&mut self, Request { after, reply }: Request) -> Result<(), LinkError> {
        if reply.is_closed() {
            // Whoever asked has given up.
            return Ok(());
        }
        let epoch = self.epoch.now();
        let excerpt = match self.cached.find(after, epoch) {
            Some(excerpt) => excerpt,
            None => {
                let excerpt = self.read(after, epoch).await?;
                self.cached.keep(excerpt)
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
        let count = self.entry_size.fit(PART_BYTES).clamp(PART_ENTRIES.0, PART_ENTRIES.1);
        let (forward_limit, back_limit) = (count - count / BACK_SHARE, count / BACK_SHARE);
        self.metrics.stream_reads.inc();
        let mut connection = self.primary().await?;
        let survey = Survey::take(&mut connection, &self.key).await?;
        let forward = self.range(&mut connection, "XRANGE", [&start, "+"], forward_limit).await?;
        let back = match end {
            Some(end) => self.range(&mut connection, "XREVRANGE", [&end, "-"], back_limit).await?,
            None => Side::default(),
        };
        self.connection = Some(connection);
        Ok(Around { place, survey, forward, forward_limit, back, back_limit }.excerpt(epoch))
    }

    async fn range(
        &mut self,
        connection: &mut Connection,
        command: &'static str,
        [from, to]: [&str; 2],
        limit: usize,
    ) -> Result<Side, LinkError> {
        connection.send(&[command, &self.key, from, to, "COUNT", &limit.to_string()]).await?;
        let (mut side, mut count) = (Side::default(), 0);
        let bytes = receive(connection, command, Duration::ZERO, self.max_value, |(id, fields)| {
            count += 1;
            side.take(id, fields.and_then(|fields| self.rules.entry(&fields).ok()), PART_BYTES);
        })
        .await?;
        self.entry_size.learn(count, bytes);
        Ok(side)
    }

    /// Drops what is more or older than is to be kept. All gateways do: for the others there is then
    /// nothing left to do.
    async fn trim(&mut self, retention: Retention) -> Result<(), LinkError> {
        let mut connection = self.primary().await?;
        let now = Clock::ask(&mut connection).await?.now_ms();
        let oldest = now.saturating_sub(u64::try_from(retention.age.as_millis()).unwrap_or(u64::MAX));
        for [by, limit] in [["MAXLEN", &*retention.count.to_string()], ["MINID", &*oldest.to_string()]] {
            // Redis drops some thousands at a time, so as not to be busy with it for long.
            while drop_some(&mut connection, &self.key, by, limit).await? {}
        }
        self.connection = Some(connection);
        Ok(())
    }

    /// A connection to the primary of the moment; to be put back if all went well.
    async fn primary(&mut self) -> Result<Connection, LinkError> {
        if let Some(mut connection) = self.connection.take()
            && connection.ask_role().await.is_ok()
        {
            return Ok(connection);
        }
        Connection::open(&self.config).await
    }
}

/// Drops some of the oldest entries; returns whether there may be more to drop.
async fn drop_some(connection: &mut Connection, key: &str, by: &str, limit: &str) -> Result<bool, LinkError> {
    match connection.ask(&["XTRIM", key, by, "~", limit]).await {
        Ok(dropped) => Ok(dropped.text().is_some_and(|count| count != "0")),
        // That it is denied was told at the start.
        Err(LinkError::Refused { error, .. }) if error.starts_with("NOPERM") => Ok(false),
        Err(error) => Err(error),
    }
}
