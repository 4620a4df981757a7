//! What a client publishes, on its one-way lane out of the edge.

use publication::{Cursor, Publication};
use tokio::sync::oneshot;

/// A publication on its way to the broker.
pub struct PublishRequest {
    /// What is to be published.
    pub publication: Publication,
    /// Where the outcome goes.
    pub reply: oneshot::Sender<Outcome>,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It stands at this cursor.
    At(Cursor),
    /// It was passed on to so many subscribers of the broker.
    Subscribers(u64),
    /// The broker did not take it.
    Failed(String),
}
