//! Where broker and edge meet: every batch, all news of presence and every directive goes to every shard.

use std::sync::Arc;

use broker::{DirectiveOutlet, NewsOutlet, Outlet};
use publication::{Batch, Directive, News};
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

/// The lanes by which the shards hear what is to be done with sessions.
pub(crate) struct Marshal(pub(crate) Vec<mpsc::Sender<Arc<Directive>>>);

impl DirectiveOutlet for Marshal {
    async fn pass(&mut self, directive: Directive) -> bool {
        let directive = Arc::new(directive);
        for shard in &self.0 {
            if shard.send(Arc::clone(&directive)).await.is_err() {
                return false;
            }
        }
        true
    }
}
