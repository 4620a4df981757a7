//! The order of arrivals as this gateway sees it: which link it follows, what counts, what is lost.
//!
//! Pure: links are only named here. It is told what each link delivered and says what that means.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use publication::{Arrival, BeaconId, Publication};

use crate::{
    beacon::{Beacon, Claim},
    control::Control,
    held::Held,
};

/// One thing that a link delivered.
#[derive(Clone, Debug)]
pub enum Item {
    /// A beacon, of whatever gateway.
    Beacon(Beacon),
    /// A valid publication.
    Publication(Arc<Publication>),
    /// Something between gateways, which does not count.
    Control(Control),
    /// Something that counts although it is no valid publication.
    Skipped,
}

/// A beacon was seen on both links.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meeting(BeaconId);

/// Beacons remembered per link, to find the one that a second link saw too. Doubt lasts seconds.
const MAX_RECENT: usize = 1_024;
/// Gateways whose claims are compared at most.
const MAX_SENDERS: usize = 4_096;

/// The order, over the link that is followed and perhaps a second one.
#[derive(Default)]
pub struct Order {
    /// Whether anything was ever delivered, so that a new link begins with a break.
    begun: bool,
    first: Track,
    second: Option<Second>,
    /// What was counted at the latest two beacons of each gateway, on the unbroken stretch.
    senders: HashMap<u64, VecDeque<(u32, u64)>>,
}

/// What is known of the link that is followed.
#[derive(Default)]
struct Track {
    /// Its first beacon has come; what came before belongs to the gap.
    begun: bool,
    /// The latest beacons and the count of arrivals at each, those of links before included: a new
    /// link that lags behind may show them again.
    recent: VecDeque<(BeaconId, u64)>,
    arrivals: u64,
    /// Arrivals still to come on this link that the one before has already delivered.
    owed: u64,
}

/// What the second link delivered since its first beacon.
#[derive(Default)]
struct Second {
    items: VecDeque<Item>,
    held: Held,
}

impl Order {
    /// A new link is followed; the one before, if any, broke.
    pub fn restart(&mut self) {
        self.first.begun = false;
        self.first.owed = 0;
        self.second = None;
    }

    /// The followed link delivered an item. What it means is added to `out`.
    pub fn receive(&mut self, item: Item, out: &mut Vec<Arrival>) {
        match item {
            Item::Beacon(beacon) => self.receive_beacon(beacon, out),
            Item::Control(_) => {}
            _ if !self.first.begun => {}
            _ if self.first.owed > 0 => self.first.owed -= 1,
            Item::Publication(publication) => {
                self.first.arrivals += 1;
                out.push(Arrival::Publication(publication));
            }
            Item::Skipped => {
                self.first.arrivals += 1;
                out.push(Arrival::Skipped);
            }
        }
    }

    fn receive_beacon(&mut self, beacon: Beacon, out: &mut Vec<Arrival>) {
        if self.first.knows(beacon.id) {
            return;
        }
        let starts = !std::mem::replace(&mut self.first.begun, true);
        // A beacon that the link before never saw, in the middle of what it already delivered:
        // these two links do not show the same order.
        let forked = std::mem::take(&mut self.first.owed) > 0;
        let broken = forked || (starts && self.begun) || self.has_missed(beacon);
        if broken || starts {
            self.senders.clear();
        }
        self.begun = true;
        out.push(if broken { Arrival::Break(beacon.id) } else { Arrival::Beacon(beacon.id) });
        self.first.note(beacon.id);
        self.note_sender(beacon.id);
    }

    /// Whether the sender of `beacon` counted more between its latest two than was counted here.
    fn has_missed(&self, beacon: Beacon) -> bool {
        let Some(claim) = beacon.claim else { return false };
        self.counted(beacon.id.gateway, claim.of).is_some_and(|counted| counted < claim.arrivals)
    }

    /// What a gateway can say of its own latest two beacons.
    #[must_use]
    pub fn claim(&self, gateway: u64) -> Option<Claim> {
        let (of, _) = *self.senders.get(&gateway)?.back()?;
        Some(Claim { of, arrivals: self.counted(gateway, of)? })
    }

    /// Arrivals between a gateway's beacons `of - 1` and `of`.
    fn counted(&self, gateway: u64, of: u32) -> Option<u64> {
        let latest = self.senders.get(&gateway)?;
        let at = |counter: u32| latest.iter().find(|(other, _)| *other == counter).map(|(_, count)| *count);
        Some(at(of)? - at(of.checked_sub(1)?)?)
    }

    fn note_sender(&mut self, id: BeaconId) {
        if self.senders.len() >= MAX_SENDERS && !self.senders.contains_key(&id.gateway) {
            self.senders.clear();
        }
        let latest = self.senders.entry(id.gateway).or_default();
        latest.push_back((id.counter, self.first.arrivals));
        if latest.len() > 4 {
            latest.pop_front();
        }
    }

    // ---- the second link

    /// A second link was opened beside the first.
    pub fn open_second(&mut self) {
        self.second = Some(Second::default());
    }

    /// The second link is gone; the first is followed on.
    pub fn close_second(&mut self) {
        self.second = None;
    }

    /// The second link delivered an item, which is held back. Returns false if no more can be held.
    pub fn hold(&mut self, item: Item) -> bool {
        let Some(second) = &mut self.second else { return false };
        if second.items.is_empty() && !matches!(item, Item::Beacon(_)) {
            return true;
        }
        second.held.add(if let Item::Publication(publication) = &item { publication.bytes() } else { 0 });
        second.items.push_back(item);
        !second.held.is_full()
    }

    /// A beacon that both links have seen: from there on they can be joined.
    #[must_use]
    pub fn meeting(&self) -> Option<Meeting> {
        let items = &self.second.as_ref()?.items;
        items.iter().rev().find_map(|item| match item {
            Item::Beacon(beacon) if self.first.knows(beacon.id) => Some(Meeting(beacon.id)),
            _ => None,
        })
    }

    /// Goes on with the second link where the first one is, without a gap.
    pub fn join(&mut self, Meeting(met): Meeting, out: &mut Vec<Arrival>) {
        let Some(Second { mut items, .. }) = self.second.take() else { return };
        let is_met = |item: &Item| matches!(item, Item::Beacon(beacon) if beacon.id == met);
        let behind = items.iter().position(is_met).map_or(0, |index| index + 1);
        items.drain(..behind);
        self.first.owed = self.first.since(met);
        for item in items {
            self.receive(item, out);
        }
    }

    /// Goes on with the second link; between it and the first something may be lost. Delivery begins
    /// with the first beacon that the first link had not shown: what lies before, it may have
    /// delivered.
    pub fn cut(&mut self, out: &mut Vec<Arrival>) {
        let items = self.second.take().map(|second| second.items).unwrap_or_default();
        self.restart();
        for item in items {
            self.receive(item, out);
        }
    }
}

impl Track {
    fn knows(&self, id: BeaconId) -> bool {
        self.recent.iter().rev().any(|(other, _)| *other == id)
    }

    fn note(&mut self, id: BeaconId) {
        if self.recent.len() == MAX_RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back((id, self.arrivals));
    }

    /// Arrivals since a beacon.
    fn since(&self, id: BeaconId) -> u64 {
        let at =
            self.recent.iter().find(|(other, _)| *other == id).map_or(self.arrivals, |(_, count)| *count);
        self.arrivals - at
    }
}
