//! What a backend has done with the sessions of somebody.

use crate::{pattern::Pattern, revocations::Revocation};

/// What is to be done, on every gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Directive {
    /// A token, or all tokens of a subject up to now, count no longer.
    Revoke(Revocation),
    /// The sessions of a subject end; they may come back.
    Disconnect {
        /// Whose.
        subject: Box<str>,
    },
    /// The sessions of a subject read these channels too from now on.
    Subscribe {
        /// Whose.
        subject: Box<str>,
        /// Which.
        channels: Vec<Pattern>,
    },
    /// The sessions of a subject no longer read these channels.
    Unsubscribe {
        /// Whose.
        subject: Box<str>,
        /// Which.
        channels: Vec<Pattern>,
    },
}

impl Directive {
    /// The word for what it does.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Revoke(_) => "revoke",
            Self::Disconnect { .. } => "disconnect",
            Self::Subscribe { .. } => "subscribe",
            Self::Unsubscribe { .. } => "unsubscribe",
        }
    }
}
