//! The one-way lanes out of the edge.

use publication::{Revocations, Roll};
use tokio::sync::mpsc;

use crate::{
    auth::{AskRequest, KeysRequest},
    fetch::FetchRequest,
    operator::OperatorRequest,
    presence::PresenceRequest,
    publish_request::PublishRequest,
};

/// Where what the shards cannot do themselves goes; cloning shares the lanes.
#[derive(Clone)]
pub struct Lanes {
    /// What clients publish.
    pub publish: mpsc::Sender<PublishRequest>,
    /// Who is in a channel?
    pub presence: mpsc::Sender<PresenceRequest>,
    /// What memory no longer holds.
    pub fetch: mpsc::Sender<FetchRequest>,
    /// Whom do cookies belong to?
    pub ask: mpsc::Sender<AskRequest>,
    /// Keys that are not known yet.
    pub keys: mpsc::Sender<KeysRequest>,
    /// What operators want of all shards.
    pub operate: mpsc::Sender<OperatorRequest>,
    /// Who is present through this gateway, and who wants to know.
    pub roll: Roll,
    /// Tokens that count no longer.
    pub revocations: Revocations,
}
