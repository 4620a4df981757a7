//! How many times the stream has been begun with.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// Counted by the tail and looked at by the archive; cloning shares the count. The hubs count for
/// themselves, by the arrivals that say so.
#[derive(Clone, Default)]
pub(crate) struct Epoch(Arc<AtomicU64>);

impl Epoch {
    /// Another one begins; returns which.
    pub(super) fn begin(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Release) + 1
    }

    pub(super) fn now(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }
}
