//! Where broker and edge meet: every batch goes into every shard's inbox.

use std::sync::Arc;

use broker::Outlet;
use publication::Batch;
use tokio::sync::mpsc;

/// The inboxes of all shards.
pub(crate) struct Pump(pub(crate) Vec<mpsc::Sender<Arc<Batch>>>);

impl Outlet for Pump {
    async fn deliver(&mut self, batch: Batch) -> bool {
        let batch = Arc::new(batch);
        for inbox in &self.0 {
            if inbox.send(Arc::clone(&batch)).await.is_err() {
                return false;
            }
        }
        true
    }
}
