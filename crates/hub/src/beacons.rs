//! Turns counted cursors into places and back: every beacon seen, and how far the order is known
//! after it.

use std::{
    collections::{HashMap, VecDeque},
    time::{Duration, Instant},
};

use publication::{BeaconId, Cursor};

use crate::{chart::Located, place::Place};

/// The stretch of the order from one beacon to the next, or to where the link broke.
#[derive(Clone, Copy)]
struct Stretch {
    start: Place,
    /// Arrivals in it, once nothing can be added; `OPEN` for the newest, `MISSING` where a counter
    /// of the sender was never seen.
    len: u32,
}

const OPEN: u32 = u32::MAX;
const MISSING: u32 = u32::MAX - 1;
/// A sender whose counter jumps further than this is taken for a new one.
const MAX_COUNTER_JUMP: u32 = 1_000;
/// Beacons remembered at most, 16 bytes each and by each shard: a day of fifty gateways at one a
/// second. Beyond it the older half is forgotten.
const MAX_BEACONS: usize = 5_000_000;

/// The beacons of one gateway, by counter.
struct Sender {
    first: u32,
    stretches: VecDeque<Stretch>,
}

#[derive(Default)]
pub(crate) struct Beacons {
    senders: HashMap<u64, Sender, foldhash::fast::RandomState>,
    newest: Option<(BeaconId, Place)>,
    count: usize,
    /// The tip at each tick that found another one, for expiry.
    marks: VecDeque<(Instant, Place)>,
}

impl Beacons {
    /// A beacon arrived when `tip` was the newest place; after a break a stretch begins anew there.
    /// `end` is where the stretch before ends.
    pub(crate) fn push(&mut self, id: BeaconId, end: Place, tip: Place) {
        let sender = self
            .senders
            .entry(id.gateway)
            .or_insert_with(|| Sender { first: id.counter, stretches: VecDeque::new() });
        let next = sender.first.wrapping_add(u32::try_from(sender.stretches.len()).unwrap_or(u32::MAX));
        if id.counter < next {
            // Seen before, or older than all that is known of its sender: the first meaning stays.
            return;
        }
        if id.counter - next > MAX_COUNTER_JUMP {
            self.count -= sender.stretches.len();
            *sender = Sender { first: id.counter, stretches: VecDeque::new() };
        } else {
            let missing = Stretch { start: tip, len: MISSING };
            self.count += (id.counter - next) as usize;
            sender.stretches.extend((next..id.counter).map(|_| missing));
        }
        sender.stretches.push_back(Stretch { start: tip, len: OPEN });
        self.count += 1;
        self.close(end);
        self.newest = Some((id, tip));
        if self.count > MAX_BEACONS {
            self.forget_before(self.middle(tip));
        }
    }

    /// The cursor of `place`, which lies in the newest stretch.
    pub(crate) fn tip(&self, place: Place) -> Option<Cursor> {
        self.newest.map(|(beacon, start)| cursor(beacon, start, place))
    }

    /// The cursor of any place that a remembered beacon precedes.
    pub(crate) fn cursor_of(&self, place: Place) -> Option<Cursor> {
        let newest_before = |(gateway, sender): (&u64, &Sender)| {
            let after = sender.stretches.partition_point(|stretch| stretch.start <= place);
            let known = |index: &usize| sender.stretches[*index].len != MISSING;
            let index = (0..after).rev().find(known)?;
            let counter = sender.first + u32::try_from(index).ok()?;
            Some((sender.stretches[index], BeaconId { gateway: *gateway, counter }))
        };
        let candidates = self.senders.iter().filter_map(newest_before);
        // Of several beacons at one place only the last has a stretch with something in it.
        let (stretch, beacon) = candidates.max_by_key(|(stretch, _)| (stretch.start, stretch.len))?;
        Some(cursor(beacon, stretch.start, place))
    }

    /// Where the arrival `number` behind `beacon` is, when `tip` is the newest place.
    pub(crate) fn locate(&self, beacon: BeaconId, number: u32, tip: Place) -> Located {
        let Some(sender) = self.senders.get(&beacon.gateway) else { return Located::Ahead };
        let Some(index) = beacon.counter.checked_sub(sender.first) else { return Located::Unknown };
        let Some(stretch) = sender.stretches.get(index as usize) else { return Located::Ahead };
        match stretch.len {
            MISSING => Located::Unknown,
            OPEN if u64::from(number) > tip.since(stretch.start) => Located::Ahead,
            len if number > len => Located::Unknown,
            _ => Located::At(stretch.start.plus(number)),
        }
    }

    /// Forgets beacons older than `keep_for`, but never the newest.
    pub(crate) fn tick(&mut self, now: Instant, tip: Place, keep_for: Duration) {
        // What is older than the same tip was so at the mark before: a later one would say less.
        if self.marks.back().is_none_or(|(_, marked)| *marked != tip) {
            self.marks.push_back((now, tip));
        }
        let mut before = None;
        while let Some((at, place)) = self.marks.front()
            && now.duration_since(*at) >= keep_for
        {
            before = Some(*place);
            self.marks.pop_front();
        }
        if let Some(place) = before {
            self.forget_before(place);
        }
    }

    /// All that is known, for another gateway: by sender, and the newest with its place.
    pub(crate) fn snapshot(&self) -> (Vec<publication::Sender>, Option<(BeaconId, Place)>) {
        let senders = self.senders.iter().map(|(gateway, sender)| publication::Sender {
            gateway: *gateway,
            first: sender.first,
            stretches: sender.stretches.iter().map(|stretch| (stretch.start.number(), stretch.len)).collect(),
        });
        (senders.collect(), self.newest)
    }

    /// Takes what another gateway knows; nothing was known before.
    pub(crate) fn restore(&mut self, senders: &[publication::Sender], newest: Option<(BeaconId, Place)>) {
        for publication::Sender { gateway, first, stretches } in senders {
            let stretches: VecDeque<_> = stretches
                .iter()
                .map(|(start, len)| Stretch { start: Place::counted(*start), len: *len })
                .collect();
            self.count += stretches.len();
            self.senders.insert(*gateway, Sender { first: *first, stretches });
        }
        self.newest = newest;
    }

    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// Nothing can be added any more to the newest stretch, which ends at `end`.
    fn close(&mut self, end: Place) {
        let Some((id, start)) = self.newest else { return };
        let stretch = self.senders.get_mut(&id.gateway).and_then(|sender| {
            let index = id.counter.checked_sub(sender.first)?;
            sender.stretches.get_mut(index as usize)
        });
        if let Some(stretch) = stretch {
            stretch.len = u32::try_from(end.since(start)).unwrap_or(MISSING).min(MISSING);
        }
    }

    /// The place half way between the oldest beacon and `tip`.
    fn middle(&self, tip: Place) -> Place {
        let starts = self.senders.values().filter_map(|sender| sender.stretches.front());
        let oldest = starts.map(|stretch| stretch.start).min().unwrap_or(tip);
        oldest.middle(tip)
    }

    fn forget_before(&mut self, place: Place) {
        for sender in self.senders.values_mut() {
            while let Some(stretch) = sender.stretches.front()
                && stretch.start < place
                && stretch.len != OPEN
            {
                sender.stretches.pop_front();
                sender.first += 1;
                self.count -= 1;
            }
        }
        self.senders.retain(|_, sender| !sender.stretches.is_empty());
    }
}

fn cursor(beacon: BeaconId, start: Place, place: Place) -> Cursor {
    Cursor::Counted { beacon, number: u32::try_from(place.since(start)).unwrap_or(u32::MAX) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_without_arrivals_leave_nothing_behind_and_cursors_expire_in_time() {
        let (mut beacons, began, keep_for) = (Beacons::default(), Instant::now(), Duration::from_secs(10));
        let id = |counter| BeaconId { gateway: 1, counter };
        let is_known = |beacons: &Beacons, tip| beacons.locate(id(0), 1, tip) != Located::Unknown;
        beacons.push(id(0), Place::START, Place::START);
        let tip = Place::counted(1);
        beacons.push(id(1), tip, tip);
        for second in 0..10 {
            beacons.tick(began + Duration::from_secs(second), tip, keep_for);
        }
        assert!(is_known(&beacons, tip), "the first tick behind it is not as old yet");
        assert_eq!(beacons.marks.len(), 1);
        beacons.tick(began + Duration::from_secs(10), tip, keep_for);
        assert!(!is_known(&beacons, tip));
    }
}
