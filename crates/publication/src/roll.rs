//! Who is present through this gateway, and who wants to be told: written by the shards, read by
//! what tells the other gateways.

use std::{
    collections::{BTreeMap, HashMap},
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{channel::ChannelName, session_name::SessionName};

/// The roll; cloning shares it.
///
/// A lock and no queue: of each session only what is true now is remembered, however often it changed
/// since the roll was last looked at. No publication passes by here.
#[derive(Clone, Default)]
pub struct Roll(Arc<Mutex<Rooms>>);

#[derive(Default)]
struct Rooms {
    rooms: HashMap<ChannelName, Room>,
    touched: Touched,
}

/// A channel in which somebody is present, or that somebody watches.
#[derive(Default)]
struct Room {
    members: Members,
    watchers: usize,
}

/// The members of a channel, by the names of their sessions.
pub type Members = BTreeMap<SessionName, Arc<str>>;

/// What happened since the roll was last looked at.
#[derive(Debug, Default)]
pub struct Touched {
    /// Who came, with what it says of itself, and who has gone.
    pub changes: HashMap<ChannelName, BTreeMap<SessionName, Option<Arc<str>>>>,
    /// Who wants to be told who is in a channel, and then of every change.
    pub watchers: HashMap<ChannelName, Watchers>,
}

/// Those who have begun to watch a channel.
#[derive(Debug, Default)]
pub struct Watchers {
    /// They.
    pub sessions: Vec<SessionName>,
    /// Who is there through this gateway, all changes included.
    pub here: Members,
}

impl Roll {
    /// A session is present from now on.
    pub fn join(&self, channel: &ChannelName, session: SessionName, about: &Arc<str>) {
        let Rooms { rooms, touched } = &mut *self.lock();
        rooms.entry(channel.clone()).or_default().members.insert(session, Arc::clone(about));
        touched.note(channel, session, Some(Arc::clone(about)));
    }

    /// A session is no longer present.
    pub fn leave(&self, channel: &ChannelName, session: SessionName) {
        let Rooms { rooms, touched } = &mut *self.lock();
        let Some(room) = rooms.get_mut(channel) else { return };
        if room.members.remove(&session).is_some() {
            touched.note(channel, session, None);
        }
        if room.is_unused() {
            rooms.remove(channel);
        }
    }

    /// A session is to be told who is there.
    pub fn watch(&self, channel: &ChannelName, session: SessionName) {
        let Rooms { rooms, touched } = &mut *self.lock();
        rooms.entry(channel.clone()).or_default().watchers += 1;
        touched.watchers.entry(channel.clone()).or_default().sessions.push(session);
    }

    /// A session that watches has missed something: it is to be told anew who is there.
    pub fn tell_anew(&self, channel: &ChannelName, session: SessionName) {
        self.lock().touched.watchers.entry(channel.clone()).or_default().sessions.push(session);
    }

    /// A session is no longer to be told.
    pub fn unwatch(&self, channel: &ChannelName) {
        let Rooms { rooms, .. } = &mut *self.lock();
        let Some(room) = rooms.get_mut(channel) else { return };
        room.watchers = room.watchers.saturating_sub(1);
        if room.is_unused() {
            rooms.remove(channel);
        }
    }

    /// What happened since the last time.
    #[must_use]
    pub fn take_touched(&self) -> Touched {
        let Rooms { rooms, touched } = &mut *self.lock();
        let mut touched = mem::take(touched);
        for (channel, watchers) in &mut touched.watchers {
            watchers.here = rooms.get(channel).map(|room| room.members.clone()).unwrap_or_default();
        }
        touched
    }

    /// Who is present in a channel through this gateway.
    #[must_use]
    pub fn members(&self, channel: &str) -> Members {
        self.lock().rooms.get(channel).map(|room| room.members.clone()).unwrap_or_default()
    }

    /// Whether anybody is present in a channel through this gateway.
    #[must_use]
    pub fn has_members(&self, channel: &str) -> bool {
        self.lock().rooms.get(channel).is_some_and(|room| !room.members.is_empty())
    }

    /// Whether anybody wants to be told of a channel.
    #[must_use]
    pub fn is_watched(&self, channel: &str) -> bool {
        self.lock().rooms.get(channel).is_some_and(|room| room.watchers > 0)
    }

    /// The channels in which somebody is present through this gateway.
    #[must_use]
    pub fn channels(&self) -> Vec<ChannelName> {
        let rooms = &self.lock().rooms;
        let present = rooms.iter().filter(|(_, room)| !room.members.is_empty());
        present.map(|(channel, _)| channel.clone()).collect()
    }

    /// How many are present through this gateway: a session counts once for each of its channels.
    #[must_use]
    pub fn count(&self) -> usize {
        self.lock().rooms.values().map(|room| room.members.len()).sum()
    }

    fn lock(&self) -> MutexGuard<'_, Rooms> {
        // Nothing in here panics half way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Room {
    fn is_unused(&self) -> bool {
        self.members.is_empty() && self.watchers == 0
    }
}

impl Touched {
    fn note(&mut self, channel: &ChannelName, session: SessionName, about: Option<Arc<str>>) {
        self.changes.entry(channel.clone()).or_default().insert(session, about);
    }
}
