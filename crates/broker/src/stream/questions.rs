//! How the stream is asked for what comes next: how many entries at once, and whether twice.

use std::time::{Duration, Instant};

use publication::EntryId;

use super::entry_size::EntrySize;
use crate::{connection::Connection, link_error::LinkError};

/// How long a question waits for entries.
pub(super) const BLOCK: Duration = Duration::from_millis(400);
/// Entries of one answer at most and, however large they are, at least.
pub(super) const MAX_ENTRIES: usize = 1_000;
const MIN_ENTRIES: usize = 8;
/// What a batch is to have, in bytes: batches wait in queues.
const BATCH_BYTES: usize = 1024 * 1024;
/// Entries of one answer from which on a second question is not worth its while.
const MANY_ENTRIES: usize = 64;

/// Where answers come faster than this, for so many in a row, questions are put no faster.
const PAUSE: Duration = Duration::from_millis(2);
const SWIFT_ANSWERS: u32 = 16;

/// What earlier answers were like.
pub(super) struct Questions {
    /// The last one held a few entries: the next one is likely to as well.
    bursts: bool,
    /// How many answers have come at once, one after the other.
    swift: u32,
    asked_at: Instant,
    entry_size: EntrySize,
}

impl Default for Questions {
    fn default() -> Self {
        Self { bursts: false, swift: 0, asked_at: Instant::now(), entry_size: EntrySize::guess(1_024) }
    }
}

impl Questions {
    /// Redis answers a question that waits with the first entry of a burst alone, however many
    /// commands it has read. Where bursts come, two are therefore asked at once: one that waits, and
    /// one that Redis answers right after all that it has read, in the same write. So a burst costs
    /// one question instead of two, and for its first entry to come twice.
    pub(super) async fn ask(
        &mut self,
        connection: &mut Connection,
        key: &str,
        position: EntryId,
    ) -> Result<(), LinkError> {
        self.asked_at = Instant::now();
        let (all, block) = (self.limit().to_string(), BLOCK.as_millis().to_string());
        let position = &*position.to_string();
        let first = if self.asked() == 2 { "1" } else { &*all };
        let waiting = ["XREAD", "COUNT", first, "BLOCK", &block, "STREAMS", key, position];
        let following = ["XREAD", "COUNT", &all, "STREAMS", key, position];
        let questions: [&[&str]; 2] = [&waiting, &following];
        connection.send_all(&questions[..self.asked()]).await
    }

    /// How many questions are asked at once.
    pub(super) fn asked(&self) -> usize {
        if self.bursts && !self.is_busy() { 2 } else { 1 }
    }

    /// How long to wait before the next question. Where hundreds of answers come in a second, one that
    /// comes a little later is worth several: a question costs Redis and us as much as dozens of entries.
    pub(super) fn pause(&self) -> Option<Duration> {
        self.is_busy().then(|| PAUSE.saturating_sub(self.asked_at.elapsed()))
    }

    fn is_busy(&self) -> bool {
        self.swift >= SWIFT_ANSWERS
    }

    /// So many entries at once.
    pub(super) fn limit(&self) -> usize {
        self.entry_size.fit(BATCH_BYTES).clamp(MIN_ENTRIES, MAX_ENTRIES)
    }

    /// Learns from what all of them brought together.
    pub(super) fn learn(&mut self, count: usize, bytes: usize) {
        self.bursts = (2..MANY_ENTRIES).contains(&count);
        // Whoever is behind must not wait.
        let is_swift = count < self.limit() && self.asked_at.elapsed() < PAUSE;
        self.swift = if is_swift { self.swift.saturating_add(1) } else { 0 };
        self.learn_size(count, bytes);
    }

    /// Learns how large entries are.
    pub(super) fn learn_size(&mut self, count: usize, bytes: usize) {
        self.entry_size.learn(count, bytes);
    }
}
