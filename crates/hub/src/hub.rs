//! The registry itself: takes what arrives and lets go of what is too old.

mod attendance;
mod knowledge;
mod overview;
mod range;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use publication::{Arrival, BeaconId, Cursor, EntryId, Excerpt, Publication};
use slab::Slab;

pub use self::{overview::Busy, range::Beginning};
use crate::{
    audience::Audiences,
    channels::Channels,
    chart::{Chart, Located},
    config::Config,
    excerpts::Excerpts,
    history::{Break, Entry, History, Slot},
    keys::{AudienceKey, ChannelId, SessionKey, key},
    place::Place,
    selection::Selection,
    session::{Position, Session},
};

/// The registry of one shard.
pub struct Hub {
    config: Config,
    /// The newest place.
    tip: Place,
    /// When the arrival at hand came.
    now: Instant,
    history: History,
    chart: Chart,
    excerpts: Excerpts,
    channels: Channels,
    audiences: Audiences,
    sessions: Slab<Session>,
    /// All that the broker had taken by then has arrived.
    current: Option<Instant>,
    /// Where the stream ended that was followed before, until all of the new one has come.
    before_anew: Option<Cursor>,
    /// How many sessions are not at the tip.
    behind: usize,
    /// Sessions whose cursor is not known yet.
    waiting: Vec<SessionKey>,
    /// Something has come since their cursors were looked at.
    unsettled: bool,
    /// Turns the order in which an audience's members are served.
    rotation: usize,
    /// The audiences of the publication at hand; kept so that appending allocates nothing.
    matched: Vec<AudienceKey>,
}

/// By how many of its newest publications a selection is judged.
const JUDGED: usize = 64;

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
            now: Instant::now(),
            history: History::new(),
            chart: Chart::default(),
            excerpts: Excerpts::default(),
            channels: Channels::default(),
            audiences: Audiences::default(),
            sessions: Slab::new(),
            current: None,
            before_anew: None,
            behind: 0,
            waiting: Vec::new(),
            unsettled: false,
            rotation: 0,
            matched: Vec::new(),
        }
    }

    /// Takes the next arrival of the order.
    pub fn append(&mut self, arrival: &Arrival, now: Instant) {
        self.now = now;
        self.unsettled = true;
        match arrival {
            Arrival::Publication(publication) => self.append_publication(self.tip.next(), publication),
            Arrival::Skipped => self.tip = self.tip.next(),
            Arrival::Beacon(id) => self.chart.beacons.push(*id, self.tip, self.tip),
            Arrival::Break(id) => self.append_break(*id),
            Arrival::Known(snapshot) => self.restore(snapshot),
            Arrival::Entry(id, Some(publication)) => self.append_publication(Place::of(*id), publication),
            Arrival::Entry(id, None) => {
                self.tip = Place::of(*id);
                self.history.skip(self.tip);
            }
            Arrival::Loss(verified) => self.append_loss(self.tip, Cursor::After(*verified)),
            Arrival::Anew { epoch, after } => self.begin_anew(*epoch, *after),
            Arrival::Warm => self.finish_warming(),
        }
    }

    /// Whether the next arrival may be appended. Not while half of what history holds has come since
    /// [`Hub::note_served`]: it must not go on without those who are willing to read.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.history.has_room(&self.config)
    }

    /// Every session that could take something has all there is for it.
    pub fn note_served(&mut self) {
        self.history.note_served();
    }

    /// Keeps more or less from now on. What is beyond the new limits goes at once, as if newer
    /// publications had pushed it out; what is already gone does not come back.
    pub fn set_config(&mut self, config: Config) {
        self.config = config;
        self.evict();
    }

    /// All that the broker had taken by `at` has arrived: a cursor that was given out before, and
    /// is still not known, never will be.
    pub fn set_current(&mut self, at: Instant) {
        self.current = self.current.max(Some(at));
        self.unsettled = true;
    }

    /// Whether all that the broker had taken by `at` has arrived.
    #[must_use]
    pub fn is_current(&self, at: Instant) -> bool {
        self.current.is_some_and(|current| current >= at)
    }

    /// Lets go of what is too old. To be called about once a second.
    pub fn tick(&mut self, now: Instant) {
        self.history.mark(now);
        while let Some(expired) = self.history.pop_expired(now, self.config.keep_for) {
            self.lose(&expired);
        }
        self.channels.forget_excess(self.config.keep_channels, self.config.keep_bytes);
        self.excerpts.tick();
        self.chart.tick(now, self.tip, self.config.keep_cursors);
    }

    /// The newest place.
    #[must_use]
    pub fn place(&self) -> Place {
        self.tip
    }

    /// Whether cursors can be given out: there was a beacon, or what the stream holds has come.
    #[must_use]
    pub fn is_warm(&self) -> bool {
        self.chart.is_warm()
    }

    /// The cursor of the newest place; `None` while none can be given out.
    #[must_use]
    pub fn tip(&self) -> Option<Cursor> {
        self.chart.tip(self.tip).filter(|_| self.is_warm())
    }

    /// The cursor of any place for as long as cursors are kept.
    #[must_use]
    pub fn cursor_of(&self, place: Place) -> Option<Cursor> {
        self.chart.cursor_of(place)
    }

    /// The place of a cursor, if this gateway knows it now.
    #[must_use]
    pub fn place_of(&self, cursor: Cursor) -> Option<Place> {
        match self.chart.locate(cursor, self.tip) {
            Located::At(place) | Located::Foreign(place) => Some(place),
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
            beacons: self.chart.beacons.len(),
        }
    }

    /// How long it takes on average from one publication of the selection to the next, judged by the
    /// newest that history holds; `None` if those are fewer than two.
    #[must_use]
    pub fn interval(&self, selection: &Selection, now: Instant) -> Option<Duration> {
        let slots = self.channels.newest_slots(selection, JUDGED);
        let oldest = slots.last().filter(|_| slots.len() > 1)?;
        // Until now, so that a channel that has fallen silent is judged ever slower.
        Some(self.history.age_of(*oldest, now) / key(slots.len()))
    }

    fn append_publication(&mut self, place: Place, publication: &Arc<Publication>) {
        self.tip = place;
        // Before the first beacon nothing can be given a cursor; the broker delivers nothing then.
        let Some(cursor) = self.chart.tip(self.tip) else { return };
        self.append_at(place, cursor, publication);
        self.evict();
    }

    fn append_at(&mut self, place: Place, cursor: Cursor, publication: &Arc<Publication>) {
        let mut channels = publication.channels();
        let Some(first) = channels.next() else { return };
        let channel = self.channels.intern(first);
        let entry = Entry { place, cursor, publication: Arc::clone(publication), channel };

        let slot = self.history.end();
        self.publish_on(first, channel, slot, &entry);
        for further in channels {
            let channel = self.channels.intern(further);
            self.publish_on(further, channel, slot, &entry);
        }
        self.history.push(entry);
    }

    /// Lets go of what the limits do not hold.
    fn evict(&mut self) {
        while let Some(evicted) = self.history.pop_excess(&self.config) {
            self.lose(&evicted);
        }
        self.channels.forget_excess(self.config.keep_channels, self.config.keep_bytes);
    }

    fn publish_on(&mut self, name: &str, channel: ChannelId, slot: Slot, entry: &Entry) {
        let state = self.channels.publish(channel, slot, entry, self.now);
        self.matched.extend_from_slice(&state.audiences);
        self.audiences.extend_by_prefix(name, &mut self.matched);
        for audience in self.matched.drain(..) {
            self.audiences.mark_unread(audience, entry.place.before());
        }
    }

    fn append_break(&mut self, id: BeaconId) {
        let (end, after) = (self.tip, self.tip());
        self.tip = end.next();
        self.chart.beacons.push(id, end, self.tip);
        let cursor = Cursor::Counted { beacon: id, number: 0 };
        self.history.push_break(Break { place: self.tip, after, cursor });
        self.audiences.mark_all_unread(end);
    }

    /// A stretch of the stream that ends at `end` may have lost entries behind `after`.
    fn append_loss(&mut self, end: Place, after: Cursor) {
        if end.is_loss() {
            // Nothing has come since the last one.
            return;
        }
        self.tip = end.next();
        let (place, cursor) = (self.tip, self.tip.stream_cursor());
        self.history.push_break(Break { place, after: Some(after), cursor });
        self.audiences.mark_all_unread(end);
    }

    /// The stream begins, or is another one than before: ids may even have gone back. Until what it
    /// holds has come, nobody reads.
    fn begin_anew(&mut self, epoch: u64, after: EntryId) {
        if self.chart.is_warm() {
            self.before_anew = Some(self.tip.stream_cursor());
        }
        self.chart.begin_stream(epoch);
        self.tip = Place::of(after);
        self.history.clear();
        self.excerpts.clear();
        self.channels.forget_all(self.tip);
        self.audiences.forget_places();
        self.behind = 0;
        for (_, session) in &mut self.sessions {
            if session.position.waits_for().is_none() {
                session.position = Position::Tip;
            } else if let Some(audience) = self.audiences.get_mut(session.audience) {
                audience.behind += 1;
                self.behind += 1;
            }
        }
    }

    /// What the stream holds has come: those who were here before are told a gap, and go on from here.
    fn finish_warming(&mut self) {
        self.chart.set_warm();
        self.audiences.forget_unread();
        if let Some(before) = self.before_anew.take() {
            self.append_loss(self.tip, before);
        }
    }

    /// Takes in what was read back for readers whom memory has left behind.
    pub fn lend(&mut self, excerpt: &Excerpt) {
        if excerpt.epoch == self.chart.epoch() {
            self.excerpts.lend(excerpt, self.earliest());
        }
    }

    /// Whether what was lent lets a reader behind this cursor go on, or tells that it is lost.
    #[must_use]
    pub fn helps(&self, cursor: Cursor) -> bool {
        Place::on_stream(cursor).is_some_and(|place| {
            place >= self.earliest() || place < self.excerpts.oldest() || self.excerpts.upto(place).is_some()
        })
    }

    fn lose(&mut self, entry: &Entry) {
        self.channels.lose(entry.channel, entry.place);
        for further in entry.publication.channels().skip(1) {
            let channel = self.channels.intern(further);
            self.channels.lose(channel, entry.place);
        }
    }
}
