//! What operators see of the sessions, and what they do with them.

use std::time::{Duration, Instant};

use hub::SessionKey;

use super::{Sessions, session_mut};
use crate::{
    close::CloseReason,
    control,
    session::Session,
    survey::{ChannelSeen, Interest, SessionId, SessionSeen, Survey, TraceSeen},
    trace::Trace,
};

/// Sessions and channels that are shown of a shard.
const MAX_SHOWN: usize = 100;
/// Channels that are shown of a session.
const MAX_CHANNELS: usize = 5;
/// Sessions that are shown because they have not been told all.
const MAX_UNFINISHED: usize = 20;
/// How far back publications are counted.
const SPAN: Duration = Duration::from_secs(10);
/// What may wait for the socket of an operator; beyond it, it is not shown what comes next.
const MAX_WAITING_BYTES: usize = 1024 * 1024;

impl Sessions {
    /// Operators that look on.
    pub(crate) fn observers(&self) -> usize {
        self.observers.len()
    }

    /// Shows operators how all is.
    pub(crate) fn show(&mut self, overview: &str) {
        for key in self.observers.clone() {
            let Some(session) = session_mut(&mut self.slots, key) else { continue };
            if session.wire.pinned.bytes() > MAX_WAITING_BYTES {
                continue;
            }
            let mut out = Vec::with_capacity(overview.len() + 64);
            control::write_overview(&mut out, session.encoding, overview);
            self.pin(key, out);
        }
    }

    /// Ends a session. Returns whether it was there.
    pub(crate) fn end(&mut self, id: SessionId) -> bool {
        let found = self.find(id).is_some();
        if found {
            self.finish(id.key, CloseReason::Disconnected);
        }
        found
    }

    /// How all is. What is not followed any more is forgotten.
    pub(crate) fn survey(&mut self, interests: &[Interest]) -> Survey {
        self.now = Instant::now();
        self.traces.retain(|trace| interests.contains(&trace.interest));
        for interest in interests {
            let is_new = !self.traces.iter().any(|trace| trace.interest == *interest);
            if is_new && !matches!(interest, Interest::Text(_)) {
                self.traces.push(Trace::new(interest.clone()));
            }
        }
        let channel = |busy: hub::Busy<'_>| ChannelSeen {
            channel: busy.name.to_owned(),
            recent: busy.recent,
            silent_ms: busy.silent.and_then(|silent| silent.as_millis().try_into().ok()),
            sessions: busy.sessions,
        };
        Survey {
            sessions: self.slowest(self.keys(), MAX_SHOWN),
            channels: self.hub.busiest(SPAN, MAX_SHOWN, self.now).into_iter().map(channel).collect(),
            traces: interests.iter().map(|interest| self.seen(interest)).collect(),
        }
    }

    /// What became of an interest.
    fn seen(&self, interest: &Interest) -> TraceSeen {
        let trace = self.traces.iter().find(|trace| trace.interest == *interest);
        let mut found = 0;
        let sessions = match interest {
            Interest::Channel(channel) => self.unfinished(channel),
            Interest::Session(id) => {
                self.find(*id).map(|session| self.look(id.key, session)).into_iter().collect()
            }
            Interest::Text(text) => {
                let holds = |key: &SessionKey| {
                    self.session(*key).is_some_and(|session| self.holds(*key, session, text))
                };
                let all: Vec<_> = self.keys().filter(holds).collect();
                found = all.len();
                self.slowest(all.into_iter(), MAX_SHOWN)
            }
        };
        TraceSeen {
            interest: interest.to_string(),
            rows: trace.map_or_else(Vec::new, Trace::rows),
            sessions,
            found,
            ended: trace.and_then(|trace| trace.ended).map(CloseReason::label),
        }
    }

    /// Sessions of a channel that have something to read, the slowest of them.
    fn unfinished(&self, channel: &str) -> Vec<SessionSeen> {
        let audiences = self.hub.audiences_of(channel);
        let members = audiences.iter().flat_map(|audience| self.hub.members(*audience).iter().copied());
        self.slowest(members.filter(|key| !self.hub.at_tip(*key)), MAX_UNFINISHED)
    }

    fn slowest(&self, keys: impl Iterator<Item = SessionKey>, count: usize) -> Vec<SessionSeen> {
        let now = self.millis();
        let slowness = |key: SessionKey| {
            let session = self.session(key)?;
            let blocked = if session.flags.blocked { now.wrapping_sub(session.last_write).max(1) } else { 0 };
            Some((blocked, !self.hub.at_tip(key), now.wrapping_sub(session.opened), key))
        };
        let mut all: Vec<_> = keys.filter_map(slowness).collect();
        if all.len() > count {
            all.select_nth_unstable_by(count, |one, two| two.cmp(one));
            all.truncate(count);
        }
        all.sort_unstable_by(|one, two| two.cmp(one));
        all.iter().filter_map(|(.., key)| Some(self.look(*key, self.session(*key)?))).collect()
    }

    fn look(&self, key: SessionKey, session: &Session) -> SessionSeen {
        let now = self.millis();
        let state = match &session.flags {
            flags if flags.blocked => "blocked",
            flags if flags.fetching => "fetching",
            _ if self.hub.is_waiting(key) => "waiting",
            _ if self.hub.at_tip(key) && session.owed.is_none() => "live",
            _ => "reading",
        };
        let selection = self.hub.audience(self.hub.audience_of(key)).map(|(selection, _)| selection);
        let patterns: Vec<_> = selection.into_iter().flat_map(hub::Selection::patterns).collect();
        let (behind, behind_more) = self.hub.unread(key);
        SessionSeen {
            id: self.id(key, session).to_string(),
            transport: session.encoding.transport().label(),
            client: session.wire.client.to_string(),
            subject: session.asker.subject().map(str::to_owned),
            channels: patterns.iter().take(MAX_CHANNELS).map(ToString::to_string).collect(),
            more_channels: patterns.len().saturating_sub(MAX_CHANNELS),
            age_ms: now.wrapping_sub(session.opened),
            silent_ms: now.wrapping_sub(session.last_write),
            delivered: session.delivered,
            behind,
            behind_more,
            unsent_bytes: session.wire.pinned.bytes(),
            operates: session.asker.operates,
            state,
        }
    }

    /// Whether it is found by a text: in a channel or a pattern as it is shown, as a channel that it reads, in its subject or
    /// its address.
    fn holds(&self, key: SessionKey, session: &Session, text: &str) -> bool {
        let selection = self.hub.audience(self.hub.audience_of(key)).map(|(selection, _)| selection);
        let prefix = text.strip_suffix('*').unwrap_or(text);
        session.asker.subject().is_some_and(|subject| subject.contains(text))
            || selection.is_some_and(|selection| {
                selection.channels().iter().any(|channel| channel.contains(text))
                    || selection.prefixes().iter().any(|own| own.contains(prefix))
                    || selection.matches(text)
            })
            || session.wire.client.to_string().contains(text)
    }

    pub(super) fn id(&self, key: SessionKey, session: &Session) -> SessionId {
        // There are never so many shards.
        SessionId { shard: self.number as u16, key, opened: session.opened }
    }

    pub(super) fn find(&self, id: SessionId) -> Option<&Session> {
        let session = self.session(id.key)?;
        (self.id(id.key, session) == id).then_some(session)
    }
}
