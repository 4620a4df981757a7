//! Tells lost, doubled and disordered deliveries of one session apart.

use crate::stamp::Stamp;

/// No scenario publishes more at a time; a number farther ahead is damaged.
const MAX_MISSING: u32 = 100_000;

/// What a session expects on one of its channels, and what has come so far.
#[derive(Clone, Debug)]
pub(crate) struct Track {
    channel: u32,
    /// The number that should come next.
    next: u32,
    /// Numbers that were passed over; they may still come, out of order.
    missing: Vec<u32>,
}

/// Checks one session's deliveries against the numbers of its channels.
#[derive(Clone, Debug)]
pub(crate) struct Checker {
    run: u32,
    tracks: Vec<Track>,
}

/// Deliveries that went wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Faults {
    /// Published, but never delivered.
    pub(crate) lost: u64,
    /// Delivered twice to the same session.
    pub(crate) doubled: u64,
    /// Delivered after a later one.
    pub(crate) disordered: u64,
    /// Of another run or channel, or not readable.
    pub(crate) foreign: u64,
}

impl Checker {
    /// Expects on each channel the publications from its number on.
    pub(crate) fn new(run: u32, from: impl IntoIterator<Item = (u32, u32)>) -> Checker {
        let track = |(channel, next)| Track { channel, next, missing: Vec::new() };
        Checker { run, tracks: from.into_iter().map(track).collect() }
    }

    /// Takes one delivery; true if it is the one that had to come.
    pub(crate) fn take(&mut self, stamp: Stamp, faults: &mut Faults) -> bool {
        let track = self.tracks.iter_mut().find(|track| track.channel == stamp.channel);
        match track {
            Some(track) if stamp.run == self.run => {
                if stamp.number == track.next {
                    track.next += 1;
                    return true;
                }
                track.take_unexpected(stamp.number, faults);
            }
            _ => faults.foreign += 1,
        }
        false
    }

    /// Counts as lost what was published but has not come, given how many were
    /// published on each channel.
    pub(crate) fn finish(&self, published: impl Fn(u32) -> u32, faults: &mut Faults) {
        for track in &self.tracks {
            let behind = published(track.channel).saturating_sub(track.next);
            faults.lost += u64::from(behind) + track.missing.len() as u64;
        }
    }
}

impl Track {
    fn take_unexpected(&mut self, number: u32, faults: &mut Faults) {
        if number > self.next.saturating_add(MAX_MISSING) {
            faults.foreign += 1;
        } else if number > self.next {
            self.missing.extend(self.next..number);
            self.next = number + 1;
        } else if let Some(at) = self.missing.iter().position(|&missing| missing == number) {
            self.missing.swap_remove(at);
            faults.disordered += 1;
        } else {
            faults.doubled += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUN: u32 = 7;

    fn check(numbers: &[u32], published: u32) -> Faults {
        let mut checker = Checker::new(RUN, [(1, 0)]);
        let mut faults = Faults::default();
        for &number in numbers {
            let stamp = Stamp { run: RUN, channel: 1, number, sent_nanos: 0 };
            checker.take(stamp, &mut faults);
        }
        checker.finish(|_| published, &mut faults);
        faults
    }

    #[test]
    fn all_in_order_is_no_fault() {
        assert_eq!(check(&[0, 1, 2, 3], 4), Faults::default());
    }

    #[test]
    fn a_loss_is_detected_in_the_middle_and_at_the_end() {
        assert_eq!(check(&[0, 2, 3], 4).lost, 1);
        assert_eq!(check(&[0, 1], 4).lost, 2);
        assert_eq!(check(&[], 4).lost, 4);
    }

    #[test]
    fn a_double_is_detected() {
        let faults = check(&[0, 1, 1, 2, 0], 3);
        assert_eq!((faults.doubled, faults.lost, faults.disordered), (2, 0, 0));
    }

    #[test]
    fn disorder_is_detected_and_is_no_loss() {
        let faults = check(&[0, 2, 1, 3], 4);
        assert_eq!((faults.disordered, faults.lost, faults.doubled), (1, 0, 0));
    }

    #[test]
    fn another_run_or_channel_is_foreign() {
        let mut checker = Checker::new(RUN, [(1, 0)]);
        let mut faults = Faults::default();
        for (run, channel) in [(RUN + 1, 1), (RUN, 2)] {
            let stamp = Stamp { run, channel, number: 0, sent_nanos: 0 };
            assert!(!checker.take(stamp, &mut faults));
        }
        assert_eq!(faults.foreign, 2);
    }

    #[test]
    fn a_session_that_resumes_expects_only_what_follows() {
        let mut checker = Checker::new(RUN, [(1, 5)]);
        let mut faults = Faults::default();
        let stamp = |number| Stamp { run: RUN, channel: 1, number, sent_nanos: 0 };
        assert!(checker.take(stamp(5), &mut faults));
        assert!(!checker.take(stamp(4), &mut faults));
        assert_eq!(faults.doubled, 1);
    }
}
