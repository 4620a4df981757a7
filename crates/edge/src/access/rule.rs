//! What holds for some channels.

use super::{act::Act, scope::Scope};

/// What holds for the channels that a scope means.
#[derive(Clone, Debug)]
pub struct Rule {
    /// The channels.
    pub scope: Scope,
    /// Who may subscribe.
    pub subscribe: Who,
    /// Who may be told who is there, and be there for others.
    pub presence: Who,
    /// Who may publish over HTTP.
    pub publish: Who,
    /// Publications must be JSON.
    pub json: bool,
    /// What becomes of a session that cannot follow.
    pub when_slow: WhenSlow,
    /// The latest publication is shown to those who come.
    pub keep_last: bool,
}

/// What becomes of a session that reads more slowly than is published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum WhenSlow {
    /// As long as it is behind, it gets only the latest publication of each channel.
    Latest,
    /// What can no longer be had is told as a gap, and it goes on.
    Skip,
    /// It ends when something it is owed can no longer be had from memory.
    Close,
}

/// To whom something is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// Everyone who can reach the gateway.
    Anyone,
    /// Those whose token opens it.
    Token,
    /// No one.
    Nobody,
}

impl Rule {
    /// Who may do this.
    pub(super) fn who(&self, act: Act) -> Who {
        match act {
            Act::Subscribe => self.subscribe,
            Act::Publish => self.publish,
            Act::Presence => self.presence,
        }
    }
}

impl Who {
    /// The word in configuration and logs.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Anyone => "anyone",
            Self::Token => "token",
            Self::Nobody => "nobody",
        }
    }
}
