//! The loop: each target is looked at at its own moment of the interval, and what is found is written down.

use std::{
    convert::Infallible,
    future::pending,
    time::{Duration, SystemTime},
};

use futures_util::future::join_all;
use tokio::{
    sync::mpsc,
    time::{Instant, Interval, MissedTickBehavior, interval_at, sleep},
};

use crate::{
    check::Finding,
    store::{Store, StoreError},
    target::Target,
};

/// Between two tries to open the database.
const RETRY: Duration = Duration::from_secs(2);

/// What is looked at, how, and where it is written down.
#[derive(Clone, Debug)]
pub struct Config {
    /// The database's URL.
    pub database: String,
    /// What is looked at.
    pub targets: Vec<Target>,
    /// How often each is.
    pub interval: Duration,
    /// The longest wait for an answer.
    pub timeout: Duration,
    /// What takes longer is slow.
    pub slow_after: Duration,
}

/// Looks at all targets, for ever. When the database fails it is opened again, and what it knows is taken for what was
/// known last.
pub async fn run(config: &Config) {
    loop {
        let Err(error) = look(config).await;
        tracing::warn!(%error, "the prober's database; trying again");
        sleep(RETRY.mul_f64(rand::random_range(0.5..1.5))).await;
    }
}

/// Looks and writes down until the database fails.
async fn look(config: &Config) -> Result<Infallible, StoreError> {
    let mut store = Store::open(&config.database).await?;
    store.keep(&config.targets).await?;
    let mut monitors = Vec::with_capacity(config.targets.len());
    for target in &config.targets {
        monitors.push(store.read(target).await?);
    }
    let (found, mut findings) = mpsc::channel(config.targets.len().max(1));
    let looking = config.targets.iter().enumerate().map(|(index, target)| {
        let found = found.clone();
        async move {
            let mut moments = moments(index, config);
            loop {
                moments.tick().await;
                let finding = Finding::of(target, config.timeout).await;
                if found.send((index, finding)).await.is_err() {
                    return;
                }
            }
        }
    });
    let writing = async {
        while let Some((index, finding)) = findings.recv().await {
            let (target, monitor) = (&config.targets[index], &mut monitors[index]);
            let turn = monitor.learn(&finding, now(), config.slow_after);
            if let Some(turn) = &turn {
                tracing::info!(target = target.id, ?turn, "looked");
            }
            store.write(target, monitor, turn.as_ref()).await?;
        }
        Ok::<(), StoreError>(())
    };
    tokio::select! {
        _ = join_all(looking) => {}
        written = writing => written?,
    }
    // Without targets there is nothing to look at.
    pending().await
}

/// When a target is looked at: all of them spread over the interval.
fn moments(index: usize, config: &Config) -> Interval {
    let share = u32::try_from(index).unwrap_or_default();
    let all = u32::try_from(config.targets.len()).unwrap_or(u32::MAX).max(1);
    let mut moments = interval_at(Instant::now() + config.interval / all * share, config.interval);
    moments.set_missed_tick_behavior(MissedTickBehavior::Delay);
    moments
}

/// In milliseconds since 1970.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
