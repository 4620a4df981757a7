//! How many sessions may come a second, and when those who came too fast are to come back.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

/// How far ahead of an even flow newcomers may be: a whole second's worth may come at once.
const BURST: u64 = NANOS;
/// Nobody is asked to wait for longer; a crowd that is bigger than that comes back in several layers.
const MAX_TURN: u64 = 60 * NANOS;
const NANOS: u64 = 1_000_000_000;

/// Counts by time, as the generic cell rate algorithm does (ITU-T I.371): whoever is admitted moves
/// `next` on by its share of a second. Whoever is not moves `turn` on in the same way, and comes back
/// then, so that a crowd that came at once returns as evenly as it can be taken in.
pub(crate) struct Pace {
    began: Instant,
    /// Nanoseconds between two newcomers of an even flow; 0 is no bound.
    interval: AtomicU64,
    /// Nanoseconds since `began` at which the next newcomer of an even flow would be due.
    next: AtomicU64,
    /// The same for the next of those who are to come back.
    turn: AtomicU64,
}

impl Pace {
    /// `per_second` 0 is no bound.
    pub(crate) fn new(per_second: usize, now: Instant) -> Self {
        let pace =
            Self { began: now, interval: 0.into(), next: AtomicU64::default(), turn: AtomicU64::default() };
        pace.set(per_second);
        pace
    }

    /// From now on so many a second.
    pub(crate) fn set(&self, per_second: usize) {
        let interval = NANOS.checked_div(per_second as u64).unwrap_or(0);
        self.interval.store(interval, Ordering::Relaxed);
    }

    /// Whether a newcomer may come in now; if not, how long it is until its turn.
    ///
    /// # Errors
    /// It came too fast.
    pub(crate) fn admit(&self, now: Instant) -> Result<(), Duration> {
        let interval = self.interval.load(Ordering::Relaxed);
        let now = now.saturating_duration_since(self.began).as_nanos() as u64;
        let within = |next: u64| {
            let next = next.max(now) + interval;
            (next <= now + BURST).then_some(next)
        };
        if interval == 0 || self.next.fetch_update(Ordering::Relaxed, Ordering::Relaxed, within).is_ok() {
            return Ok(());
        }
        let after = |turn: u64| {
            let turn = turn.max(now) + interval;
            if turn > now + MAX_TURN { now + interval } else { turn }
        };
        // The closure always gives a value, and the value that it replaced is one to start from.
        let (Ok(before) | Err(before)) =
            self.turn.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |turn| Some(after(turn)));
        Err(Duration::from_nanos(after(before) - now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_s_worth_may_come_at_once_and_then_an_even_flow() {
        let began = Instant::now();
        let pace = Pace::new(10, began);
        let admitted = |at: f64, count: usize| {
            let now = began + Duration::from_secs_f64(at);
            (0..count).filter(|_| pace.admit(now).is_ok()).count()
        };
        assert_eq!(admitted(0.0, 100), 10);
        assert_eq!(admitted(0.05, 100), 0);
        assert_eq!(admitted(0.5, 100), 5);
        assert_eq!(admitted(100.0, 100), 10);
    }

    #[test]
    fn a_crowd_is_asked_back_one_after_the_other_and_within_a_minute() {
        let now = Instant::now();
        let pace = Pace::new(10, now);
        let turns: Vec<_> = (0..1_000).filter_map(|_| pace.admit(now).err()).collect();
        assert_eq!(turns.len(), 990);
        for (index, turn) in turns.iter().enumerate() {
            assert_eq!(turn.as_millis() as usize, (index % 600 + 1) * 100);
        }
        // When their time has passed, the next crowd begins anew.
        let later = now + Duration::from_secs(3_600);
        assert_eq!((0..11).find_map(|_| pace.admit(later).err()), Some(Duration::from_millis(100)));
    }

    #[test]
    fn without_a_bound_everybody_comes_in_and_a_bound_holds_from_when_it_is_set() {
        let now = Instant::now();
        let pace = Pace::new(0, now);
        assert!((0..1_000).all(|_| pace.admit(now).is_ok()));
        pace.set(1);
        assert!(pace.admit(now).is_ok() && pace.admit(now).is_err());
        pace.set(0);
        assert!(pace.admit(now).is_ok());
    }
}
