//! What has to be published so that what is shown is what the database says.

use publication::Publication;

use crate::shown::Fingerprint;

/// One publication, and what is to be remembered of it.
#[derive(Clone, Debug)]
pub struct Change {
    /// Why.
    pub kind: Kind,
    /// A row as a whole, a result as a whole, or a retraction.
    pub publication: Publication,
    /// What is shown in its channel afterwards; `None` if nothing is.
    pub fingerprint: Option<Fingerprint>,
}

/// Why something is published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It was not shown before, or is another one now.
    Changed,
    /// Its row is gone.
    Retracted,
    /// It is as it was, but so old that it may be forgotten.
    Refreshed,
}

impl Change {
    /// The channel.
    #[must_use]
    pub fn channel(&self) -> &str {
        // A publication has one by construction.
        self.publication.channels().next().unwrap_or_default()
    }
}

impl Kind {
    /// As metrics call it.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Retracted => "retracted",
            Self::Refreshed => "refreshed",
        }
    }
}
