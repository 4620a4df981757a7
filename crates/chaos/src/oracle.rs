//! The oracle: what one session's record must look like, and what was wrong with it.
//!
//! Every publication carries its number on its channel. In the order in which a session receives
//! them, across all its reconnects, the numbers of each of its channels go up by one. Where they
//! leave some out, a gap must have been told after the last one before the hole and before the first
//! one behind it; otherwise the loss was silent. A number that came before is doubled, one that comes
//! after a later one is disordered, told gap or not.

#[cfg(test)]
mod tests;

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
    /// All of them together.
    pub(crate) fn sum<'a>(parts: impl IntoIterator<Item = &'a Self>) -> Self {
        let mut sum = Self::default();
        parts.into_iter().for_each(|part| sum.add(part));
        sum
    }

    /// Adds what was found in other records.
    pub(crate) fn add(&mut self, other: &Self) {
        self.received += other.received;
        self.lost_silently += other.lost_silently;
        self.lost_in_gaps += other.lost_in_gaps;
        self.doubled += other.doubled;
        self.disordered += other.disordered;
        self.foreign += other.foreign;
        for (told, count) in &other.gaps {
            *self.gaps.entry(told.clone()).or_default() += count;
        }
    }

    /// How many gaps were told.
    pub(crate) fn told(&self) -> u64 {
        self.gaps.values().sum()
    }

    /// How much is wrong whatever happens.
    pub(crate) fn wrong(&self) -> u64 {
        self.lost_silently + self.doubled + self.disordered + self.foreign
    }

    /// The same in words.
    pub(crate) fn faults(&self) -> Vec<String> {
        in_words(&[
            (self.lost_silently, "lost silently"),
            (self.doubled, "doubled"),
            (self.disordered, "out of order"),
            (self.foreign, "not understood"),
        ])
    }
}

/// Those counts that are not zero.
pub(crate) fn in_words(counts: &[(u64, &str)]) -> Vec<String> {
    let wrong = counts.iter().filter(|(count, _)| *count > 0);
    wrong.map(|(count, what)| format!("{count} {what}")).collect()
}
