//! The loop of each query: wait until it is due, ask, compare, publish what differs.

use std::{
    fmt,
    time::{Duration, Instant, SystemTime},
};

use futures_util::future::{join_all, select_all};
use tokio::time::{sleep, timeout};

use crate::{
    change::Change,
    comparison::{Compared, Comparison, Unusable},
    database::Connection,
    metrics::{Metrics, QueryMetrics},
    outlet::{Heard, Outlet, Refusals},
    query::Query,
    reading::{DatabaseError, ReadError},
    schedule::Schedule,
    shown::Shown,
};

/// Changes that are published together at most, in number and in bytes of data.
const CHUNK: (usize, usize) = (500, 1024 * 1024);

/// Runs all queries at their intervals for as long as the outlet publishes; returns why it does not any more.
pub async fn watch<O: Outlet>(queries: &[Query], outlet: &O, metrics: &Metrics) -> O::Ended {
    let forever = queries.iter().map(|query| {
        Box::pin(async move {
            match Watch::begin(query, outlet, metrics).await {
                Ok(watch) => watch.run().await,
                Err(ended) => ended,
            }
        })
    });
    select_all(forever).await.0
}

/// Runs all queries once. Returns whether all that they say is shown now.
///
/// # Errors
/// The outlet does not publish any more.
pub async fn run_once<O: Outlet>(queries: &[Query], outlet: &O, metrics: &Metrics) -> Result<bool, O::Ended> {
    let runs = queries.iter().map(async |query| {
        let mut watch = Watch::begin(query, outlet, metrics).await?;
        let outcome = watch.run_once().await?;
        Ok(outcome.is_ok() && watch.skipped.is_none())
    });
    let outcomes = join_all(runs).await;
    outcomes.into_iter().try_fold(true, |all, is_shown| Ok(all & is_shown?))
}

/// One query, as long as the outlet publishes.
struct Watch<'a, O> {
    query: &'a Query,
    outlet: &'a O,
    metrics: QueryMetrics,
    shown: Shown,
    connection: Option<Connection>,
    schedule: Schedule,
    /// Why the last run failed, so that it is said once.
    complaint: Option<String>,
    /// Why the last result had rows that could not be published, so that it is said once too.
    skipped: Option<String>,
}

/// Why what a query says is not shown.
enum Failure {
    Database(DatabaseError),
    TimedOut(Duration),
    Unusable(Unusable),
    Unheard,
}

impl<'a, O: Outlet> Watch<'a, O> {
    async fn begin(query: &'a Query, outlet: &'a O, metrics: &Metrics) -> Result<Self, O::Ended> {
        Ok(Self {
            query,
            outlet,
            metrics: metrics.of(&query.name),
            shown: Shown::new(outlet.shown(query).await?),
            connection: None,
            schedule: Schedule::new(query.interval, query.jitter),
            complaint: None,
            skipped: None,
        })
    }

    async fn run(mut self) -> O::Ended {
        loop {
            let began = Instant::now();
            let wait = match self.run_once().await {
                Ok(Ok(())) => {
                    self.count_late(began.elapsed());
                    self.schedule.next(SystemTime::now())
                }
                Ok(Err(_)) => self.schedule.retry(),
                Err(ended) => return ended,
            };
            sleep(wait).await;
        }
    }

    async fn run_once(&mut self) -> Result<Result<(), Failure>, O::Ended> {
        let began = Instant::now();
        let outcome = match self.ask().await {
            Ok(compared) => self.publish(compared).await?,
            Err(failure) => Err(failure),
        };
        match &outcome {
            Ok(()) => {
                self.metrics.count_run("ok");
                self.metrics.run_seconds.observe(began.elapsed().as_secs_f64());
                let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
                self.metrics.succeeded.set(since.as_secs_f64());
                if self.complaint.take().is_some() {
                    tracing::info!(query = self.query.name, "the query works again");
                }
            }
            Err(failure) => {
                self.metrics.count_run(failure.label());
                self.complain(&failure.to_string());
            }
        }
        Ok(outcome)
    }

    /// What the database says, compared with what is shown.
    async fn ask(&mut self) -> Result<Compared, Failure> {
        let asked = Instant::now();
        let limit = self.query.timeout;
        let compared = timeout(limit, self.read()).await.unwrap_or(Err(Failure::TimedOut(limit)));
        let took = asked.elapsed();
        self.metrics.seconds.observe(took.as_secs_f64());
        let compared = compared.map_err(|failure| {
            self.connection = None;
            match failure {
                // The database has been told the same limit, and may be the first to notice.
                Failure::Database(_) if took >= limit => Failure::TimedOut(limit),
                failure => failure,
            }
        })?;
        self.metrics.rows.set(i64::try_from(compared.rows).unwrap_or(i64::MAX));
        Ok(compared)
    }

    async fn read(&mut self) -> Result<Compared, Failure> {
        let connection = match &mut self.connection {
            Some(connection) if connection.is_current() => connection,
            outdated => {
                *outdated = None;
                outdated.insert(self.query.database.connect().await.map_err(Failure::Database)?)
            }
        };
        let mut comparison = Comparison::new(self.query, &mut self.shown, SystemTime::now());
        let read = connection.read(&self.query.sql, self.query.timeout, &mut |row| comparison.row(row)).await;
        match read {
            Ok(()) => Ok(comparison.finish()),
            Err(ReadError::Database(error)) => Err(Failure::Database(error)),
            Err(ReadError::Sink(unusable)) => Err(Failure::Unusable(unusable)),
        }
    }

    /// Publishes what differs, in parts; what was published is remembered part by part.
    async fn publish(&mut self, compared: Compared) -> Result<Result<(), Failure>, O::Ended> {
        let (mut skipped, mut why_skipped) = (compared.skipped, compared.why_skipped);
        for chunk in chunks(&compared.changes) {
            let refusals = match self.outlet.publish(self.query, chunk).await? {
                Heard::Yes => Refusals::new(),
                Heard::Except(refusals) => refusals,
                Heard::ByNobody => return Ok(Err(Failure::Unheard)),
            };
            for (index, change) in chunk.iter().enumerate() {
                if let Some(why) = refusals.get(&index) {
                    skipped += 1;
                    why_skipped.get_or_insert_with(|| format!("{}: {why}", change.channel()));
                    continue;
                }
                self.shown.set(change.channel(), change.fingerprint);
                self.metrics.count_published(change.kind.label());
            }
        }
        self.note_skipped(skipped, why_skipped);
        if !compared.changes.is_empty() {
            let (query, rows, changes) = (&self.query.name, compared.rows, compared.changes.len());
            tracing::debug!(query, rows, changes, "published");
        }
        Ok(Ok(()))
    }

    /// Says which rows are not shown, unless that was said before.
    fn note_skipped(&mut self, count: usize, why: Option<String>) {
        self.metrics.skipped.inc_by(count as u64);
        if let Some(why) = &why
            && self.skipped.as_ref() != Some(why)
        {
            tracing::warn!(query = self.query.name, "{count} rows cannot be published: {why}");
        }
        self.skipped = why;
    }

    /// Says what is wrong, unless that was said before.
    fn complain(&mut self, complaint: &str) {
        if self.complaint.as_deref() != Some(complaint) {
            tracing::warn!(query = self.query.name, "{complaint}");
            self.complaint = Some(complaint.to_owned());
        }
    }

    fn count_late(&mut self, took: Duration) {
        let missed = took.as_nanos() / self.query.interval.as_nanos().max(1);
        if missed > 0 {
            self.metrics.late.inc_by(u64::try_from(missed).unwrap_or(u64::MAX));
            let (query, interval) = (&self.query.name, self.query.interval);
            tracing::warn!(query, ?took, ?interval, "a run took longer than the interval");
        }
    }
}

/// Parts in their order, each as large as may be.
fn chunks(changes: &[Change]) -> impl Iterator<Item = &[Change]> {
    let mut rest = changes;
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let fits = |change: &&Change| {
            bytes += change.publication.data().len();
            bytes <= CHUNK.1
        };
        let count = rest.iter().take(CHUNK.0).take_while(fits).count();
        let (chunk, behind) = rest.split_at(count.max(1).min(rest.len()));
        rest = behind;
        (!chunk.is_empty()).then_some(chunk)
    })
}

impl Failure {
    /// As metrics call it.
    fn label(&self) -> &'static str {
        match self {
            Self::Database(_) => "failed",
            Self::TimedOut(_) => "timeout",
            Self::Unusable(_) => "unusable",
            Self::Unheard => "unheard",
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Database(error) => write!(out, "the query fails: {error}"),
            Self::TimedOut(limit) => write!(out, "the query takes longer than its timeout of {limit:?}"),
            Self::Unusable(unusable) => unusable.fmt(out),
            Self::Unheard => out.write_str("no gateway listens; tried again until one does"),
        }
    }
}
