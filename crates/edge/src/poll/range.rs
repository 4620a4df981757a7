//! What a poll is answered with.

use std::time::Instant;

use hub::{Gap, Hub, Place, Selection, Shown};
use publication::Cursor;

use super::Question;
use crate::{envelope, phase::Phase, shard::Shard};

/// What one answer holds at most after a cursor.
const MAX_PUBLICATIONS: usize = 1_000;
const MAX_BYTES: usize = 1024 * 1024;

/// What an answer says.
pub(super) struct Range {
    pub(super) cursor: Option<Cursor>,
    pub(super) gap: Option<Gap>,
    pub(super) more: bool,
    /// The publications' envelopes, joined by commas.
    pub(super) envelopes: Vec<u8>,
    pub(super) count: u64,
    /// Where they stand, if somebody follows what becomes of them.
    pub(super) places: Option<Vec<Place>>,
    /// The place and the cursor of the newest publication of the selection.
    newest: Option<(Place, Cursor)>,
    /// How many latest values have expired: nothing new was published, and yet the answer changes.
    expired: usize,
    /// No other gateway is known to know more.
    pub(super) complete: bool,
    /// This gateway has not reached the poll's cursor.
    pub(super) lags: bool,
    /// `If-None-Match` says that there is nothing new; then nothing was encoded.
    pub(super) unchanged: bool,
}

impl Range {
    pub(super) fn new(shard: &Shard, hub: &Hub, selection: &Selection, gap: Option<Gap>) -> Self {
        Self {
            cursor: None,
            gap,
            more: false,
            envelopes: Vec::new(),
            count: 0,
            places: shard.sessions.borrow().is_followed().then(Vec::new),
            newest: hub.newest(selection).map(|entry| (entry.place, entry.cursor)),
            expired: 0,
            complete: *shard.phase.borrow() != Phase::Starting,
            lags: false,
            unchanged: false,
        }
    }

    /// Nothing, for one that begins with what comes next.
    pub(super) fn nothing(shard: &Shard, hub: &Hub, selection: &Selection) -> Self {
        Self { cursor: hub.tip(), ..Self::new(shard, hub, selection, None) }
    }

    /// Nothing, for one whose cursor this gateway has not reached.
    pub(super) fn lagging(cursor: Cursor) -> Self {
        Self {
            cursor: Some(cursor),
            gap: None,
            more: false,
            envelopes: Vec::new(),
            count: 0,
            places: None,
            newest: None,
            expired: 0,
            complete: false,
            lags: true,
            unchanged: false,
        }
    }

    /// The latest publication of each channel, unpaged.
    pub(super) fn latest(mut self, shard: &Shard, hub: &Hub, question: &Question<'_>) -> Self {
        let selection = question.selection;
        let (now, config) = (Instant::now(), shard.config());
        self.cursor = hub.tip();
        self.expired = hub.expired(selection, now);
        self.unchanged = self.is_known(hub, question.known);
        if !self.unchanged {
            for value in hub.values(selection, now, |channel| config.access.keeps_last(channel)) {
                self.push(&value);
            }
        }
        self
    }

    /// What came after a place, up to the limits or to where a gap is to be told first.
    pub(super) fn after_place(mut self, hub: &Hub, question: &Question<'_>, after: Place) -> Self {
        let selection = question.selection;
        let until = hub.until(selection, after);
        self.more = until < hub.place();
        self.unchanged = self.is_known(hub, question.known);
        let (mut read, mut upto) = (after, until);
        let limit = if self.unchanged { 0 } else { MAX_PUBLICATIONS + 1 };
        for entry in hub.read(selection, after, until, limit) {
            if self.count as usize == MAX_PUBLICATIONS || self.envelopes.len() >= MAX_BYTES {
                (self.more, upto) = (true, read);
                break;
            }
            self.push(&Shown::delivered(entry, selection));
            read = entry.place;
        }
        self.cursor = if upto == hub.place() { hub.tip() } else { hub.cursor_of(upto) };
        self
    }

    /// The cursor as it is told.
    pub(super) fn cursor_text(&self) -> String {
        self.cursor.map_or(String::new(), |cursor| cursor.to_string())
    }

    /// There is nothing to say.
    pub(super) fn is_empty(&self) -> bool {
        self.count == 0 && self.gap.is_none() && !self.more
    }

    fn push(&mut self, shown: &Shown<'_>) {
        if self.count > 0 {
            self.envelopes.push(b',');
        }
        envelope::write(&mut self.envelopes, shown, true);
        self.count += 1;
        self.places.iter_mut().for_each(|places| places.push(shown.entry.place));
    }

    /// What `ETag` says, where it says anything. A page that is not the last says nothing of the
    /// newest publication: with its tag the next answer would be a 304, and the pages between would
    /// never be seen.
    pub(super) fn tag(&self) -> Option<String> {
        if !self.complete || self.more {
            return None;
        }
        Some(match (self.newest, self.expired) {
            (None, _) => "none".to_owned(),
            (Some((_, cursor)), 0) => cursor.to_string(),
            (Some((_, cursor)), expired) => format!("{cursor}.{expired}"),
        })
    }

    /// Whether one of the tags in `If-None-Match` names the newest publication: whoever has it has
    /// all. Compared weakly, and by place where the tags are cursors, since two cursors can mean the
    /// same place.
    fn is_known(&self, hub: &Hub, known: Option<&str>) -> bool {
        let Some(own) = self.tag().filter(|_| self.gap.is_none()) else { return false };
        known.iter().flat_map(|tags| tags.split(',')).any(|tag| {
            let tag = tag.trim();
            let tag = tag.strip_prefix("W/").unwrap_or(tag).trim_matches('"');
            let same_place = || {
                let place = hub.place_of(tag.parse().ok()?)?;
                Some(self.expired == 0 && self.newest.is_some_and(|(newest, _)| newest == place))
            };
            tag == "*" || tag == own || same_place() == Some(true)
        })
    }
}
