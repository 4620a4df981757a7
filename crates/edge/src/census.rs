//! How many sessions all shards hold together, against the maximum.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// Counts sessions; cloning shares the count.
#[derive(Clone)]
pub struct Census {
    count: Arc<AtomicUsize>,
    max: usize,
}

/// The right of one session to be here, given back when dropped.
pub(crate) struct Permit(Arc<AtomicUsize>);

impl Census {
    pub(crate) fn new(max: usize) -> Self {
        Self { count: Arc::default(), max }
    }

    /// A permit, if there is one left.
    pub(crate) fn admit(&self) -> Option<Permit> {
        let within = |count| (count < self.max).then_some(count + 1);
        self.count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, within).ok()?;
        Some(Permit(Arc::clone(&self.count)))
    }

    /// Sessions now.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
