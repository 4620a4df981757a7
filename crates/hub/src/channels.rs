//! What is known of each channel: its latest publication, what history lost of it, who listens.

use std::{
    collections::VecDeque,
    hash::BuildHasher,
    time::{Duration, Instant},
};

use hashbrown::HashTable;
use slab::Slab;

use crate::{
    history::{Entry, Slot},
    keys::{AudienceKey, ChannelId, key},
    place::Place,
    ranking::Ranking,
    selection::Selection,
    shown::Shown,
};

/// A channel that somebody published on lately, or that somebody listens to.
pub(crate) struct Channel {
    pub(crate) name: Box<str>,
    /// The latest publication, kept when history has let go of it.
    pub(crate) latest: Option<Entry>,
    /// Until when the latest publication is the channel's value, if not for ever.
    expires: Option<Instant>,
    /// The place of the newest publication that history no longer holds.
    pub(crate) lost: Place,
    /// Where history holds its publications.
    pub(crate) held: VecDeque<Slot>,
    /// The audiences that asked for it by name.
    pub(crate) audiences: Vec<AudienceKey>,
}

/// Channels of a selection that are looked at to find its newest publications.
const MAX_LOOKED_AT: usize = 1_024;

#[derive(Default)]
pub(crate) struct Channels {
    slots: Slab<Channel>,
    by_name: HashTable<ChannelId>,
    hasher: foldhash::fast::RandomState,
    /// Every channel with a latest publication, by its place.
    published: Ranking,
    /// Every channel that lost one, by its lost place.
    lost: Ranking,
    /// The newest lost place among the channels that were forgotten.
    forgotten: Place,
    /// Bytes of the latest publications that history no longer holds.
    quiet_bytes: usize,
}

impl Channel {
    /// Its latest publication, unless retracted or expired.
    fn value(&self, now: Instant) -> Option<Shown<'_>> {
        let entry = self.latest.as_ref()?;
        let holds = !entry.publication.is_retraction() && !self.has_expired(now);
        holds.then(|| Shown { entry, channel: &self.name, ttl: self.ttl_left(now) })
    }

    /// Whether what is known as its latest publication is older than what history has lost.
    fn is_superseded(&self) -> bool {
        self.held.is_empty() && self.latest.as_ref().is_none_or(|latest| latest.place < self.lost)
    }

    fn has_expired(&self, now: Instant) -> bool {
        self.expires.is_some_and(|at| at <= now)
    }

    /// For how many seconds its latest publication still is its value, if not for ever.
    pub(crate) fn ttl_left(&self, now: Instant) -> Option<u32> {
        let left = self.expires?.saturating_duration_since(now);
        Some(u32::try_from(left.as_millis().div_ceil(1_000)).unwrap_or(u32::MAX))
    }
}

impl Channels {
    pub(crate) fn get(&self, name: &str) -> Option<&Channel> {
        let id = self.find(self.hasher.hash_one(name), name)?;
        self.slots.get(id as usize)
    }

    /// The channel's number, made if there is none.
    pub(crate) fn intern(&mut self, name: &str) -> ChannelId {
        let hash = self.hasher.hash_one(name);
        if let Some(id) = self.find(hash, name) {
            return id;
        }
        let channel = Channel {
            name: name.into(),
            latest: None,
            expires: None,
            lost: Place::START,
            held: VecDeque::new(),
            audiences: Vec::new(),
        };
        let id = key(self.slots.insert(channel));
        let (slots, hasher) = (&self.slots, &self.hasher);
        self.by_name.insert_unique(hash, id, |id| hasher.hash_one(&*slots[*id as usize].name));
        id
    }

    /// `audience` asked for the channel by name.
    pub(crate) fn listen(&mut self, name: &str, audience: AudienceKey) {
        let id = self.intern(name);
        self.slots[id as usize].audiences.push(audience);
    }

    /// `audience` is gone.
    pub(crate) fn unlisten(&mut self, name: &str, audience: AudienceKey) {
        let Some(id) = self.find(self.hasher.hash_one(name), name) else { return };
        self.slots[id as usize].audiences.retain(|other| *other != audience);
        self.remove_unused(id);
    }

    /// `entry`, in `slot` of history, is now the channel's latest.
    pub(crate) fn publish(&mut self, id: ChannelId, slot: Slot, entry: &Entry, now: Instant) -> &Channel {
        self.published.raise(id);
        let channel = &mut self.slots[id as usize];
        match &channel.latest {
            None => channel.lost = self.forgotten,
            Some(latest) if channel.held.is_empty() => self.quiet_bytes -= latest.cost(),
            Some(_) => {}
        }
        channel.held.push_back(slot);
        channel.latest = Some(entry.clone());
        let ttl = entry.publication.ttl_left().map(|seconds| Duration::from_secs(seconds.into()));
        channel.expires = ttl.and_then(|ttl| now.checked_add(ttl));
        channel
    }

    /// History let go of the channel's oldest publication.
    pub(crate) fn lose(&mut self, id: ChannelId, place: Place) {
        self.lost.raise(id);
        let channel = &mut self.slots[id as usize];
        channel.lost = place;
        channel.held.pop_front();
        if channel.held.is_empty() {
            channel.held = VecDeque::new();
            self.quiet_bytes += channel.latest.as_ref().map_or(0, Entry::cost);
        }
    }

    /// Forgets the least recently published channels beyond `keep`, and while their latest
    /// publications take more than `keep_bytes`, but none that history holds something of.
    pub(crate) fn forget_excess(&mut self, keep: usize, keep_bytes: usize) {
        while self.published.len() > keep || self.quiet_bytes > keep_bytes {
            let Some(id) = self.published.oldest() else { return };
            if !self.slots[id as usize].held.is_empty() {
                return;
            }
            self.forget(id);
        }
    }

    /// Forgets a channel of which history holds nothing.
    fn forget(&mut self, id: ChannelId) {
        let channel = &mut self.slots[id as usize];
        self.forgotten = self.forgotten.max(channel.lost);
        self.quiet_bytes -= channel.latest.take().map_or(0, |latest| latest.cost());
        channel.lost = Place::START;
        self.published.remove(id);
        self.lost.remove(id);
        self.remove_unused(id);
    }

    /// Forgets what was published on all channels: they count as having lost something at `place`.
    pub(crate) fn forget_all(&mut self, place: Place) {
        self.forgotten = place;
        self.quiet_bytes = 0;
        self.published = Ranking::default();
        self.lost = Ranking::default();
        let ids: Vec<_> = self.slots.iter().map(|(index, _)| key(index)).collect();
        for id in ids {
            let channel = &mut self.slots[id as usize];
            (channel.latest, channel.lost, channel.held) = (None, Place::START, VecDeque::new());
            channel.expires = None;
            self.remove_unused(id);
        }
    }

    /// Every channel with a state, the most recently published first.
    pub(crate) fn states(&self) -> impl Iterator<Item = &Channel> {
        self.published.newest_first().map(|id| &self.slots[id as usize])
    }

    /// The channels without a state that somebody listens to by name.
    pub(crate) fn unpublished(&self) -> impl Iterator<Item = &Channel> {
        let count = self.slots.len() - self.published.len();
        self.slots.iter().map(|(_, channel)| channel).filter(|channel| channel.latest.is_none()).take(count)
    }

    /// The newest place that a channel without a state can have lost.
    pub(crate) fn forgotten(&self) -> Place {
        self.forgotten
    }

    /// Takes what another gateway knows of losses, once its publications have been taken.
    pub(crate) fn restore_lost<'a>(
        &mut self,
        lost: impl Iterator<Item = (&'a str, Place)>,
        forgotten: Place,
    ) {
        self.forgotten = forgotten;
        let mut lost: Vec<_> = lost.filter(|(_, place)| *place > Place::START).collect();
        lost.sort_unstable_by_key(|(_, place)| *place);
        for (name, place) in lost {
            let Some(id) = self.find(self.hasher.hash_one(name), name) else {
                // Its publications were too many for the picture.
                self.forgotten = self.forgotten.max(place);
                continue;
            };
            let channel = &mut self.slots[id as usize];
            channel.lost = place;
            if channel.is_superseded() {
                // The picture had no room for its latest, but for an older one that names it too.
                self.forget(id);
            } else {
                self.lost.raise(id);
            }
        }
    }

    /// Drops the channel if nothing is known of it and nobody listens.
    fn remove_unused(&mut self, id: ChannelId) {
        let channel = &self.slots[id as usize];
        if channel.latest.is_some() || !channel.audiences.is_empty() {
            return;
        }
        let hash = self.hasher.hash_one(&*channel.name);
        if let Ok(found) = self.by_name.find_entry(hash, |other| *other == id) {
            found.remove();
        }
        self.slots.remove(id as usize);
    }

    /// The newest place that history lost of the channel. Of one without a state it is that of the
    /// newest forgotten one, for it may have been that.
    fn lost_of(&self, name: &str) -> Place {
        match self.get(name) {
            Some(channel) if channel.latest.is_some() => channel.lost,
            _ => self.forgotten,
        }
    }

    /// The newest place at which history lost a publication of the selection, if it lies after
    /// `floor`; else some place before that.
    pub(crate) fn lost_after(&self, selection: &Selection, floor: Place) -> Place {
        let by_name = selection.channels().iter().map(|name| self.lost_of(name)).max();
        let mut newest = by_name.unwrap_or(Place::START);
        if !selection.prefixes().is_empty() {
            newest = newest.max(self.forgotten).max(self.prefix_lost_after(selection, floor));
        }
        newest
    }

    fn prefix_lost_after(&self, selection: &Selection, floor: Place) -> Place {
        let ranked = self.lost.newest_first().map(|id| &self.slots[id as usize]);
        ranked
            .take_while(|channel| channel.lost > floor)
            .find(|channel| selection.matches_prefix(&channel.name))
            .map_or(Place::START, |channel| channel.lost)
    }

    /// The newest place at which any channel lost something.
    pub(crate) fn newest_lost(&self) -> Place {
        let newest = self.lost.newest_first().next().map(|id| self.slots[id as usize].lost);
        newest.unwrap_or(Place::START).max(self.forgotten)
    }

    /// The newest publication of the selection.
    pub(crate) fn newest(&self, selection: &Selection) -> Option<&Entry> {
        let by_name = selection.channels().iter().filter_map(|name| self.get(name)?.latest.as_ref());
        let by_prefix = self.by_prefix(selection).next().and_then(|channel| channel.latest.as_ref());
        by_name.chain(by_prefix).max_by_key(|entry| entry.place)
    }

    /// The latest publication of each channel of the selection, in order, each once.
    pub(crate) fn latest(&self, selection: &Selection) -> Vec<&Entry> {
        let mut latest: Vec<_> = self.of(selection).filter_map(|channel| channel.latest.as_ref()).collect();
        latest.sort_unstable_by_key(|entry| entry.place);
        latest.dedup_by_key(|entry| entry.place);
        latest
    }

    /// The values of those channels of the selection that `keeps` names: their latest publications,
    /// unless retracted or expired; in order, each once, under the first channel whose value it is.
    pub(crate) fn values(
        &self,
        selection: &Selection,
        now: Instant,
        keeps: impl Fn(&str) -> bool,
    ) -> Vec<Shown<'_>> {
        let kept = self.of(selection).filter(|channel| keeps(&channel.name));
        let mut values: Vec<_> = kept.filter_map(|channel| channel.value(now)).collect();
        values.sort_by_cached_key(|value| (value.entry.place, value.rank()));
        values.dedup_by_key(|value| value.entry.place);
        values
    }

    /// How many channels of the selection had a value that has expired.
    pub(crate) fn expired(&self, selection: &Selection, now: Instant) -> usize {
        self.of(selection).filter(|channel| channel.has_expired(now)).count()
    }

    /// Where history holds the newest publications of the selection: at most `count`, the newest first.
    /// Of what prefixes mean only so many channels are looked at, those published on last.
    pub(crate) fn newest_slots(&self, selection: &Selection, count: usize) -> Vec<Slot> {
        let newest = |channel: &Channel| channel.held.iter().rev().take(count).copied().collect::<Vec<_>>();
        let mut slots: Vec<_> = self.of(selection).take(MAX_LOOKED_AT).flat_map(newest).collect();
        slots.sort_unstable_by(|one, two| two.cmp(one));
        slots.dedup();
        slots.truncate(count);
        slots
    }

    /// The channels of the selection of which something is known.
    fn of(&self, selection: &Selection) -> impl Iterator<Item = &Channel> {
        let by_name = selection.channels().iter().filter_map(|name| self.get(name));
        by_name.chain(self.by_prefix(selection))
    }

    /// The channels that a prefix of the selection means, the most recently published first.
    fn by_prefix(&self, selection: &Selection) -> impl Iterator<Item = &Channel> {
        let any = !selection.prefixes().is_empty();
        let ranked = any.then(|| self.published.newest_first()).into_iter().flatten();
        ranked.map(|id| &self.slots[id as usize]).filter(|channel| selection.matches_prefix(&channel.name))
    }

    /// How many channels have a state.
    pub(crate) fn len(&self) -> usize {
        self.published.len()
    }

    fn find(&self, hash: u64, name: &str) -> Option<ChannelId> {
        self.by_name.find(hash, |id| &*self.slots[*id as usize].name == name).copied()
    }
}
