//! What a shard tells operators of itself: its sessions, its channels, and what became of what they follow.

use std::{fmt, str::FromStr};

use hub::SessionKey;
use serde::Serialize;

/// What an operator follows.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Interest {
    /// Who is told of what is published on it.
    Channel(Box<str>),
    /// What it is told.
    Session(SessionId),
    /// Sessions whose client, subject or channels hold this.
    Text(Box<str>),
}

/// The name of a session for operators. The place of one that has ended may be another's; the name is never.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SessionId {
    pub(crate) shard: u16,
    pub(crate) key: SessionKey,
    /// Milliseconds of the shard's life.
    pub(crate) opened: u32,
}

/// How one shard is.
#[derive(Clone, Debug, Default)]
pub struct Survey {
    /// The slowest sessions, those first; as many as are shown.
    pub sessions: Vec<SessionSeen>,
    /// The busiest channels, those first.
    pub channels: Vec<ChannelSeen>,
    /// What was followed.
    pub traces: Vec<TraceSeen>,
}

/// One session.
#[derive(Clone, Debug, Serialize)]
pub struct SessionSeen {
    /// By which it can be followed and ended.
    pub id: String,
    /// How publications travel to it.
    pub transport: &'static str,
    /// Its client's address.
    pub client: String,
    /// Whom its token names.
    pub subject: Option<String>,
    /// Its channels and patterns, the first of them.
    pub channels: Vec<String>,
    /// How many more there are.
    pub more_channels: usize,
    /// How long it has been here, in milliseconds.
    pub age_ms: u32,
    /// How long ago its socket last took something.
    pub silent_ms: u32,
    /// Publications that its socket has taken.
    pub delivered: u32,
    /// Publications that it has not been written yet, and whether there may be more.
    pub behind: usize,
    /// See above.
    pub behind_more: bool,
    /// Bytes that wait for its socket, beside these.
    pub unsent_bytes: usize,
    /// An operator's, such as the console's own.
    pub operates: bool,
    /// In one word: `live`, `reading`, `blocked`, `fetching` or `waiting`.
    pub state: &'static str,
}

/// One channel.
#[derive(Clone, Debug, Serialize)]
pub struct ChannelSeen {
    /// Its name.
    pub channel: String,
    /// Publications of the last ten seconds that history holds.
    pub recent: usize,
    /// How long ago the latest came, where history still holds it.
    pub silent_ms: Option<u64>,
    /// Sessions and waiting polls that it concerns.
    pub sessions: usize,
}

/// What became of what an operator follows.
#[derive(Clone, Debug, Serialize)]
pub struct TraceSeen {
    /// The interest, as it is written.
    pub interest: String,
    /// Publications since it is followed, the newest last.
    pub rows: Vec<TraceRow>,
    /// Sessions: the one that is followed, or whose who have not been told all yet, or those found.
    pub sessions: Vec<SessionSeen>,
    /// How many were found, of whom `sessions` are the slowest.
    pub found: usize,
    /// Why the session that is followed has ended, if it has.
    pub ended: Option<&'static str>,
}

/// The way of one publication through a shard, or through all of them.
#[derive(Clone, Debug, Serialize)]
pub struct TraceRow {
    /// Its cursor, which tells it from all others.
    pub cursor: String,
    /// The channel.
    pub channel: String,
    /// The event type.
    pub event: Option<String>,
    /// The length of its data.
    pub bytes: usize,
    /// When it arrived here, in milliseconds since 1970.
    pub arrived_ms: u64,
    /// How long before that Redis took it, by the clock of Redis; on streams.
    pub on_the_way_ms: Option<i64>,
    /// Sessions that it concerned when it arrived.
    pub matched: u32,
    /// Sessions among them whose sockets took it.
    pub written: u32,
    /// Sessions that came later and were given it.
    pub later: u32,
    /// Sessions that were too slow for it, and were given a newer one instead.
    pub superseded: u32,
    /// Sessions that had published it and did not want it back.
    pub own: u32,
    /// Sessions that were told a gap over it.
    pub in_gap: u32,
    /// Polls that were answered with it, and sessions that asked for its channel later and were.
    pub answered: u32,
    /// From its arrival until the first socket took it, and until the last did, in milliseconds.
    pub first_ms: Option<f64>,
    /// The same of the last.
    pub last_ms: Option<f64>,
}

impl SessionId {
    pub(crate) fn shard(self) -> usize {
        self.shard.into()
    }
}

impl TraceRow {
    /// Adds what became of the same publication in another shard.
    pub fn add(&mut self, other: &Self) {
        self.matched += other.matched;
        self.written += other.written;
        self.later += other.later;
        self.superseded += other.superseded;
        self.own += other.own;
        self.in_gap += other.in_gap;
        self.answered += other.answered;
        let of = |one: Option<f64>, two: Option<f64>, choose: fn(f64, f64) -> f64| match (one, two) {
            (Some(one), Some(two)) => Some(choose(one, two)),
            (one, two) => one.or(two),
        };
        self.first_ms = of(self.first_ms, other.first_ms, f64::min);
        self.last_ms = of(self.last_ms, other.last_ms, f64::max);
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}-{}-{:x}", self.shard, self.key, self.opened)
    }
}

/// The text is no session's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoSession;

impl FromStr for SessionId {
    type Err = NoSession;

    fn from_str(text: &str) -> Result<Self, NoSession> {
        let mut parts = text.split('-');
        let mut part = || parts.next().ok_or(NoSession);
        let (shard, key, opened) = (part()?, part()?, part()?);
        let whole = |text: &str| text.parse().map_err(|_| NoSession);
        let id = Self {
            shard: shard.parse().map_err(|_| NoSession)?,
            key: whole(key)?,
            opened: u32::from_str_radix(opened, 16).map_err(|_| NoSession)?,
        };
        parts.next().is_none().then_some(id).ok_or(NoSession)
    }
}

impl fmt::Display for Interest {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Channel(channel) => write!(out, "channel:{channel}"),
            Self::Session(session) => write!(out, "session:{session}"),
            Self::Text(text) => write!(out, "text:{text}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        let id = SessionId { shard: 1, key: 77, opened: 0xabc };
        assert_eq!(id.to_string().parse(), Ok(id));
        for other in ["", "1-2", "1-2-3-4", "a-b-c", "1-2-", "70000-1-1"] {
            assert_eq!(other.parse::<SessionId>(), Err(NoSession), "{other:?}");
        }
    }
}
