//! Who is in a channel.

use std::sync::Arc;

use crate::{channel::ChannelName, session_name::SessionName};

/// A session that is present.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// By which others know it.
    pub session: SessionName,
    /// What others are told of it: members of a JSON object, without its braces.
    pub about: Arc<str>,
}

/// Who is in a channel, through any gateway.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Presence {
    /// How many sessions.
    pub count: usize,
    /// They, in the order of their names; `None` if they are too many to be listed.
    pub members: Option<Vec<Member>>,
}

/// What those who watch a channel are told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// Who is there; what they were told before no longer counts.
    Present {
        /// Where.
        channel: ChannelName,
        /// Those who are told; `None` means all who watch.
        to: Option<Vec<SessionName>>,
        /// Who is there.
        presence: Presence,
    },
    /// Somebody came.
    Joined {
        /// Where.
        channel: ChannelName,
        /// Who.
        member: Member,
    },
    /// Somebody has gone.
    Left {
        /// Where.
        channel: ChannelName,
        /// Who.
        session: SessionName,
    },
}
