//! The registry itself: takes what arrives and lets go of what is too old.

mod attendance;
mod range;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use publication::{Arrival, BeaconId, Cursor, Publication};
use slab::Slab;

pub use self::range::Beginning;
use crate::{
    audience::Audiences,
    beacons::{Beacons, Located},
    channels::Channels,
    config::Config,
    history::{Break, Entry, History, Slot},
    keys::{AudienceKey, ChannelId, SessionKey},
    place::Place,
    session::Session,
};

/// The registry of one shard.
pub struct Hub {
    config: Config,
    /// The newest place.
    tip: Place,
    history: History,
    beacons: Beacons,
    channels: Channels,
    audiences: Audiences,
    sessions: Slab<Session>,
    /// How many sessions are not at the tip.
    behind: usize,
    /// Sessions whose cursor is not known yet.
    waiting: Vec<SessionKey>,
    /// Turns the order in which an audience's members are served.
    rotation: usize,
    /// The audiences of the publication at hand; kept so that appending allocates nothing.
    matched: Vec<AudienceKey>,
}

/// How full the hub is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Gauges {
    /// Publications in history.
    pub history_publications: usize,
    /// Their bytes.
    pub history_bytes: usize,
    /// The age of the oldest of them: how far back a session can resume.
    pub history_oldest: Duration,
    /// Channels with a state.
    pub channels: usize,
    /// Audiences.
    pub audiences: usize,
    /// Beacons from which cursors can be placed.
    pub beacons: usize,
}

impl Hub {
    /// An empty hub.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self {
            config,
            tip: Place::START,
            history: History::new(),
            beacons: Beacons::default(),
            channels: Channels::default(),
            audiences: Audiences::default(),
            sessions: Slab::new(),
            behind: 0,
            waiting: Vec::new(),
            rotation: 0,
            matched: Vec::new(),
        }
    }

    /// Takes the next arrival of the order.
    pub fn append(&mut self, arrival: &Arrival) {
        match arrival {
            Arrival::Publication(publication) => self.append_publication(publication),
            Arrival::Skipped => self.tip = self.tip.next(),
            Arrival::Beacon(id) => self.beacons.push(*id, self.tip, self.tip),
            Arrival::Break(id) => self.append_break(*id),
        }
    }

    /// Keeps more or less from now on. What is beyond the new limits goes at once, as if newer
    /// publications had pushed it out; what is already gone does not come back.
    pub fn set_config(&mut self, config: Config) {
        self.config = config;
        self.evict();
    }

    /// Lets go of what is too old. To be called about once a second.
    pub fn tick(&mut self, now: Instant) {
        self.history.mark(now);
        while let Some(expired) = self.history.pop_expired(now, self.config.keep_for) {
            self.lose(&expired);
        }
        self.channels.forget_excess(self.config.keep_channels, self.config.keep_bytes);
        self.beacons.tick(now, self.tip, self.config.keep_cursors);
    }

    /// The newest place.
    #[must_use]
    pub fn place(&self) -> Place {
        self.tip
    }

    /// The cursor of the newest place; `None` before the first beacon, when none can be given out.
    #[must_use]
    pub fn tip(&self) -> Option<Cursor> {
        self.beacons.tip(self.tip)
    }

    /// The cursor of any place for as long as cursors are kept.
    #[must_use]
    pub fn cursor_of(&self, place: Place) -> Option<Cursor> {
        self.beacons.cursor_of(place)
    }

    /// The place of a cursor, if this gateway knows it now.
    #[must_use]
    pub fn place_of(&self, cursor: Cursor) -> Option<Place> {
        match self.beacons.locate(cursor, self.tip) {
            Located::At(place) => Some(place),
            Located::Ahead | Located::Unknown => None,
        }
    }

    /// How full the hub is.
    #[must_use]
    pub fn gauges(&self, now: Instant) -> Gauges {
        Gauges {
            history_publications: self.history.len(),
            history_bytes: self.history.bytes(),
            history_oldest: self.history.oldest_age(now).unwrap_or_default(),
            channels: self.channels.len(),
            audiences: self.audiences.len(),
            beacons: self.beacons.len(),
        }
    }

    fn append_publication(&mut self, publication: &Arc<Publication>) {
        self.tip = self.tip.next();
        // Before the first beacon nothing can be given a cursor; the broker delivers nothing then.
        let Some(cursor) = self.beacons.tip(self.tip) else { return };
        let mut channels = publication.channels();
        let Some(first) = channels.next() else { return };
        let channel = self.channels.intern(first);
        let entry = Entry { place: self.tip, cursor, publication: Arc::clone(publication), channel };

        let slot = self.history.end();
        self.publish_on(first, channel, slot, &entry);
        for further in channels {
            let channel = self.channels.intern(further);
            self.publish_on(further, channel, slot, &entry);
        }
        self.history.push(entry);
        self.evict();
    }

    /// Lets go of what the limits do not hold.
    fn evict(&mut self) {
        while let Some(evicted) = self.history.pop_excess(&self.config) {
            self.lose(&evicted);
        }
        self.channels.forget_excess(self.config.keep_channels, self.config.keep_bytes);
    }

    fn publish_on(&mut self, name: &str, channel: ChannelId, slot: Slot, entry: &Entry) {
        let state = self.channels.publish(channel, slot, entry);
        self.matched.extend_from_slice(&state.audiences);
        self.audiences.extend_by_prefix(name, &mut self.matched);
        for audience in self.matched.drain(..) {
            self.audiences.mark_unread(audience, entry.place.before());
        }
    }

    fn append_break(&mut self, id: BeaconId) {
        let (end, after) = (self.tip, self.tip());
        self.tip = end.next();
        self.beacons.push(id, end, self.tip);
        let cursor = Cursor { beacon: id, number: 0 };
        self.history.push_break(Break { place: self.tip, after, cursor });
        self.audiences.mark_all_unread(end);
    }

    fn lose(&mut self, entry: &Entry) {
        self.channels.lose(entry.channel, entry.place);
        for further in entry.publication.channels().skip(1) {
            let channel = self.channels.intern(further);
            self.channels.lose(channel, entry.place);
        }
    }
}
