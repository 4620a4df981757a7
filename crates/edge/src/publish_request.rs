//! What a client publishes, on its one-way lane out of the edge.

use publication::{Once, Publication, Published};
use tokio::sync::oneshot;

/// A publication on its way to the broker.
pub struct PublishRequest {
    /// What is to be published.
    pub publication: Publication,
    /// It is to be published only if it was not asked for before by this.
    pub once: Option<Once>,
    /// Where the outcome goes.
    pub reply: oneshot::Sender<Outcome>,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The broker has it.
    Published {
        /// Where.
        published: Published,
        /// It was asked for before, and is not published again.
        before: bool,
    },
    /// It was asked for before, and what became of it is not known yet.
    Underway,
    /// Something else was asked for by the same key before.
    Reused,
    /// The broker refuses it: it is certain that it was not published.
    Refused(String),
    /// The broker did not confirm it.
    Failed(String),
}
