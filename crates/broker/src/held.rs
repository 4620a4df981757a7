//! How much may be held back in memory while it is not yet known what becomes of it.

/// Things held back at most, and their bytes.
const MAX_HELD: usize = 100_000;
const MAX_HELD_BYTES: usize = 64 * 1024 * 1024;

/// Counts what is held back.
#[derive(Default)]
pub(crate) struct Held {
    count: usize,
    bytes: usize,
}

impl Held {
    /// One thing more; what is no publication has no bytes to speak of.
    pub(crate) fn add(&mut self, bytes: usize) {
        self.count += 1;
        self.bytes += bytes;
    }

    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// Nothing more can be held back.
    pub(crate) fn is_full(&self) -> bool {
        self.count >= MAX_HELD || self.bytes >= MAX_HELD_BYTES
    }
}
