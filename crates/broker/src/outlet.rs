//! Where the broker's batches go.

use std::future::Future;

use publication::Batch;

/// Takes batches in order. The broker reads on only when the last one has been taken: a slow
/// receiver slows the reading, and nothing is dropped.
pub trait Outlet: Send + 'static {
    /// Takes a batch; false if nobody is there any more.
    fn deliver(&mut self, batch: Batch) -> impl Future<Output = bool> + Send;
}
