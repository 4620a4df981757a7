//! Frames, joined, and how far a reader is that wrote some of their bytes.

use hub::{AudienceKey, Hub, Place, Shown};

use crate::encoding::Encoding;

/// A page ends with the frame that reaches this many bytes.
pub(super) const PAGE_BYTES: usize = 64 * 1024;
/// Publications looked up for a page at once.
const PAGE_ENTRIES: usize = 512;

/// The frames after one place and up to another.
#[derive(Default)]
pub(crate) struct Page {
    pub(super) after: Place,
    pub(super) upto: Place,
    pub(super) bytes: Vec<u8>,
    /// Where each frame ends.
    pub(super) ends: Vec<(Place, u32)>,
    /// Somebody read it since the last sweep.
    pub(super) used: bool,
}

impl Page {
    /// Empties it; it begins after this place.
    pub(super) fn restart(&mut self, after: Place) {
        self.after = after;
        self.upto = after;
        self.bytes.clear();
        self.ends.clear();
    }

    /// Adds what the audience has up to `until`, or as much of it as fills the page.
    pub(super) fn extend(&mut self, hub: &Hub, audience: AudienceKey, until: Place) {
        let Some((selection, encoding)) = hub.audience(audience) else { return };
        let encoding = Encoding::from_number(encoding);
        while self.upto < until && self.bytes.len() < PAGE_BYTES {
            let entries = hub.read(selection, self.upto, until, PAGE_ENTRIES);
            let all = entries.len() < PAGE_ENTRIES;
            for entry in entries {
                if self.bytes.len() >= PAGE_BYTES {
                    return;
                }
                self.push(&Shown::delivered(entry, selection), encoding, true);
            }
            if all {
                self.upto = until;
            }
        }
    }

    /// Adds a publication.
    pub(super) fn push(&mut self, shown: &Shown<'_>, encoding: Encoding, with_id: bool) {
        encoding.write_publication(&mut self.bytes, shown, with_id);
        let place = shown.entry.place;
        self.upto = place;
        // A page of a tape or of values has a bound and one frame beyond it, one of latest publications
        // is as much as the hub keeps: less than 4 GiB.
        self.ends.push((place, u32::try_from(self.bytes.len()).unwrap_or(u32::MAX)));
    }

    /// All up to here is in this page or before it.
    pub(crate) fn upto(&self) -> Place {
        self.upto
    }

    /// The bytes after `place`.
    pub(crate) fn after(&self, place: Place) -> &[u8] {
        &self.bytes[self.start(place)..]
    }

    /// The bytes after `place` and up to `upto`.
    pub(crate) fn between(&self, place: Place, upto: Place) -> &[u8] {
        &self.bytes[self.start(place)..self.start(upto)]
    }

    /// How far a reader is that has written `count` bytes from `place` on: the place, the frames
    /// up to there, and the rest of a frame that was cut.
    pub(crate) fn progress(&self, place: Place, count: usize) -> Progress<'_> {
        let first = self.ends.partition_point(|(end, _)| *end <= place);
        let written = self.start(place) + count;
        let whole = self.ends.partition_point(|(_, end)| *end as usize <= written);
        let frames = whole.saturating_sub(first);
        if written == self.bytes.len() {
            return Progress { place: self.upto, frames, cut: &[] };
        }
        let begin = whole.checked_sub(1).map_or(0, |last| self.ends[last].1 as usize);
        let Some((cut_place, end)) = self.ends.get(whole).filter(|_| written > begin) else {
            let place = whole.checked_sub(1).map_or(place, |last| self.ends[last].0.max(place));
            return Progress { place, frames, cut: &[] };
        };
        Progress { place: *cut_place, frames, cut: &self.bytes[written..*end as usize] }
    }

    /// The place of the first frame after `place`.
    pub(crate) fn first_after(&self, place: Place) -> Option<Place> {
        self.ends.get(self.ends.partition_point(|(end, _)| *end <= place)).map(|(first, _)| *first)
    }

    /// The places of the frames after `place` and up to `upto`.
    pub(crate) fn places(&self, place: Place, upto: Place) -> Vec<Place> {
        let (first, beyond) = (
            self.ends.partition_point(|(end, _)| *end <= place),
            self.ends.partition_point(|(end, _)| *end <= upto),
        );
        self.ends[first..beyond.max(first)].iter().map(|(place, _)| *place).collect()
    }

    fn start(&self, place: Place) -> usize {
        let before = self.ends.partition_point(|(end, _)| *end <= place);
        before.checked_sub(1).map_or(0, |last| self.ends[last].1 as usize)
    }
}

/// What a write has reached.
pub(crate) struct Progress<'a> {
    /// All up to here is written, once `cut` is.
    pub(crate) place: Place,
    /// Whole frames written.
    pub(crate) frames: usize,
    /// What is missing of the last frame.
    pub(crate) cut: &'a [u8],
}
