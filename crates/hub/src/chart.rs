//! Turns cursors into places and back, whichever way the broker orders publications.

use std::time::{Duration, Instant};

use publication::Cursor;

use crate::{beacons::Beacons, place::Place};

/// What a cursor means to this gateway, now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Located {
    At(Place),
    /// There, but what it names is not in the stream: it comes from another one, or from an end of
    /// this one that is lost.
    Foreign(Place),
    /// Perhaps another gateway is a moment ahead: what it counts from, or counts up to, may yet come.
    Ahead,
    Unknown,
}

/// How cursors and places belong together.
#[derive(Default)]
pub(crate) struct Chart {
    /// Where places are counted: from which beacons.
    pub(crate) beacons: Beacons,
    /// How many times a stream has been begun with; on a stream a cursor is a place.
    epoch: u64,
    /// What the stream holds has come.
    warm: bool,
}

impl Chart {
    /// What follows are entries of a stream, or of another one than before.
    pub(crate) fn begin_stream(&mut self, epoch: u64) {
        (self.epoch, self.warm) = (epoch, false);
    }

    /// What the stream holds has come.
    pub(crate) fn set_warm(&mut self) {
        self.warm = true;
    }

    /// Whether cursors can be given out.
    pub(crate) fn is_warm(&self) -> bool {
        self.warm || (!self.is_stream() && self.beacons.len() > 0)
    }

    /// How many times a stream has been begun with.
    pub(crate) fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Whether what memory no longer holds may be read back.
    pub(crate) fn is_stream(&self) -> bool {
        self.epoch > 0
    }

    /// The cursor of the newest place; `None` while none can be given out.
    pub(crate) fn tip(&self, tip: Place) -> Option<Cursor> {
        if self.is_stream() { Some(tip.stream_cursor()) } else { self.beacons.tip(tip) }
    }

    /// The cursor of any place that one is known for.
    pub(crate) fn cursor_of(&self, place: Place) -> Option<Cursor> {
        if self.is_stream() { Some(place.stream_cursor()) } else { self.beacons.cursor_of(place) }
    }

    /// Where `cursor` is, when `tip` is the newest place.
    pub(crate) fn locate(&self, cursor: Cursor, tip: Place) -> Located {
        match (cursor, Place::on_stream(cursor)) {
            (Cursor::Counted { beacon, number }, _) if !self.is_stream() => {
                self.beacons.locate(beacon, number, tip)
            }
            (_, Some(place)) if self.is_stream() && place <= tip => Located::At(place),
            (_, Some(_)) if self.is_stream() => Located::Ahead,
            _ => Located::Unknown,
        }
    }

    /// Forgets what is older than `keep_for`.
    pub(crate) fn tick(&mut self, now: Instant, tip: Place, keep_for: Duration) {
        if !self.is_stream() {
            self.beacons.tick(now, tip, keep_for);
        }
    }
}
