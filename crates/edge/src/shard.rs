//! What the tasks of one shard share: its sessions, and the ends of its lanes.

use std::{cell::RefCell, rc::Rc};

use tokio::sync::{Notify, mpsc, watch};

use crate::{
    config::Config, fetch::Fetching, metrics::Metrics, phase::Phase, publish_request::PublishRequest,
    sessions::Sessions,
};

/// The shared state of a shard, all on its thread.
pub(crate) struct Shard {
    pub(crate) config: Rc<Config>,
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
