//! Keys that are not known yet are asked for through a one-way lane out of the edge.

use std::{sync::Arc, time::Duration};

use identity::Keyring;
use tokio::{sync::oneshot, time::timeout};

use crate::{close::CloseReason, respond::Refusal, shard::Shard};

/// The longest wait for an answer.
const PATIENCE: Duration = Duration::from_secs(6);

/// A token is signed with a key that its issuer may have said at its URL since.
pub struct KeysRequest {
    /// The URL.
    pub url: String,
    /// Where all keys go, those included if there are such; dropped if that cannot be told now.
    pub reply: oneshot::Sender<Arc<Keyring>>,
}

/// All keys, with what is known by now at this URL.
///
/// # Errors
/// That cannot be told now.
pub(super) async fn ask(shard: &Shard, url: String) -> Result<Arc<Keyring>, Refusal> {
    let (reply, keyring) = oneshot::channel();
    let asked = async {
        // Whoever invents names of keys must not hold others up.
        shard.keys.try_send(KeysRequest { url, reply }).ok()?;
        keyring.await.ok()
    };
    let told = timeout(PATIENCE, asked).await.ok().flatten();
    told.ok_or_else(|| Refusal::closed(CloseReason::AuthUnavailable))
}
