//! Reading a range of the order: what polls, catching up and live delivery have in common.

use std::time::Instant;

use publication::Cursor;

use super::Hub;
use crate::{
    chart::Located,
    gap::{Gap, GapReason},
    history::Entry,
    place::Place,
    selection::Selection,
    shown::Shown,
};

/// What a reader that comes with a cursor is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beginning {
    /// Read what comes after this place; a gap is to be told first, if there is one.
    At(Place, Option<Gap>),
    /// Wait a moment: the cursor may become known.
    Ahead,
    /// Have what comes after this cursor read back and lent to the hub, and ask again.
    Fetch(Cursor),
}

/// Where what comes after a place is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// Memory holds all that the reader's channels had since.
    Memory,
    /// A part of the stream that was read back, up to this place.
    Excerpt(Place),
    /// The stream may hold it.
    Stream,
    /// It is lost.
    Nowhere,
}

impl Hub {
    /// Where a reader of `selection` with this cursor begins.
    #[must_use]
    pub fn begin(&self, selection: &Selection, cursor: Cursor) -> Beginning {
        let (place, gap) = match self.locate(cursor) {
            Located::Ahead => return Beginning::Ahead,
            Located::Unknown => {
                let gap = self.unknown_cursor(Some(cursor));
                return Beginning::At(gap.resume, Some(gap));
            }
            Located::Foreign(place) => (place, Some(self.foreign_cursor(place))),
            Located::At(place) => match self.source(place, self.has_lost_of(selection, place)) {
                Source::Nowhere => (place, Some(self.trimmed(place))),
                Source::Stream => return Beginning::Fetch(place.stream_cursor()),
                Source::Memory | Source::Excerpt(_) => (place, self.break_at(place)),
            },
        };
        let begin = gap.map_or(place, |gap| gap.resume);
        match self.source(begin, self.has_lost_of(selection, begin)) {
            Source::Stream => Beginning::Fetch(begin.stream_cursor()),
            _ => Beginning::At(begin, gap),
        }
    }

    /// What a cursor means now.
    pub(super) fn locate(&self, cursor: Cursor) -> Located {
        match self.chart.locate(cursor, self.tip) {
            Located::At(place) if self.is_foreign(place) => Located::Foreign(place),
            located => located,
        }
    }

    /// Whether this is the place of an entry that the stream does not hold, though memory holds all
    /// around it.
    fn is_foreign(&self, place: Place) -> bool {
        self.chart.is_stream() && place != self.tip && !place.is_loss() && self.history.lacks(place)
    }

    /// Where what comes after `place` is found, for a reader of whose channels memory has `lost`
    /// something after it, or not.
    pub(super) fn source(&self, place: Place, lost: bool) -> Source {
        if !lost {
            return Source::Memory;
        }
        match self.excerpts.upto(place) {
            Some(upto) => Source::Excerpt(upto),
            None if !self.chart.is_stream() || place < self.excerpts.oldest() => Source::Nowhere,
            None => Source::Stream,
        }
    }

    fn has_lost_of(&self, selection: &Selection, place: Place) -> bool {
        self.earliest() > place && self.channels.lost_after(selection, place) > place
    }

    /// The place before everything that history holds.
    #[must_use]
    pub fn earliest(&self) -> Place {
        self.history.oldest().map_or(self.tip, |entry| entry.place.before())
    }

    /// Up to where a reader of `selection` at `place` can go before it has to look again.
    #[must_use]
    pub fn until(&self, selection: &Selection, place: Place) -> Place {
        self.reach(place, self.source(place, self.has_lost_of(selection, place)))
    }

    /// Up to where a reader at `place` can go: to a break, or to the end of what it reads from.
    pub(super) fn reach(&self, place: Place, source: Source) -> Place {
        let end = self.history.break_after(place).map_or(self.tip, |at| at.place.before());
        match source {
            Source::Excerpt(upto) => end.min(upto),
            Source::Memory | Source::Stream | Source::Nowhere => end,
        }
    }

    /// The gap that lies right after `place`, if there is one.
    #[must_use]
    pub fn break_at(&self, place: Place) -> Option<Gap> {
        let at = self.history.break_after(place).filter(|at| at.place.before() <= place)?;
        let cursor = Some(at.cursor);
        Some(Gap { reason: GapReason::BrokerLost, after: at.after, resume: at.place, cursor })
    }

    /// The gap of a reader whose cursor this gateway cannot place: it goes on at the tip.
    #[must_use]
    pub fn unknown_cursor(&self, cursor: Option<Cursor>) -> Gap {
        Gap { reason: GapReason::UnknownCursor, after: cursor, resume: self.tip, cursor: self.tip() }
    }

    /// The gap of a reader whose cursor names an entry that the stream does not hold: all that comes
    /// after its place is here, but what came after it in its own stream may be lost.
    pub(super) fn foreign_cursor(&self, place: Place) -> Gap {
        let (after, resume) = (self.cursor_of(place), place.next());
        Gap { reason: GapReason::UnknownCursor, after, resume, cursor: self.cursor_of(resume) }
    }

    /// The gap of a known cursor whose channels lost something after it: it goes on with the oldest
    /// that is held.
    pub(super) fn trimmed(&self, place: Place) -> Gap {
        let resume = if self.chart.is_stream() { self.excerpts.oldest() } else { self.earliest() };
        let (after, cursor) = (self.cursor_of(place), self.cursor_of(resume));
        Gap { reason: GapReason::Trimmed, after, resume, cursor }
    }

    /// The publications of `selection` after `after` and up to `until`, at most `limit`, in order.
    ///
    /// Several single channels are merged; with a prefix among them, history is walked.
    #[must_use]
    pub fn read(&self, selection: &Selection, after: Place, until: Place, limit: usize) -> Vec<&Entry> {
        if after < self.earliest()
            && let Some(entries) = self.excerpts.read(after, until)
        {
            let wanted = |entry: &&Entry| selection.shown(&entry.publication).is_some();
            return entries.iter().filter(wanted).take(limit).collect();
        }
        let start = self.history.slot_after(after);
        let within = |entry: &&Entry| entry.place <= until;
        if !selection.prefixes().is_empty() {
            let wanted = |entry: &&Entry| selection.shown(&entry.publication).is_some();
            return self.history.since_slot(start).take_while(within).filter(wanted).take(limit).collect();
        }
        let mut slots = Vec::new();
        for name in selection.channels() {
            let Some(channel) = self.channels.get(name) else { continue };
            let first = channel.held.partition_point(|slot| *slot < start);
            slots.extend(channel.held.range(first..).take(limit));
        }
        if selection.channels().len() > 1 {
            slots.sort_unstable();
            slots.dedup();
        }
        slots.iter().filter_map(|slot| self.history.get(*slot)).take_while(within).take(limit).collect()
    }

    /// The latest publication of each channel of the selection, in order, each once.
    #[must_use]
    pub fn latest(&self, selection: &Selection) -> Vec<&Entry> {
        self.channels.latest(selection)
    }

    /// The values of those channels of the selection that `keeps` names: their latest publications,
    /// unless retracted or expired; in order, each once, under the first channel whose value it is.
    #[must_use]
    pub fn values(
        &self,
        selection: &Selection,
        now: Instant,
        keeps: impl Fn(&str) -> bool,
    ) -> Vec<Shown<'_>> {
        self.channels.values(selection, now, keeps)
    }

    /// How many channels of the selection had a value that has expired.
    #[must_use]
    pub fn expired(&self, selection: &Selection, now: Instant) -> usize {
        self.channels.expired(selection, now)
    }

    /// The newest publication of the selection.
    #[must_use]
    pub fn newest(&self, selection: &Selection) -> Option<&Entry> {
        self.channels.newest(selection)
    }
}
