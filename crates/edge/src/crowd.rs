//! How many sessions each of many has, addresses or subjects, and begins a second, against what each may.

use std::{
    borrow::Borrow,
    collections::HashMap,
    hash::Hash,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// Those who are remembered though they have no session, for the sake of their rate.
const MAX_IDLE: usize = 100_000;

/// What each may have; 0 is no bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Share {
    /// Sessions.
    pub(crate) max: usize,
    /// New ones a second; as many may come at once.
    pub(crate) per_second: usize,
}

/// Counts by a key. A lock, which is taken when sessions come and go, and only where there is a bound.
pub(crate) struct Crowd<K>(Mutex<Counts<K>>);

struct Counts<K> {
    share: Share,
    counts: HashMap<K, Count>,
    /// How many it may hold before those without a session are forgotten.
    room: usize,
}

struct Count {
    sessions: usize,
    /// How many more may come at once, as of then.
    allowance: f64,
    counted: Instant,
}

impl<K: Eq + Hash> Crowd<K> {
    pub(crate) fn new(share: Share) -> Self {
        Self(Mutex::new(Counts { share, counts: HashMap::new(), room: MAX_IDLE }))
    }

    /// From now on others; who is here stays.
    pub(crate) fn set_share(&self, share: Share) {
        self.lock().share = share;
    }

    /// Lets one more session of this key begin. Whether it is to be counted out when it ends.
    ///
    /// # Errors
    /// How long until it may be tried again, if that can be told.
    pub(crate) fn admit(&self, key: K, now: Instant) -> Result<bool, Option<Duration>> {
        let mut counts = self.lock();
        let Share { max, per_second } = counts.share;
        if max == 0 && per_second == 0 {
            return Ok(false);
        }
        counts.make_room(now);
        let burst = per_second as f64;
        let fresh = Count { sessions: 0, allowance: burst, counted: now };
        let count = counts.counts.entry(key).or_insert(fresh);
        if max > 0 && count.sessions >= max {
            return Err(None);
        }
        if per_second > 0 {
            count.gain(per_second, now);
            if count.allowance < 1.0 {
                return Err(Some(Duration::from_secs_f64((1.0 - count.allowance) / burst)));
            }
            count.allowance -= 1.0;
        }
        count.sessions += 1;
        Ok(true)
    }

    /// A session that was counted has ended.
    pub(crate) fn leave<Q: Eq + Hash + ?Sized>(&self, key: &Q)
    where
        K: Borrow<Q>,
    {
        let mut counts = self.lock();
        let is_paced = counts.share.per_second > 0;
        let Some(count) = counts.counts.get_mut(key) else { return };
        count.sessions = count.sessions.saturating_sub(1);
        if count.sessions == 0 && !is_paced {
            counts.counts.remove(key);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Counts<K>> {
        // Each change to a count is whole, also if a thread ended in the middle of others.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Eq + Hash> Counts<K> {
    /// Forgets those who have no session and could begin as many as a stranger; if that is not enough,
    /// those who have none.
    fn make_room(&mut self, now: Instant) {
        if self.counts.len() < self.room {
            return;
        }
        let per_second = self.share.per_second;
        self.counts.retain(|_, count| {
            count.gain(per_second, now);
            count.sessions > 0 || count.allowance < per_second as f64
        });
        if self.counts.len() >= self.room {
            self.counts.retain(|_, count| count.sessions > 0);
        }
        self.room = (2 * self.counts.len()).max(MAX_IDLE);
    }
}

impl Count {
    fn gain(&mut self, per_second: usize, now: Instant) {
        let passed = now.saturating_duration_since(self.counted).as_secs_f64();
        self.allowance = (self.allowance + passed * per_second as f64).min(per_second as f64);
        self.counted = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crowd(max: usize, per_second: usize) -> Crowd<u64> {
        Crowd::new(Share { max, per_second })
    }

    #[test]
    fn each_has_its_share_and_gets_it_back() {
        let (crowd, now) = (crowd(2, 0), Instant::now());
        assert_eq!((crowd.admit(1, now), crowd.admit(1, now)), (Ok(true), Ok(true)));
        assert_eq!(crowd.admit(1, now), Err(None));
        assert_eq!(crowd.admit(2, now), Ok(true));
        crowd.leave(&1);
        assert_eq!(crowd.admit(1, now), Ok(true));
        (0..2).for_each(|_| crowd.leave(&1));
        crowd.leave(&2);
        assert!(crowd.lock().counts.is_empty());
        crowd.set_share(Share::default());
        assert_eq!(crowd.admit(1, now), Ok(false));
    }

    #[test]
    fn each_comes_at_its_rate() {
        let (crowd, start) = (crowd(0, 10), Instant::now());
        let admitted = |from: u64, upto: u64| {
            let at = |ms| start + Duration::from_millis(ms);
            (from..upto).filter(|ms| crowd.admit(1, at(*ms)).is_ok()).count()
        };
        assert_eq!(admitted(0, 50), 10);
        assert_eq!(admitted(50, 1_050), 10);
        let wait = crowd.admit(1, start + Duration::from_millis(1_050)).unwrap_err().unwrap();
        assert!(wait <= Duration::from_millis(100), "{wait:?}");
        assert_eq!(crowd.admit(2, start), Ok(true));
    }

    #[test]
    fn of_those_who_have_gone_only_so_many_are_remembered() {
        let (crowd, now) = (crowd(0, 1), Instant::now());
        for key in 0..3 * MAX_IDLE as u64 {
            assert_eq!(crowd.admit(key, now), Ok(true));
            if key > 0 {
                crowd.leave(&key);
            }
            assert!(crowd.lock().counts.len() <= MAX_IDLE);
        }
        crowd.leave(&0);
        assert_eq!(crowd.lock().counts[&0].sessions, 0);
    }
}
