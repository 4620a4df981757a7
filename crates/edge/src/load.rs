//! How many connections a shard holds, so that the acceptor can choose the emptiest.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// One connection's share of a shard's load, from the moment it is handed over until it is dropped.
pub(crate) struct Load(Arc<AtomicUsize>);

impl Load {
    pub(crate) fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(count))
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
