//! What a rule opens.

use identity::Grants;
use publication::Pattern;

/// What one may want to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    Subscribe,
    Publish,
    Presence,
}

impl Act {
    /// Its key in a rule.
    pub(crate) const fn key(self) -> &'static str {
        match self {
            Self::Subscribe => "subscribe",
            Self::Publish => "publish",
            Self::Presence => "presence",
        }
    }

    /// As one does it, before the channel.
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::Subscribe => "subscribe to",
            Self::Publish => "publish to",
            Self::Presence => "be present in",
        }
    }

    /// The key of the grants that open it. Who may read may see who else reads.
    pub(crate) const fn grant(self) -> &'static str {
        match self {
            Self::Subscribe | Self::Presence => "subscribe",
            Self::Publish => "publish",
        }
    }

    /// The channels where a token opens it.
    pub(super) fn of(self, grants: &Grants) -> &[Pattern] {
        match self {
            Self::Subscribe | Self::Presence => &grants.subscribe,
            Self::Publish => &grants.publish,
        }
    }
}
