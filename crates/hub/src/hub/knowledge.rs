//! What a hub knows, handed on to the hubs of a gateway that starts.

use std::{collections::HashMap, sync::Arc, time::Instant};

use publication::{Known, Publication, Snapshot};

use super::Hub;
use crate::{
    history::{Break, Entry},
    place::Place,
};

impl Hub {
    /// A picture of what this hub knows, of at most about `max_bytes`: the newest publications of
    /// history, then the latest values of quieter channels. `None` while nothing is known.
    #[must_use]
    pub fn snapshot(&self, max_bytes: usize, now: Instant) -> Option<Snapshot> {
        let (senders, newest) = self.chart.beacons.snapshot();
        let (beacon, beacon_place) = newest.filter(|_| !self.chart.is_stream())?;
        let mut budget = Budget(max_bytes);
        let kept = self.history.newest_first().take_while(|entry| budget.spend(entry)).count();
        let mut lost: HashMap<&str, Place> =
            self.channels.states().map(|channel| (&*channel.name, channel.lost)).collect();
        for entry in self.history.newest_first().skip(kept) {
            for channel in entry.publication.channels() {
                let known = lost.entry(channel).or_default();
                *known = entry.place.max(*known);
            }
        }
        let mut quiet: Vec<&Entry> = Vec::new();
        let mut left: HashMap<Place, u32> = HashMap::new();
        for channel in self.channels.states() {
            let Some(latest) = &channel.latest else { continue };
            left.extend(channel.ttl_left(now).map(|seconds| (latest.place, seconds)));
            if !channel.held.is_empty() {
                continue;
            }
            // One without room is told as lost all the same: an older one may name its channel too.
            if budget.spend(latest) {
                quiet.push(latest);
            }
        }
        quiet.sort_unstable_by_key(|entry| entry.place);
        quiet.dedup_by_key(|entry| entry.place);
        let known = |entry: &Entry| Known {
            place: entry.place.number(),
            cursor: entry.cursor,
            publication: aged(&entry.publication, left.get(&entry.place).copied()),
        };
        let history = self.history.newest_first().take(kept).collect::<Vec<_>>().into_iter().rev();
        Some(Snapshot {
            place: self.tip.number(),
            beacon: Some(beacon),
            beacon_place: beacon_place.number(),
            senders,
            publications: quiet.into_iter().chain(history).map(known).collect(),
            history: kept,
            breaks: self.history.breaks().map(|at| (at.place.number(), at.after, at.cursor)).collect(),
            lost: lost.into_iter().map(|(name, place)| (name.to_owned(), place.number())).collect(),
            forgotten: self.channels.forgotten().number(),
        })
    }

    /// Takes another gateway's picture as what is known here, where nothing was known before.
    pub(super) fn restore(&mut self, snapshot: &Snapshot) {
        let newest = snapshot.beacon.map(|beacon| (beacon, Place::counted(snapshot.beacon_place)));
        self.chart.beacons.restore(&snapshot.senders, newest);
        for (place, after, cursor) in &snapshot.breaks {
            self.history.push_break(Break { place: Place::counted(*place), after: *after, cursor: *cursor });
        }
        let quiet = snapshot.publications.len().saturating_sub(snapshot.history);
        for (index, known) in snapshot.publications.iter().enumerate() {
            self.append_at(Place::counted(known.place), known.cursor, &known.publication);
            if index < quiet
                && let Some(evicted) = self.history.pop()
            {
                self.lose(&evicted);
            }
        }
        let lost = snapshot.lost.iter().map(|(name, place)| (&**name, Place::counted(*place)));
        self.channels.restore_lost(lost, Place::counted(snapshot.forgotten));
        self.tip = Place::counted(snapshot.place);
        self.evict();
    }
}

/// A publication of whose time to live so many seconds are left. Of one that is no channel's value
/// any more, that no longer matters.
fn aged(publication: &Arc<Publication>, left: Option<u32>) -> Arc<Publication> {
    match (publication.ttl(), left) {
        (Some(ttl), Some(left)) => Arc::new(Publication::clone(publication).aged(ttl.saturating_sub(left))),
        _ => Arc::clone(publication),
    }
}

/// Bytes that may still be taken.
struct Budget(usize);

impl Budget {
    fn spend(&mut self, entry: &Entry) -> bool {
        let enough = entry.cost() <= self.0;
        self.0 -= if enough { entry.cost() } else { 0 };
        enough
    }
}
