//! The channel rules as the broker asks for them, which a reload replaces.

use std::sync::Arc;

use arc_swap::ArcSwap;
use edge::Access;

/// The rules in force; cloning shares them. The broker asks for every publication, so a look takes no
/// lock.
#[derive(Clone)]
pub(crate) struct Rules(Arc<ArcSwap<Access>>);

impl Rules {
    pub(crate) fn new(access: Access) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(access)))
    }

    /// Other rules from now on.
    pub(crate) fn replace(&self, access: Access) {
        self.0.store(Arc::new(access));
    }

    /// What the broker takes.
    pub(crate) fn for_broker(&self, max_data_bytes: usize) -> broker::Rules {
        let access = Arc::clone(&self.0);
        let takes_json = Arc::new(move |channel: &str| access.load().takes_json(channel));
        broker::Rules { max_data_bytes, takes_json }
    }
}
