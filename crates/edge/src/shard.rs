//! What the tasks of one shard share: its sessions, and the ends of its lanes.

use std::{cell::RefCell, sync::Arc};

use tokio::sync::{Notify, mpsc, watch};

use crate::{
    config::Config, fetch::Fetching, metrics::Metrics, phase::Phase, publish_request::PublishRequest,
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
    pub(crate) fetch: Fetching,
    pub(crate) phase: watch::Receiver<Phase>,
    /// The order went on: who waits for a cursor looks again.
    pub(crate) moved: Notify,
    /// A session came: the loop has something to do.
    pub(crate) stirred: Notify,
}

impl Shard {
    /// The settings in force. Who judges a request by several of them takes them once: a reload may
    /// come between two looks.
    pub(crate) fn config(&self) -> Arc<Config> {
        Arc::clone(&self.config.borrow())
    }

    /// Goes on with other settings.
    pub(crate) fn reconfigure(&self, config: &Arc<Config>) {
        self.sessions.borrow_mut().reconfigure(Arc::clone(config));
        self.config.replace(Arc::clone(config));
    }
}
