//! The oracle: what one session's record must look like, and what was wrong with it.
//!
//! Every publication carries its number on its channel. In the order in which a session receives
//! them, across all its reconnects, the numbers of each of its channels go up by one. Where they
//! leave some out, a gap must have been told after the last one before the hole and before the first
//! one behind it; otherwise the loss was silent. A number that came before is doubled, one that comes
//! after a later one is disordered, told gap or not.

use std::{collections::BTreeMap, ops::Range};

use serde::{Deserialize, Serialize};

use crate::ledger::Ledger;

/// Watches what one session receives.
#[derive(Debug)]
pub(crate) struct Witness {
    tracks: Vec<Track>,
    gaps: Vec<ToldGap>,
    received: u64,
    doubled: u64,
    disordered: u64,
    foreign: u64,
}

/// One channel of a session.
#[derive(Debug)]
struct Track {
    channel: usize,
    /// The number that must come next; none before the session has begun.
    next: Option<u32>,
    /// Something has come. Until then earlier numbers may come too: they were under way when the
    /// session began.
    begun: bool,
    /// A gap was told since the last one that came.
    told: bool,
    holes: Vec<Hole>,
}

/// Numbers that were left out.
#[derive(Clone, Debug)]
struct Hole {
    numbers: Range<u32>,
    told: bool,
}

/// A gap that a session was told.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ToldGap {
    /// As the event says.
    pub(crate) reason: String,
    /// Who told it, where the balancer says so.
    pub(crate) gateway: String,
}

/// What was found in the records of many sessions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Findings {
    /// Deliveries.
    pub(crate) received: u64,
    /// Acknowledged, never delivered, and no gap was told.
    pub(crate) lost_silently: u64,
    /// Acknowledged, never delivered, and the gap was told.
    pub(crate) lost_in_gaps: u64,
    /// Delivered twice.
    pub(crate) doubled: u64,
    /// Delivered after a later one of the same channel.
    pub(crate) disordered: u64,
    /// On a channel that the session never asked for, or unreadable.
    pub(crate) foreign: u64,
    /// How often which gap was told: `reason@gateway`.
    pub(crate) gaps: BTreeMap<String, u64>,
}

impl Witness {
    /// A session that has asked for these channels.
    pub(crate) fn new(channels: &[usize]) -> Self {
        let track = |&channel| Track { channel, next: None, begun: false, told: false, holes: Vec::new() };
        Self {
            tracks: channels.iter().map(track).collect(),
            gaps: Vec::new(),
            received: 0,
            doubled: 0,
            disordered: 0,
            foreign: 0,
        }
    }

    /// `fanfare.open` came. From the first one on everything must come whose number was not yet
    /// given out.
    pub(crate) fn open(&mut self, ledger: &Ledger) {
        for track in &mut self.tracks {
            track.next.get_or_insert_with(|| ledger.next(track.channel));
        }
    }

    /// `fanfare.gap` came.
    pub(crate) fn tell(&mut self, gap: ToldGap) {
        self.gaps.push(gap);
        for track in &mut self.tracks {
            track.told = true;
        }
    }

    /// A publication came.
    pub(crate) fn receive(&mut self, channel: usize, number: u32) {
        self.received += 1;
        let Some(track) = self.tracks.iter_mut().find(|track| track.channel == channel) else {
            self.foreign += 1;
            return;
        };
        let due = track.next.unwrap_or(number);
        if number > due {
            track.holes.push(Hole { numbers: due..number, told: track.told });
        }
        if number >= due || !track.begun {
            track.next = Some(number + 1);
        } else if track.fill(number) {
            self.disordered += 1;
        } else {
            self.doubled += 1;
        }
        track.begun = true;
        track.told = false;
    }

    /// Something came that is no publication of ours.
    pub(crate) fn receive_foreign(&mut self) {
        self.foreign += 1;
    }

    /// Whether the newest publications of all its channels have come.
    pub(crate) fn has_all(&self, newest: &[Option<u32>]) -> bool {
        self.tracks.iter().all(|track| match (newest[track.channel], track.next) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(newest), Some(next)) => newest < next,
        })
    }

    /// Adds what is wrong with the record. `to_the_end`: the session was there until all was
    /// published, so what has not come by now is lost too.
    pub(crate) fn judge(&self, ledger: &Ledger, to_the_end: bool, findings: &mut Findings) {
        findings.received += self.received;
        findings.doubled += self.doubled;
        findings.disordered += self.disordered;
        findings.foreign += self.foreign;
        for gap in &self.gaps {
            *findings.gaps.entry(format!("{}@{}", gap.reason, gap.gateway)).or_default() += 1;
        }
        for track in &self.tracks {
            let end = track
                .next
                .filter(|_| to_the_end)
                .map(|next| Hole { numbers: next..ledger.next(track.channel), told: track.told });
            for hole in track.holes.iter().chain(&end) {
                let lost = ledger.acknowledged(track.channel, hole.numbers.clone());
                match hole.told {
                    true => findings.lost_in_gaps += lost,
                    false => findings.lost_silently += lost,
                }
            }
        }
    }
}

impl Track {
    /// Takes a number out of the holes; false if it was in none.
    fn fill(&mut self, number: u32) -> bool {
        let Some(index) = self.holes.iter().position(|hole| hole.numbers.contains(&number)) else {
            return false;
        };
        let Hole { numbers, told } = self.holes.swap_remove(index);
        for numbers in [numbers.start..number, number + 1..numbers.end] {
            if !numbers.is_empty() {
                self.holes.push(Hole { numbers, told });
            }
        }
        true
    }
}

impl Findings {
    /// How many gaps were told.
    pub(crate) fn told(&self) -> u64 {
        self.gaps.values().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a test lets happen to a session on channels 0 and 1.
    enum Step {
        Open,
        Gap,
        Receive(usize, u32),
        /// Publications on both channels, acknowledged.
        Publish(u32),
        /// One on both that nobody acknowledges.
        Doubtful,
    }
    use Step::{Doubtful, Gap, Open, Publish, Receive};

    fn findings_of(steps: impl IntoIterator<Item = Step>) -> Findings {
        let ledger = Ledger::new(2);
        let mut witness = Witness::new(&[0, 1]);
        for step in steps {
            match step {
                Open => witness.open(&ledger),
                Gap => witness.tell(ToldGap { reason: "trimmed".to_owned(), gateway: "a".to_owned() }),
                Receive(channel, number) => witness.receive(channel, number),
                Publish(count) => {
                    for channel in [0, 1].repeat(count as usize) {
                        let number = ledger.begin(channel);
                        ledger.acknowledge(channel, number);
                    }
                }
                Doubtful => {
                    ledger.begin(0);
                    ledger.begin(1);
                }
            }
        }
        let mut findings = Findings::default();
        witness.judge(&ledger, true, &mut findings);
        findings
    }

    /// Lost silently, lost in gaps, doubled, disordered.
    fn check(steps: impl IntoIterator<Item = Step>, expected: [u64; 4]) {
        let found = findings_of(steps);
        assert_eq!(
            [found.lost_silently, found.lost_in_gaps, found.doubled, found.disordered],
            expected,
            "{found:?}"
        );
    }

    fn both(numbers: impl IntoIterator<Item = u32>) -> Vec<Step> {
        numbers.into_iter().flat_map(|number| [Receive(0, number), Receive(1, number)]).collect()
    }

    fn session(steps: Vec<Step>) -> Vec<Step> {
        [Open, Publish(5)].into_iter().chain(steps).collect()
    }

    #[test]
    fn a_whole_record_is_clean() {
        check(session(both(0..5)), [0, 0, 0, 0]);
        assert_eq!(findings_of(session(both(0..5))).received, 10);
    }

    #[test]
    fn a_hole_is_a_silent_loss() {
        check(session(both([0, 1, 4])), [4, 0, 0, 0]);
    }

    #[test]
    fn what_was_published_after_the_open_must_come_from_the_first_on() {
        check(session(both(2..5)), [4, 0, 0, 0]);
        check([vec![Publish(2), Open, Publish(3)], both(2..5)].into_iter().flatten(), [0, 0, 0, 0]);
    }

    #[test]
    fn what_was_under_way_at_the_open_may_come() {
        check([vec![Publish(2), Open, Publish(3)], both(1..5)].into_iter().flatten(), [0, 0, 0, 0]);
        check([vec![Publish(2), Open, Publish(3)], both([0, 2, 3, 4])].into_iter().flatten(), [2, 0, 0, 0]);
    }

    #[test]
    fn a_second_open_forgives_nothing() {
        check(session([both(0..2), vec![Open], both(4..5)].into_iter().flatten().collect()), [4, 0, 0, 0]);
    }

    #[test]
    fn a_hole_with_a_gap_told_in_it_is_not_silent() {
        check(session([both(0..2), vec![Gap], both(4..5)].into_iter().flatten().collect()), [0, 4, 0, 0]);
    }

    #[test]
    fn a_gap_told_before_or_after_the_hole_covers_nothing() {
        check(session([both(0..1), vec![Gap], both([1, 4])].into_iter().flatten().collect()), [4, 0, 0, 0]);
        check(session([both([0, 4]), vec![Gap]].into_iter().flatten().collect()), [6, 0, 0, 0]);
    }

    #[test]
    fn what_never_comes_at_the_end_is_lost() {
        check(session(both(0..3)), [4, 0, 0, 0]);
        check(session(vec![]), [10, 0, 0, 0]);
    }

    #[test]
    fn a_session_that_left_has_lost_only_what_it_passed_over() {
        let ledger = Ledger::new(1);
        let mut witness = Witness::new(&[0]);
        witness.open(&ledger);
        for _ in 0..5 {
            let number = ledger.begin(0);
            ledger.acknowledge(0, number);
        }
        witness.receive(0, 0);
        witness.receive(0, 2);
        let mut findings = Findings::default();
        witness.judge(&ledger, false, &mut findings);
        assert_eq!(findings.lost_silently, 1);
    }

    #[test]
    fn a_duplicate_is_one_even_after_a_gap() {
        check(session(both([0, 1, 1, 2, 3, 4])), [0, 0, 2, 0]);
        check(session([both(0..3), vec![Gap], both(2..5)].into_iter().flatten().collect()), [0, 0, 2, 0]);
    }

    #[test]
    fn one_that_comes_late_is_disordered_and_not_lost() {
        check(session(both([0, 2, 1, 3, 4])), [0, 0, 0, 2]);
        check(session(both([0, 4, 2])), [4, 0, 0, 2]);
        check(session(both([0, 2, 1, 1, 3, 4])), [0, 0, 2, 2]);
    }

    #[test]
    fn nobody_counts_on_what_was_not_acknowledged() {
        check([vec![Open, Publish(1), Doubtful, Publish(1)], both([0, 2])].into_iter().flatten(), [0; 4]);
        check([vec![Open, Publish(1), Doubtful, Publish(1)], both(0..3)].into_iter().flatten(), [0; 4]);
        check([vec![Open, Publish(1), Doubtful], both(0..1)].into_iter().flatten(), [0; 4]);
    }

    #[test]
    fn a_foreign_channel_is_noticed() {
        assert_eq!(
            findings_of(session([both(0..5), vec![Receive(7, 0)]].into_iter().flatten().collect())).foreign,
            1
        );
    }

    #[test]
    fn gaps_are_counted_by_reason_and_gateway() {
        let found = findings_of(session([vec![Gap, Gap], both(0..5)].into_iter().flatten().collect()));
        assert_eq!(found.gaps, BTreeMap::from([("trimmed@a".to_owned(), 2)]));
        assert_eq!(found.told(), 2);
    }

    #[test]
    fn a_session_has_all_when_the_newest_of_each_channel_came() {
        let ledger = Ledger::new(2);
        let mut witness = Witness::new(&[0, 1]);
        assert!(witness.has_all(&ledger.newest()));
        witness.open(&ledger);
        let number = ledger.begin(1);
        assert!(witness.has_all(&ledger.newest()));
        ledger.acknowledge(1, number);
        assert!(!witness.has_all(&ledger.newest()));
        witness.receive(1, number);
        assert!(witness.has_all(&ledger.newest()));
    }
}
