//! Where broker and edge meet: every batch, and all news of presence, goes to every shard.

use std::sync::Arc;

use broker::{NewsOutlet, Outlet};
use publication::{Batch, News};
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

/// The lanes by which the shards hear who is present.
pub(crate) struct Herald(pub(crate) Vec<mpsc::Sender<Arc<[News]>>>);

impl NewsOutlet for Herald {
    async fn tell(&mut self, news: Vec<News>) -> bool {
        let news: Arc<[News]> = news.into();
        for shard in &self.0 {
            if shard.send(Arc::clone(&news)).await.is_err() {
                return false;
            }
        }
        true
    }
}
