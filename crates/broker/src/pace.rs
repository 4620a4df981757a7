//! How often something is said that could be said all the time.

use std::time::{Duration, Instant};

/// Lets through one in a while, and counts the others.
pub(crate) struct Pace {
    interval: Duration,
    last: Option<Instant>,
    held_back: u64,
}

impl Pace {
    pub(crate) fn every(interval: Duration) -> Self {
        Self { interval, last: None, held_back: 0 }
    }

    /// Whether it may be said now, and how often it was not since it was said last.
    pub(crate) fn may(&mut self) -> Option<u64> {
        if self.last.is_some_and(|last| last.elapsed() < self.interval) {
            self.held_back += 1;
            return None;
        }
        self.last = Some(Instant::now());
        Some(std::mem::take(&mut self.held_back))
    }
}
