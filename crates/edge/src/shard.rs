//! What the tasks of one shard share: its sessions, and the ends of its lanes.

use std::{
    cell::{Cell, RefCell},
    sync::Arc,
};

use publication::Revocations;
use tokio::sync::{Notify, mpsc, watch};

use crate::{
    auth::{AskRequest, KeysRequest},
    config::Config,
    fetch::Fetching,
    metrics::Metrics,
    operator::OperatorRequest,
    phase::Phase,
    presence::PresenceRequest,
    publish_request::PublishRequest,
    sessions::Sessions,
};

/// The shared state of a shard, all on its thread.
pub(crate) struct Shard {
    /// What is in force; see [`Shard::config`].
    pub(crate) config: RefCell<Arc<Config>>,
    pub(crate) metrics: Metrics,
    /// Borrowed for short, synchronous work only, never across an await.
    pub(crate) sessions: RefCell<Sessions>,
    pub(crate) publish: mpsc::Sender<PublishRequest>,
    pub(crate) presence: mpsc::Sender<PresenceRequest>,
    pub(crate) fetch: Fetching,
    pub(crate) ask: mpsc::Sender<AskRequest>,
    pub(crate) keys: mpsc::Sender<KeysRequest>,
    pub(crate) operate: mpsc::Sender<OperatorRequest>,
    pub(crate) revocations: Revocations,
    pub(crate) phase: watch::Receiver<Phase>,
    /// To be told once when cursors can be given out.
    pub(crate) warm: Cell<Option<watch::Sender<usize>>>,
    /// The order went on: who waits for a cursor looks again.
    pub(crate) moved: Notify,
    /// A session came: the loop has something to do.
    pub(crate) stirred: Notify,
    /// Sessions have been served: who waits for one to have read all looks again.
    pub(crate) turned: Notify,
}

impl Shard {
    /// The settings in force. Who judges a request by several of them takes them once: a reload may
    /// come between two looks.
    pub(crate) fn config(&self) -> Arc<Config> {
        Arc::clone(&self.config.borrow())
    }

    /// Tells the edge once that cursors can be given out.
    pub(crate) fn tell_if_warm(&self) {
        if self.sessions.borrow().hub.is_warm()
            && let Some(warm) = self.warm.take()
        {
            warm.send_modify(|shards| *shards += 1);
        }
    }

    /// Goes on with other settings.
    pub(crate) fn reconfigure(&self, config: &Arc<Config>) {
        self.sessions.borrow_mut().reconfigure(Arc::clone(config));
        self.config.replace(Arc::clone(config));
    }
}
