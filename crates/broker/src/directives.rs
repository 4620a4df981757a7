//! What backends have done with the sessions of somebody: heard on `@control`, kept as far as it must
//! outlast the moment, and passed on.
//!
//! On a thread of its own, and with Redis on a connection of its own. A revocation counts from the moment at
//! which it is heard. Who hears of it writes it into Redis too, and all look there twice a second: so it reaches
//! those who missed it, and those that start later.

mod store;
mod written;

use std::{
    future::Future,
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use publication::{Directive, MAX_REVOCATIONS, Revocations};
use tokio::{
    sync::{Notify, mpsc},
    time::{MissedTickBehavior, interval, sleep},
};

use self::store::Store;
use crate::{
    broker::{Kind, spawn},
    metrics::Metrics,
    publish_error::PublishError,
};

/// Directives that may wait. Whoever publishes one is not told that it was dropped.
const MAX_WAITING: usize = 65_536;
/// Revocations that come so soon after others go to Redis together.
const GATHERING: Duration = Duration::from_millis(50);
/// Between two looks at Redis.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);

/// Passes on what the sessions themselves are to do, in order.
pub trait DirectiveOutlet: Send + Sync + 'static {
    /// Takes one; false if nobody is there any more.
    fn pass(&mut self, directive: Directive) -> impl Future<Output = bool> + Send;
}

/// Hears directives; cloning shares the lane.
#[derive(Clone)]
pub struct Directives {
    heard: mpsc::Sender<Directive>,
    revocations: Revocations,
    revoked: Arc<Notify>,
    /// How long a revocation is kept that does not say.
    keep: Duration,
    metrics: Metrics,
    /// When one that was not done was last said, in seconds since 1970.
    complained: Arc<AtomicU64>,
}

impl Directives {
    /// Begins to follow them.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub fn start(
        kind: &Kind,
        keep: Duration,
        revocations: Revocations,
        metrics: Metrics,
        outlet: impl DirectiveOutlet,
    ) -> Result<Self, io::Error> {
        let (heard, directives) = mpsc::channel(MAX_WAITING);
        let store = match kind {
            Kind::Embedded => {
                // There is nobody else who could know more.
                revocations.complete();
                None
            }
            Kind::RedisPubSub(redis) | Kind::RedisStream(redis, ..) => Some(Store::new(redis)),
        };
        let revoked = Arc::new(Notify::new());
        let clerk = Clerk {
            revocations: revocations.clone(),
            revoked: Arc::clone(&revoked),
            metrics: metrics.clone(),
            store,
            is_failing: false,
        };
        spawn("directives", async move {
            // Nobody who is to be disconnected waits for Redis.
            tokio::join!(clerk.run(), pass_on(directives, outlet));
        })?;
        Ok(Self { heard, revocations, revoked, keep, metrics, complained: Arc::default() })
    }

    /// Hears one, as JSON.
    ///
    /// # Errors
    /// It cannot be understood, or too many wait.
    pub fn hear(&self, text: &[u8]) -> Result<(), String> {
        let read = std::str::from_utf8(text).map_err(|error| error.to_string());
        let read = read.and_then(|text| written::read(text, seconds(), self.keep.as_secs()));
        let heard = read.and_then(|directive| {
            let label = directive.label();
            match directive {
                Directive::Revoke(revocation) => {
                    self.revocations.take([revocation]);
                    self.revoked.notify_one();
                }
                other => self.heard.try_send(other).map_err(|_| "too many wait already".to_owned())?,
            }
            Ok(label)
        });
        let outcome = *heard.as_ref().unwrap_or(&"dropped");
        self.metrics.directives.with_label_values(&[outcome]).inc();
        heard.map(drop)
    }

    /// The same for what came through Redis, where nobody waits for an answer: the log says once a second at
    /// most what is wrong.
    pub(crate) fn overhear(&self, payload: &[u8]) {
        let Err(error) = self.hear(payload) else { return };
        let now = seconds();
        if self.complained.swap(now, Ordering::Relaxed) != now {
            tracing::warn!(error, "what came on @control was not done");
        }
    }
}

/// Passes on what sessions are to do. Its input: directives.
async fn pass_on(mut directives: mpsc::Receiver<Directive>, mut outlet: impl DirectiveOutlet) {
    while let Some(directive) = directives.recv().await {
        if !outlet.pass(directive).await {
            return;
        }
    }
}

/// Keeps revocations.
struct Clerk {
    revocations: Revocations,
    revoked: Arc<Notify>,
    metrics: Metrics,
    /// `None` if there are no other gateways.
    store: Option<Store>,
    /// Redis did not answer last.
    is_failing: bool,
}

impl Clerk {
    /// The loop. Its inputs: that something was revoked, and Redis, looked at in time.
    async fn run(mut self) {
        let mut looks = interval(LOOK_INTERVAL);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut warned = false;
        loop {
            tokio::select! {
                _ = looks.tick() => {}
                () = self.revoked.notified() => {}
            }
            self.look().await;
            let count = self.revocations.count();
            self.metrics.revocations.set(i64::try_from(count).unwrap_or(i64::MAX));
            if count >= MAX_REVOCATIONS / 8 * 7 && !std::mem::replace(&mut warned, true) {
                tracing::warn!(
                    "{count} revocations are remembered; beyond {MAX_REVOCATIONS} those that end first are \
                     forgotten; say `until` when the tokens end"
                );
            }
            sleep(GATHERING).await;
        }
    }

    /// Makes Redis and what is known here the same.
    async fn look(&mut self) {
        self.revocations.forget(seconds());
        let Some(store) = self.store.as_mut().filter(|_| self.revocations.are_wanted()) else { return };
        match store.exchange(&self.revocations, seconds()).await {
            Ok(()) => {
                if std::mem::take(&mut self.is_failing) {
                    tracing::info!("Redis keeps revocations again");
                }
                self.revocations.complete();
            }
            Err(error) => self.note_failure(&error),
        }
    }

    fn note_failure(&mut self, error: &PublishError) {
        let Some(store) = &self.store else { return };
        let remedy = store.remedy(error);
        if !std::mem::replace(&mut self.is_failing, true) {
            let meanwhile = match self.revocations.are_complete() {
                true => "others and later gateways may not know of new ones",
                false => "until it tells which there are, no token is accepted",
            };
            tracing::warn!("Redis does not keep revocations; {meanwhile}: {error}{remedy}");
        }
        if !remedy.is_empty() {
            // It never will, until somebody grants it: tokens are checked all the same.
            self.revocations.complete();
        }
    }
}

/// Since 1970.
fn seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}
