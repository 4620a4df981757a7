//! What somebody who looks in from outside is told: which channels are busy, and whom one concerns.

use std::{
    cmp::Reverse,
    time::{Duration, Instant},
};

use super::Hub;
use crate::{
    channels::Channel,
    history::Entry,
    keys::{AudienceKey, SessionKey},
};

/// Channels that are looked at: those published on last, and as many that nobody has published on.
const MAX_LOOKED_AT: usize = 1_024;

/// A channel that somebody published on, or listens to.
#[derive(Clone, Debug)]
pub struct Busy<'a> {
    /// Its name.
    pub name: &'a str,
    /// Publications of late that history holds.
    pub recent: usize,
    /// How long ago the latest came, where history still holds it.
    pub silent: Option<Duration>,
    /// Sessions and waiting polls that it concerns.
    pub sessions: usize,
}

impl Hub {
    /// The channels with the most publications in the last `span`, and among equals those with the most sessions, those
    /// first: at most `count`, among those published on last and those that nobody has published on.
    #[must_use]
    pub fn busiest(&self, span: Duration, count: usize, now: Instant) -> Vec<Busy<'_>> {
        let mut busiest: Vec<_> = self
            .channels
            .states()
            .take(MAX_LOOKED_AT)
            .chain(self.channels.unpublished().take(MAX_LOOKED_AT))
            .map(|channel| self.busy(channel, span, now))
            .collect();
        busiest.sort_by_key(|busy| Reverse((busy.recent, busy.sessions)));
        busiest.truncate(count);
        busiest
    }

    fn busy<'a>(&self, channel: &'a Channel, span: Duration, now: Instant) -> Busy<'a> {
        let age = |slot| self.history.age_of(slot, now);
        let old = channel.held.partition_point(|slot| age(*slot) > span);
        Busy {
            name: &channel.name,
            recent: channel.held.len() - old,
            silent: channel.held.back().map(|slot| age(*slot)),
            sessions: self.audiences_of(&channel.name).iter().map(|key| self.members(*key).len()).sum(),
        }
    }

    /// The audiences that a channel concerns, each once.
    #[must_use]
    pub fn audiences_of(&self, channel: &str) -> Vec<AudienceKey> {
        let mut audiences = self.channels.get(channel).map_or_else(Vec::new, |known| known.audiences.clone());
        self.audiences.extend_by_prefix(channel, &mut audiences);
        audiences
    }

    /// How many publications a session has not read yet, and whether there may be more: the next thousand of all channels
    /// are looked at.
    #[must_use]
    pub fn unread(&self, session: SessionKey) -> (usize, bool) {
        let audience = self.audiences.get(self.audience_of(session));
        let Some(audience) = audience.filter(|_| !self.at_tip(session)) else { return (0, false) };
        let unread = self.history.since_slot(self.history.slot_after(self.place_at(session)));
        let mut looked_at = 0;
        let is_shown = |entry: &&Entry| {
            looked_at += 1;
            audience.selection.shown(&entry.publication).is_some()
        };
        let count = unread.take(MAX_LOOKED_AT).filter(is_shown).count();
        (count, looked_at == MAX_LOOKED_AT)
    }

    /// The sessions of an audience.
    #[must_use]
    pub fn members(&self, audience: AudienceKey) -> &[SessionKey] {
        self.audiences.get(audience).map_or(&[], |audience| &audience.members)
    }
}
