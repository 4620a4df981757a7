//! When a query runs: at multiples of its interval since 1970, a little later at random, and after a failure by
//! itself.

use std::time::{Duration, SystemTime};

/// Between two tries after a failure, at first, before jitter.
const FIRST_RETRY: Duration = Duration::from_millis(500);
/// The most, where the interval is not longer.
const LAST_RETRY: Duration = Duration::from_secs(5);

/// The schedule of one query.
pub(crate) struct Schedule {
    interval: Duration,
    jitter: Duration,
    retry: Duration,
}

impl Schedule {
    pub(crate) fn new(interval: Duration, jitter: Duration) -> Self {
        Self { interval, jitter, retry: FIRST_RETRY }
    }

    /// How long to wait for the next run after one that went well.
    pub(crate) fn next(&mut self, now: SystemTime) -> Duration {
        self.retry = FIRST_RETRY;
        let since = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_nanos();
        let interval = self.interval.as_nanos().max(1);
        let rest = u64::try_from(interval - since % interval).unwrap_or(u64::MAX);
        Duration::from_nanos(rest) + self.jitter.mul_f64(rand::random_range(0.0..1.0))
    }

    /// How long to wait after one that did not: half to one and a half times what is due, which then doubles.
    pub(crate) fn retry(&mut self) -> Duration {
        let wait = self.retry.mul_f64(rand::random_range(0.5..1.5));
        self.retry = (self.retry * 2).min(LAST_RETRY.max(self.interval));
        wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_aligned_and_jittered() {
        let at = |millis| SystemTime::UNIX_EPOCH + Duration::from_millis(millis);
        let (second, none) = (Duration::from_secs(1), Duration::ZERO);
        let mut schedule = Schedule::new(5 * second, none);
        assert_eq!(schedule.next(at(11_000)), 4 * second);
        assert_eq!(schedule.next(at(15_000)), 5 * second);
        assert_eq!(schedule.next(at(15_001)), Duration::from_millis(4_999));
        let mut schedule = Schedule::new(5 * second, second);
        let waits: Vec<_> = (0..20).map(|_| schedule.next(at(15_000))).collect();
        assert!(waits.iter().all(|wait| (5 * second..=6 * second).contains(wait)));
        assert!(waits.iter().any(|wait| *wait != waits[0]));
    }

    #[test]
    fn retries_grow_up_to_a_bound_and_begin_anew() {
        let mut schedule = Schedule::new(Duration::from_secs(1), Duration::ZERO);
        let waits: Vec<_> = (0..20).map(|_| schedule.retry()).collect();
        assert!(waits[0] < Duration::from_secs(1) && waits[10] > Duration::from_secs(2));
        assert!(waits.iter().all(|wait| *wait <= LAST_RETRY.mul_f64(1.5)));
        schedule.next(SystemTime::now());
        assert!(schedule.retry() < Duration::from_secs(1));
    }
}
