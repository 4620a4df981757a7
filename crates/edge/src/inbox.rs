//! What the broker has for a shard, taken as far as history has room for it.

use std::sync::Arc;

use publication::Batch;
use tokio::sync::mpsc;

use crate::sessions::Sessions;

/// The receiving end of a shard's lane from the broker.
pub(crate) struct Inbox {
    batches: mpsc::Receiver<Arc<Batch>>,
    /// The batch that is next, and how many of its arrivals have been taken.
    begun: Option<(Arc<Batch>, usize)>,
}

impl Inbox {
    pub(crate) fn new(batches: mpsc::Receiver<Arc<Batch>>) -> Self {
        Self { batches, begun: None }
    }

    /// Waits until there is something to take. False if nothing will ever come again.
    pub(crate) async fn wait(&mut self) -> bool {
        if self.begun.is_none() {
            self.begun = self.batches.recv().await.map(|batch| (batch, 0));
        }
        self.begun.is_some()
    }

    /// Gives the sessions what there is, for as long as they have room. Returns whether there was
    /// anything.
    pub(crate) fn drain_into(&mut self, sessions: &mut Sessions) -> bool {
        let mut taken = false;
        while sessions.has_room()
            && let Some((batch, from)) = self.next()
        {
            let upto = sessions.append(&batch, from);
            if upto < batch.arrivals.len() {
                self.begun = Some((batch, upto));
            }
            taken = true;
        }
        taken
    }

    fn next(&mut self) -> Option<(Arc<Batch>, usize)> {
        self.begun.take().or_else(|| Some((self.batches.try_recv().ok()?, 0)))
    }
}
