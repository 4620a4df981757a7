//! The bounded, ordered list of recent publications: the only buffer there is.

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use publication::{Cursor, Publication};

use crate::{config::Config, keys::ChannelId, place::Place};

/// A publication and where it stands.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its place in the order.
    pub place: Place,
    /// The same place for the outside.
    pub cursor: Cursor,
    /// What was published; shared with the other shards.
    pub publication: Arc<Publication>,
    /// The state of its first channel, so that eviction need not look it up.
    pub(crate) channel: ChannelId,
}

/// Stands for the channel of an entry that history does not hold.
pub(crate) const NO_CHANNEL: ChannelId = ChannelId::MAX;

impl Entry {
    /// What it counts for `keep_bytes`.
    pub(crate) fn cost(&self) -> usize {
        size_of::<Self>() + self.publication.bytes()
    }
}

/// A point of the order at which the broker lost something.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Break {
    /// The loss takes a place of its own.
    pub(crate) place: Place,
    /// The last cursor before it.
    pub(crate) after: Option<Cursor>,
    /// The cursor of its place.
    pub(crate) cursor: Cursor,
}

/// Where an entry stands in the list, counted from the first ever pushed. Unlike places, slots
/// have no holes.
pub(crate) type Slot = u64;

/// How many breaks are remembered in order. Of older ones it is enough to know that newer came.
const MAX_BREAKS: usize = 1024;
/// How many places of entries without a publication are remembered.
const MAX_SKIPPED: usize = 1024;

pub(crate) struct History {
    entries: VecDeque<Entry>,
    first: Slot,
    bytes: usize,
    /// What was ever pushed, in bytes.
    pushed: u64,
    /// What had been pushed, as slots and bytes, when every willing reader was last served.
    served: (Slot, u64),
    /// The slot that came next at a tick, where it was another than at the tick before.
    marks: VecDeque<(Instant, Slot)>,
    breaks: VecDeque<Break>,
    /// Entries of a stream that hold no publication, in order.
    skipped: VecDeque<Place>,
    /// Up to here those are forgotten.
    skipped_before: Place,
}

impl History {
    pub(crate) fn new() -> Self {
        Self {
            entries: VecDeque::new(),
            first: 0,
            bytes: 0,
            pushed: 0,
            served: (0, 0),
            marks: VecDeque::new(),
            breaks: VecDeque::new(),
            skipped: VecDeque::new(),
            skipped_before: Place::START,
        }
    }

    pub(crate) fn push(&mut self, entry: Entry) {
        self.bytes += entry.cost();
        self.pushed += entry.cost() as u64;
        self.entries.push_back(entry);
    }

    /// Every willing reader has what was pushed so far.
    pub(crate) fn note_served(&mut self) {
        self.served = (self.end(), self.pushed);
    }

    /// Whether less than half of what `config` allows was pushed since, or nothing at all.
    pub(crate) fn has_room(&self, config: &Config) -> bool {
        let (slot, bytes) = self.served;
        let (count, bytes) = (self.end() - slot, self.pushed - bytes);
        count == 0 || (count < config.keep_count as u64 / 2 && bytes < config.keep_bytes as u64 / 2)
    }

    /// Takes out the oldest entry if there are more or bigger ones than `config` allows.
    pub(crate) fn pop_excess(&mut self, config: &Config) -> Option<Entry> {
        let excess = self.entries.len() > config.keep_count || self.bytes > config.keep_bytes;
        if excess { self.pop() } else { None }
    }

    /// Takes out the oldest entry if it is older than `keep_for`.
    pub(crate) fn pop_expired(&mut self, now: Instant, keep_for: Duration) -> Option<Entry> {
        while self.marks.get(1).is_some_and(|(at, _)| now.duration_since(*at) >= keep_for) {
            self.marks.pop_front();
        }
        let (at, slot) = *self.marks.front()?;
        let expired = now.duration_since(at) >= keep_for && self.first < slot;
        if expired { self.pop() } else { None }
    }

    /// Remembers which entries are older than `now`. Of those that a mark says this of already, a
    /// later one would say less.
    pub(crate) fn mark(&mut self, now: Instant) {
        let slot = self.end();
        if self.marks.back().is_none_or(|(_, marked)| *marked != slot) {
            self.marks.push_back((now, slot));
        }
    }

    /// How long ago the oldest entry came, to a tick exactly; `None` if history is empty.
    pub(crate) fn oldest_age(&self, now: Instant) -> Option<Duration> {
        (!self.entries.is_empty()).then(|| self.age_of(self.first, now))
    }

    /// How long ago the entry of this slot came, to a tick exactly.
    pub(crate) fn age_of(&self, slot: Slot, now: Instant) -> Duration {
        let after_it = self.marks.partition_point(|(_, marked)| *marked <= slot);
        self.marks.get(after_it).map_or(Duration::ZERO, |(at, _)| now.duration_since(*at))
    }

    /// At this place of a stream is an entry, but no publication.
    pub(crate) fn skip(&mut self, place: Place) {
        if self.skipped.len() == MAX_SKIPPED
            && let Some(oldest) = self.skipped.pop_front()
        {
            self.skipped_before = oldest;
        }
        self.skipped.push_back(place);
    }

    /// Whether it is certain that at this place, behind the oldest publication, the stream has no
    /// entry.
    pub(crate) fn lacks(&self, place: Place) -> bool {
        place > self.skipped_before
            && self.oldest().is_some_and(|oldest| oldest.place < place)
            && self.entries.binary_search_by_key(&place, |entry| entry.place).is_err()
            && self.skipped.binary_search(&place).is_err()
    }

    pub(crate) fn push_break(&mut self, at: Break) {
        if self.breaks.len() == MAX_BREAKS {
            self.breaks.pop_front();
        }
        self.breaks.push_back(at);
    }

    /// The first break after `place` that is remembered.
    pub(crate) fn break_after(&self, place: Place) -> Option<&Break> {
        if self.breaks.back().is_none_or(|newest| newest.place <= place) {
            return None;
        }
        self.breaks.get(self.breaks.partition_point(|at| at.place <= place))
    }

    /// Forgets all but the count of slots, as when the order begins anew.
    pub(crate) fn clear(&mut self) {
        self.first = self.end();
        self.entries.clear();
        self.bytes = 0;
        self.breaks.clear();
        self.skipped.clear();
        self.skipped_before = Place::START;
    }

    /// The slot of the first entry after `place`.
    pub(crate) fn slot_after(&self, place: Place) -> Slot {
        if self.entries.back().is_none_or(|newest| newest.place <= place) {
            return self.end();
        }
        self.first + self.entries.partition_point(|entry| entry.place <= place) as Slot
    }

    pub(crate) fn get(&self, slot: Slot) -> Option<&Entry> {
        let index = slot.checked_sub(self.first)?;
        self.entries.get(usize::try_from(index).ok()?)
    }

    /// The entries from `slot` on.
    pub(crate) fn since_slot(&self, slot: Slot) -> impl Iterator<Item = &Entry> {
        let skipped = usize::try_from(slot.saturating_sub(self.first)).unwrap_or(usize::MAX);
        self.entries.range(skipped.min(self.entries.len())..)
    }

    /// The breaks that are remembered, in order.
    pub(crate) fn breaks(&self) -> impl Iterator<Item = &Break> {
        self.breaks.iter()
    }

    /// All entries, the newest first.
    pub(crate) fn newest_first(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().rev()
    }

    pub(crate) fn oldest(&self) -> Option<&Entry> {
        self.entries.front()
    }

    /// The slot that the next entry will have.
    pub(crate) fn end(&self) -> Slot {
        self.first + self.entries.len() as Slot
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Takes out the oldest entry.
    pub(crate) fn pop(&mut self) -> Option<Entry> {
        let entry = self.entries.pop_front()?;
        self.first += 1;
        self.bytes -= entry.cost();
        Some(entry)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use publication::{BeaconId, Draft};

    use super::*;

    fn entry(number: usize) -> Entry {
        let draft = Draft { channel: "a", ..Draft::default() };
        let publication = Arc::new(Publication::new(&draft, 0).expect("valid"));
        let cursor = Cursor::Counted { beacon: BeaconId { gateway: 1, counter: 0 }, number: 0 };
        Entry { place: Place::counted(number as u64), cursor, publication, channel: NO_CHANNEL }
    }

    proptest! {
        /// An entry's age counts from the first tick after it came, however many were without one;
        /// and ticks without one leave nothing behind.
        #[test]
        fn entries_expire_by_the_first_tick_after_them(
            steps in prop::collection::vec((0usize..3, 1u64..4), 0..60),
            keep_seconds in 1u64..8,
        ) {
            let (mut history, began) = (History::new(), Instant::now());
            let keep_for = Duration::from_secs(keep_seconds);
            let (mut now, mut pushed, mut ticked) = (began, 0, VecDeque::new());
            for (entries, seconds) in steps {
                for _ in 0..entries {
                    history.push(entry(pushed));
                    pushed += 1;
                }
                now += Duration::from_secs(seconds);
                ticked.extend((0..entries).map(|_| now));
                history.mark(now);
                while history.pop_expired(now, keep_for).is_some() {}
                ticked.retain(|at| now - *at < keep_for);
                prop_assert_eq!(history.len(), ticked.len());
                prop_assert_eq!(history.oldest_age(now), ticked.front().map(|at| now - *at));
                prop_assert!(history.marks.len() <= history.len() + 1, "{} marks", history.marks.len());
            }
        }
    }
}
