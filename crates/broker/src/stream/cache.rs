//! Parts of the stream that were read back, for others who ask for the same.

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use publication::{Cursor, Excerpt};

/// A part is kept for so long at least; who looks as often as this keeps none twice as long.
pub(super) const KEPT_FOR: Duration = Duration::from_secs(10);
/// So many bytes of publications; the parts that were read first go.
const MAX_BYTES: usize = 16 * 1024 * 1024;

#[derive(Default)]
pub(super) struct Cache(VecDeque<(Instant, Arc<Excerpt>)>);

impl Cache {
    /// The part of this epoch that holds what comes right after a place.
    pub(super) fn find(&self, place: Cursor, epoch: u64) -> Option<Arc<Excerpt>> {
        let found = self.0.iter().find(|(_, excerpt)| excerpt.epoch == epoch && holds(excerpt, place));
        found.map(|(_, excerpt)| Arc::clone(excerpt))
    }

    /// Keeps a part, but not that there was nothing: that holds for a moment only.
    pub(super) fn keep(&mut self, excerpt: Excerpt) -> Arc<Excerpt> {
        let excerpt = Arc::new(excerpt);
        if !excerpt.publications.is_empty() {
            self.0.push_back((Instant::now(), Arc::clone(&excerpt)));
        }
        while self.0.len() > 1 && self.bytes() > MAX_BYTES {
            self.0.pop_front();
        }
        excerpt
    }

    /// Gives back what is too old.
    pub(super) fn forget(&mut self) {
        self.0.retain(|(at, _)| at.elapsed() < KEPT_FOR);
    }

    fn bytes(&self) -> usize {
        self.0.iter().map(|(_, excerpt)| excerpt.bytes()).sum()
    }
}

/// Whether a part holds what comes right after a place.
fn holds(excerpt: &Excerpt, place: Cursor) -> bool {
    // Of the oldest part it is enough to say that there is nothing before it.
    (excerpt.reaches_start || excerpt.after.on_stream() <= place.on_stream())
        && place.on_stream() < Cursor::After(excerpt.upto).on_stream()
}
