//! How many sessions all shards hold together, and take in a second, against the limits.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use crate::pace::Pace;

/// Counts sessions; cloning shares the count.
#[derive(Clone)]
pub struct Census(Arc<Counts>);

struct Counts {
    sessions: AtomicUsize,
    max: AtomicUsize,
    pace: Pace,
}

/// The right of one session to be here, given back when dropped.
pub(crate) struct Permit(Arc<Counts>);

/// Why there is no permit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Crowded {
    /// As many are here as may be.
    Full,
    /// Too many come at once; this one's turn is so far away.
    Rush(Duration),
}

impl Census {
    /// At most `max` sessions, and at most `per_second` more a second, where 0 is no bound.
    pub(crate) fn new(max: usize, per_second: usize) -> Self {
        let pace = Pace::new(per_second, Instant::now());
        Self(Arc::new(Counts { sessions: AtomicUsize::default(), max: max.into(), pace }))
    }

    /// From now on other limits; who is here stays.
    pub(crate) fn set_limits(&self, max: usize, per_second: usize) {
        self.0.max.store(max, Ordering::Relaxed);
        self.0.pace.set(per_second);
    }

    /// A permit, if there is one now.
    ///
    /// # Errors
    /// Why there is none.
    pub(crate) fn admit(&self) -> Result<Permit, Crowded> {
        let permit = self.admit_at_once().ok_or(Crowded::Full)?;
        self.0.pace.admit(Instant::now()).map_err(Crowded::Rush)?;
        Ok(permit)
    }

    /// A permit for one that comes back all the time and is no part of any crowd: a poll that waits.
    pub(crate) fn admit_at_once(&self) -> Option<Permit> {
        let max = self.0.max.load(Ordering::Relaxed);
        let within = |count| (count < max).then_some(count + 1);
        self.0.sessions.fetch_update(Ordering::Relaxed, Ordering::Relaxed, within).ok()?;
        Some(Permit(Arc::clone(&self.0)))
    }

    /// Sessions now.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.sessions.load(Ordering::Relaxed)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.sessions.fetch_sub(1, Ordering::Relaxed);
    }
}
