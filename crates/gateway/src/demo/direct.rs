//! Publishing into the broker of this very process.

use broker::{PublishError, Publisher};
use watcher::{Change, Fingerprint, Heard, Outlet, Query};

/// The broker.
pub(super) struct Direct(pub(super) Publisher);

impl Outlet for Direct {
    type Ended = PublishError;

    /// Both begin and end together, so there is nothing to be remembered.
    async fn shown(&self, _query: &Query) -> Result<Vec<(String, Fingerprint)>, PublishError> {
        Ok(Vec::new())
    }

    async fn publish(&self, _query: &Query, changes: &[Change]) -> Result<Heard, PublishError> {
        for change in changes {
            self.0.publish(change.publication.clone()).await?;
        }
        Ok(Heard::Yes)
    }
}
