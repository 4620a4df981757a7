//! How long to wait before trying again: longer each time, jittered, for ever.

use std::time::Duration;

/// The first wait and the longest, before jitter.
const BOUNDS: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));

/// The next wait.
pub(crate) struct Backoff(Duration);

impl Default for Backoff {
    fn default() -> Self {
        Self(BOUNDS.0)
    }
}

impl Backoff {
    /// Half to one and a half times the wait that is due, which then doubles.
    pub(crate) fn next(&mut self) -> Duration {
        let wait = self.0.mul_f64(rand::random_range(0.5..1.5));
        self.0 = (self.0 * 2).min(BOUNDS.1);
        wait
    }
}
