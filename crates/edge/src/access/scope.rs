//! Which channels a rule is about.

use std::fmt;

use identity::Identity;
use publication::Pattern;

use super::template::Template;

/// Channels, the same for all or each somebody's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The same for all.
    Pattern(Pattern),
    /// Each channel belongs to whom its name says.
    Template(Template),
}

impl Scope {
    /// Whether it means this channel.
    pub(super) fn matches(&self, channel: &str) -> bool {
        match self {
            Self::Pattern(pattern) => pattern.matches(channel),
            Self::Template(template) => template.matches(channel),
        }
    }

    /// Whether there can be a channel that both mean.
    pub(super) fn overlaps(&self, wanted: &Pattern) -> bool {
        match self {
            Self::Pattern(pattern) => pattern.overlaps(wanted),
            Self::Template(template) => template.overlaps(wanted),
        }
    }

    /// Whether a rule about this scope, standing first, leaves nothing to a rule about `later`.
    #[must_use]
    pub fn shadows(&self, later: &Self) -> bool {
        match (self, later) {
            (Self::Pattern(pattern), Self::Pattern(later)) => pattern.covers(later),
            (Self::Pattern(pattern), Self::Template(later)) => pattern.covers(&later.head()),
            (Self::Template(template), Self::Pattern(later)) => template.spans(later),
            (Self::Template(template), Self::Template(later)) => {
                later.sample().is_some_and(|later| template.spans(&later))
            }
        }
    }

    /// Whether it means all channels that `wanted` means.
    pub(super) fn spans(&self, wanted: &Pattern) -> bool {
        match self {
            Self::Pattern(pattern) => pattern.covers(wanted),
            Self::Template(template) => template.spans(wanted),
        }
    }

    /// Whether a token that grants these opens all channels that this scope and `wanted` both mean. What
    /// is somebody's own is open to its owner, whatever is granted, and to nobody else.
    pub(super) fn opens(&self, wanted: &Pattern, identity: &Identity, grants: &[Pattern]) -> bool {
        match self {
            Self::Pattern(pattern) => {
                // Two patterns that overlap lie one in the other.
                let both = if pattern.covers(wanted) { wanted } else { pattern };
                grants.iter().any(|grant| grant.covers(both))
            }
            Self::Template(template) => template.own(identity).is_some_and(|own| own.covers(wanted)),
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pattern(pattern) => pattern.fmt(out),
            Self::Template(template) => template.fmt(out),
        }
    }
}
