//! Follows a Redis stream: reads back its newest part, then blocks for what comes.

mod archive;
mod beginning;
mod cache;
mod clock;
mod entries;
mod entry_size;
mod epoch;
mod ledger;
mod part;
mod questions;
mod survey;

use std::time::{Duration, Instant};

use publication::{Arrival, Batch, EntryId};
use tokio::{sync::watch, time::sleep};

pub(crate) use self::entries::{newest, receive};
use self::questions::{BLOCK, Questions};
pub(crate) use self::{archive::run as run_archive, clock::Clock, epoch::Epoch};
pub use self::{
    archive::{Archive, Retention},
    beginning::Warmth,
    ledger::{Finding, Ledger, ZERO},
    survey::Survey,
};
use crate::{
    backoff::Backoff, config::RedisConfig, connection::Connection, decode::Rules, door::Door, intake::Intake,
    link_error::LinkError, metrics::Metrics, outlet::Outlet, preflight::preflight, status::Status,
};

/// Between two looks at the stream as a whole.
const CHECK_INTERVAL: Duration = Duration::from_millis(400);

/// Follows the stream until the receivers are gone.
pub(crate) struct Tail<O> {
    config: RedisConfig,
    key: String,
    warmth: Warmth,
    max_value: usize,
    intake: Intake,
    metrics: Metrics,
    outlet: O,
    /// The receivers are gone.
    closed: bool,
    status: watch::Sender<Status>,
    /// `None` until the stream was first read.
    ledger: Option<Ledger>,
    checked: Instant,
    /// The newest entry when Redis was last asked, and when that was.
    newest: Option<(EntryId, Instant)>,
    /// All that was in the stream by then has been read.
    current: Option<Instant>,
    batch: Vec<Arrival>,
    /// What was added while there was no link ends with this entry, by this clock.
    missed: Option<(EntryId, Clock)>,
    epoch: Epoch,
    questions: Questions,
}

impl<O: Outlet> Tail<O> {
    pub(crate) fn new(
        config: RedisConfig,
        warmth: Warmth,
        intake: Intake,
        metrics: Metrics,
        outlet: O,
        status: watch::Sender<Status>,
        epoch: Epoch,
    ) -> Self {
        Self {
            key: config.stream_key(),
            max_value: max_value(intake.rules()),
            intake,
            config,
            warmth,
            metrics,
            outlet,
            closed: false,
            status,
            ledger: None,
            checked: Instant::now(),
            newest: None,
            current: None,
            batch: Vec::new(),
            missed: None,
            epoch,
            questions: Questions::default(),
        }
    }

    /// Follows until the receivers are gone.
    ///
    /// # Errors
    /// At the very beginning only: why this Redis will never do.
    pub(crate) async fn run(mut self) -> Result<(), LinkError> {
        let mut backoff = Backoff::default();
        loop {
            let error = match self.follow(&mut backoff).await {
                Ok(()) => return Ok(()),
                Err(error) if !self.has_begun() && self.config.is_permanent(&error) => return Err(error),
                Err(error) => error,
            };
            if self.status.borrow().connected {
                tracing::error!(%error, redis = self.config.address(), "the link to Redis broke");
                self.metrics.reconnects.inc();
            } else {
                tracing::warn!(%error, redis = self.config.address(), "no link to Redis, trying again");
            }
            self.trouble(&error.to_string());
            // What was read before the end still counts.
            if !self.flush().await {
                return Ok(());
            }
            sleep(backoff.next()).await;
        }
    }

    /// Connects and follows until the connection breaks, or (Ok) the receivers are gone.
    async fn follow(&mut self, backoff: &mut Backoff) -> Result<(), LinkError> {
        if !self.has_begun() {
            preflight(&self.config, Door::Stream).await?;
        }
        let mut connection = Connection::open(&self.config).await?;
        self.resume(&mut connection).await?;
        tracing::info!(redis = self.config.address(), stream = self.key, "linked to Redis");
        self.prove();
        loop {
            if self.checked.elapsed() >= CHECK_INTERVAL {
                self.check(&mut connection).await?;
            }
            if let Some(pause) = self.questions.pause() {
                // What has come does not wait with the question.
                if !self.flush().await {
                    return Ok(());
                }
                sleep(pause).await;
            }
            // Asked for before the last answer is handed on: Redis reads while the receivers do.
            self.ask(&mut connection).await?;
            if !self.flush().await {
                return Ok(());
            }
            self.take(&mut connection).await?;
            // Only now it has shown that it works.
            *backoff = Backoff::default();
        }
    }

    fn has_begun(&self) -> bool {
        self.ledger.is_some()
    }

    fn position(&self) -> EntryId {
        self.ledger.as_ref().map_or(ZERO, Ledger::position)
    }

    /// Asks for what comes next.
    async fn ask(&mut self, connection: &mut Connection) -> Result<(), LinkError> {
        self.questions.ask(connection, &self.key, self.position()).await
    }

    /// Takes what the last questions brought.
    async fn take(&mut self, connection: &mut Connection) -> Result<(), LinkError> {
        let Self { intake, ledger, batch, max_value, questions, missed, .. } = self;
        let ledger = ledger.get_or_insert_default();
        let asked_after = ledger.position();
        let (mut count, mut bytes, mut lost, mut another) = (0, 0, false, false);
        for _ in 0..questions.asked() {
            // The second answer repeats what the first one has brought.
            let taken = ledger.position();
            bytes += receive(connection, "XREAD", BLOCK, *max_value, |(id, fields)| {
                if another || (asked_after < id && id <= taken) {
                    return;
                }
                match ledger.read(id) {
                    Finding::Fine => {}
                    Finding::Lost(after) => {
                        batch.push(Arrival::Loss(after));
                        lost = true;
                    }
                    Finding::Another => another = true,
                }
                if !another {
                    let age = missed.filter(|(last, _)| id <= *last).map_or(0, |(_, clock)| clock.age(id));
                    batch.push(Arrival::Entry(id, intake.take_entry(fields, age)));
                    count += 1;
                }
            })
            .await?;
        }
        questions.learn(count, bytes);
        if lost {
            tracing::error!("entries of the stream were lost before they were read; sessions are told a gap");
        }
        self.note_current();
        if another { self.read_back(connection).await } else { Ok(()) }
    }

    /// Looks whether all that was added has been read, and whether this is still a primary.
    async fn check(&mut self, connection: &mut Connection) -> Result<(), LinkError> {
        let asked = Instant::now();
        let survey = Survey::take(connection, &self.key).await?;
        self.metrics.roundtrip.observe(asked.elapsed().as_secs_f64());
        self.checked = Instant::now();
        let before = self.position();
        let finding = self.ledger.get_or_insert_default().check(survey);
        if self.position() > before {
            // What lay between was deleted before it was read; its place is passed all the same.
            self.batch.push(Arrival::Entry(self.position(), None));
        }
        self.act(finding, connection).await?;
        self.newest = Some((survey.map_or(ZERO, |survey| survey.last), asked));
        self.note_current();
        connection.ask_role().await
    }

    /// Notes if all has been read that was there when Redis was last asked.
    fn note_current(&mut self) {
        let position = self.position();
        if let Some((_, asked)) = self.newest.take_if(|(newest, _)| *newest <= position) {
            self.current = Some(asked);
        }
    }

    /// On a new connection: goes on where the last one ended, or begins.
    async fn resume(&mut self, connection: &mut Connection) -> Result<(), LinkError> {
        (self.checked, self.newest) = (Instant::now(), None);
        let survey = Survey::take(connection, &self.key).await?;
        let Some(ledger) = &mut self.ledger else { return self.read_back(connection).await };
        let position = ledger.position();
        let found = has(connection, &self.key, position).await?;
        self.missed = match survey.map(|survey| survey.last).filter(|last| *last > position) {
            Some(last) => Some((last, Clock::ask(connection).await?)),
            None => None,
        };
        let finding = ledger.resume(survey, found);
        self.act(finding, connection).await
    }

    async fn act(&mut self, finding: Finding, connection: &mut Connection) -> Result<(), LinkError> {
        match finding {
            Finding::Fine => Ok(()),
            Finding::Lost(after) => {
                tracing::error!(%after, "the stream has lost entries; sessions are told a gap");
                self.batch.push(Arrival::Loss(after));
                Ok(())
            }
            Finding::Another => self.read_back(connection).await,
        }
    }

    fn prove(&self) {
        self.metrics.roundtrip_ok.set(1);
        self.status.send_modify(|status| {
            status.connected = true;
            status.trouble = None;
        });
    }

    fn trouble(&self, trouble: &str) {
        self.metrics.roundtrip_ok.set(0);
        self.status.send_modify(|status| {
            status.connected = false;
            status.trouble = Some(trouble.to_owned());
        });
    }

    /// Hands the batch on. Waits when the receivers are full: the stream waits too.
    async fn flush(&mut self) -> bool {
        if self.batch.is_empty() && self.current.is_none() {
            return !self.closed;
        }
        let next = Vec::with_capacity(self.batch.len().min(questions::MAX_ENTRIES));
        let arrivals = std::mem::replace(&mut self.batch, next);
        self.intake.count_delivered(&arrivals);
        let batch = Batch { arrived: Instant::now(), arrivals, current: self.current.take() };
        self.closed = !self.outlet.deliver(batch).await;
        !self.closed
    }
}

/// The longest string of an entry that is looked at.
pub(crate) fn max_value(rules: &Rules) -> usize {
    // A list of channels may be longer than data are allowed to be.
    rules.max_data_bytes.max(64 * 1024)
}

/// Whether the stream still holds this entry.
async fn has(connection: &mut Connection, key: &str, id: EntryId) -> Result<bool, LinkError> {
    let id = id.to_string();
    connection.send(&["XRANGE", key, &id, &id, "COUNT", "1"]).await?;
    let mut found = false;
    receive(connection, "XRANGE", Duration::ZERO, 0, |_| found = true).await?;
    Ok(found)
}
