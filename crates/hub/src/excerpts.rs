//! Parts of a stream that were read back, lent to this shard for readers whom memory has left behind.

use std::{cell::Cell, collections::VecDeque};

use publication::Excerpt;

use crate::{
    history::{Entry, NO_CHANNEL},
    place::Place,
};

/// Held at once at most, and their bytes. Readers of others take turns.
const MAX_EXCERPTS: usize = 32;
const MAX_EXCERPT_BYTES: usize = 16 * 1024 * 1024;

/// One part, without holes.
struct Part {
    after: Place,
    upto: Place,
    entries: Vec<Entry>,
    bytes: usize,
    /// Somebody read it since the last tick.
    used: Cell<bool>,
}

#[derive(Default)]
pub(crate) struct Excerpts {
    parts: VecDeque<Part>,
    /// Before this place the stream holds nothing any more.
    oldest: Place,
}

impl Excerpts {
    /// Takes a part in; the one that came first goes when there are too many. From `earliest` on
    /// memory holds everything.
    pub(crate) fn lend(&mut self, excerpt: &Excerpt, earliest: Place) {
        let Some(after) = Place::on_stream(excerpt.after) else { return };
        if excerpt.reaches_start {
            self.oldest = self.oldest.max(after.min(earliest));
        }
        let entries: Vec<_> = excerpt
            .publications
            .iter()
            .map(|(id, publication)| {
                let place = Place::of(*id);
                let publication = publication.clone();
                Entry { place, cursor: place.stream_cursor(), publication, channel: NO_CHANNEL }
            })
            .collect();
        let bytes = entries.iter().map(Entry::cost).sum();
        let part = Part { after, upto: Place::of(excerpt.upto), entries, bytes, used: Cell::new(true) };
        self.parts.push_back(part);
        while self.parts.len() > 1 && (self.parts.len() > MAX_EXCERPTS || self.bytes() > MAX_EXCERPT_BYTES) {
            self.parts.pop_front();
        }
    }

    /// Where what the stream still holds begins, as far as is known.
    pub(crate) fn oldest(&self) -> Place {
        self.oldest
    }

    /// How far a reader at `after` can go on, if a part holds what comes next.
    pub(crate) fn upto(&self, after: Place) -> Option<Place> {
        self.part(after).map(|part| part.upto)
    }

    /// What comes after `after`, if one part holds it all up to `until`.
    pub(crate) fn read(&self, after: Place, until: Place) -> Option<&[Entry]> {
        let part = self.part(after).filter(|part| until <= part.upto)?;
        part.used.set(true);
        let first = part.entries.partition_point(|entry| entry.place <= after);
        let last = part.entries.partition_point(|entry| entry.place <= until);
        part.entries.get(first..last)
    }

    /// Forgets all, as when the stream is another one.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Gives back what nobody has read since the last tick.
    pub(crate) fn tick(&mut self) {
        self.parts.retain(|part| part.used.take());
    }

    fn part(&self, after: Place) -> Option<&Part> {
        let holding = self.parts.iter().filter(|part| part.after <= after && after < part.upto);
        holding.max_by_key(|part| part.upto)
    }

    fn bytes(&self) -> usize {
        self.parts.iter().map(|part| part.bytes).sum()
    }
}
