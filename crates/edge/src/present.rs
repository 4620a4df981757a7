//! A session that is present in its channels, or wants to be told who is.

use std::sync::Arc;

use publication::{ChannelName, Pattern, Roll, SessionName};

/// What a session wants of presence.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wish {
    /// It is present, and says this of itself: a JSON object.
    pub(crate) about: Option<Arc<str>>,
    /// It is to be told who is there, who comes and who goes.
    pub(crate) watches: bool,
}

/// Its part in presence, which ends when this is dropped.
pub(crate) struct Present {
    pub(crate) name: SessionName,
    roll: Roll,
    wish: Wish,
    channels: Vec<ChannelName>,
    /// Channels of which it has missed something, since its socket took nothing.
    pub(crate) missed: Vec<ChannelName>,
}

impl Wish {
    /// Whether there is anything to it.
    pub(crate) fn is_something(&self) -> bool {
        self.about.is_some() || self.watches
    }
}

impl Present {
    pub(crate) fn new(name: SessionName, roll: Roll, wish: Wish) -> Self {
        Self { name, roll, wish, channels: Vec::new(), missed: Vec::new() }
    }

    /// Whether it is to be told of this channel.
    pub(crate) fn watches(&self, channel: &ChannelName) -> bool {
        self.wish.watches && self.channels.contains(channel)
    }

    /// Its channels.
    pub(crate) fn channels(&self) -> &[ChannelName] {
        &self.channels
    }

    /// It reads these from now on, and is in those that are single channels. Returns those that it has
    /// left.
    pub(crate) fn move_to(&mut self, patterns: &[Pattern]) -> Vec<ChannelName> {
        let mut new: Vec<_> = patterns.iter().filter_map(Pattern::channel).cloned().collect();
        new.sort_unstable();
        new.dedup();
        let (kept, left): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.channels).into_iter().partition(|channel| new.contains(channel));
        left.iter().for_each(|channel| self.leave(channel));
        self.missed.retain(|channel| kept.contains(channel));
        for channel in new.iter().filter(|channel| !kept.contains(channel)) {
            self.enter(channel);
        }
        self.channels = new;
        left
    }

    /// It is told anew of what it has missed.
    pub(crate) fn make_up(&mut self) {
        for channel in std::mem::take(&mut self.missed) {
            self.roll.tell_anew(&channel, self.name);
        }
    }

    fn enter(&self, channel: &ChannelName) {
        if let Some(about) = &self.wish.about {
            self.roll.join(channel, self.name, about);
        }
        if self.wish.watches {
            self.roll.watch(channel, self.name);
        }
    }

    fn leave(&self, channel: &ChannelName) {
        if self.wish.about.is_some() {
            self.roll.leave(channel, self.name);
        }
        if self.wish.watches {
            self.roll.unwatch(channel);
        }
    }
}

impl Drop for Present {
    fn drop(&mut self) {
        self.channels.iter().for_each(|channel| self.leave(channel));
    }
}
