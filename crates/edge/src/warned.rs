//! Of whom was warned already, so that a log holds each warning once and never many at a time.

use std::{
    collections::HashSet,
    net::IpAddr,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

/// Warnings that are remembered; beyond these nothing new is learnt from more.
const MAX_WARNINGS: usize = 1_000;
/// Between two of them.
const INTERVAL: Duration = Duration::from_secs(1);

/// The warnings that were given; cloning shares them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Warned(Arc<Mutex<Given>>);

#[derive(Debug, Default)]
struct Given {
    about: HashSet<(IpAddr, &'static str)>,
    latest: Option<Instant>,
}

impl Warned {
    /// Whether an address is to be warned of now, for this reason. If it is not because there was
    /// another warning just now, it will be the next time.
    pub(crate) fn is_due(&self, address: IpAddr, reason: &'static str, now: Instant) -> bool {
        let Ok(mut given) = self.0.lock() else { return false };
        let soon = given.latest.is_some_and(|latest| now.duration_since(latest) < INTERVAL);
        let due = !soon && given.about.len() < MAX_WARNINGS && given.about.insert((address, reason));
        if due {
            given.latest = Some(now);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_warned_of_once_and_not_many_at_a_time() {
        let warned = Warned::default();
        let (one, two) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        let start = Instant::now();
        assert!(warned.is_due(one, "headers", start));
        assert!(!warned.is_due(two, "headers", start), "too soon");
        let later = start + INTERVAL;
        assert!(!warned.is_due(one, "headers", later), "known");
        assert!(warned.is_due(two, "headers", later));
        assert!(warned.is_due(one, "difference", later + INTERVAL), "another matter");
        let many = (0..2_000_u32).filter(|number| {
            warned.is_due(IpAddr::V4((*number).into()), "headers", later + INTERVAL * (2 + number))
        });
        assert_eq!(many.count(), MAX_WARNINGS - 3);
    }
}
