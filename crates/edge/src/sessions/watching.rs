//! Sessions that want to know who is in their channels are told.

use std::collections::{HashMap, HashSet};

use bytes::Bytes;
use hub::SessionKey;
use publication::{ChannelName, News, SessionName};

use super::{Sessions, session_mut};
use crate::{control, encoding::Encoding, present::Present};

/// What may wait for the socket of one that watches. Beyond it, it is told anew who is there when it has
/// taken that.
const MAX_WAITING_BYTES: usize = 64 * 1024;

/// Who watches what.
#[derive(Default)]
pub(super) struct Watching {
    by_name: HashMap<SessionName, SessionKey>,
    /// Those who have been told who is there: they are told what changes.
    told: HashMap<ChannelName, HashSet<SessionKey>>,
}

impl Watching {
    fn add(&mut self, channel: &ChannelName, key: SessionKey) {
        self.told.entry(channel.clone()).or_default().insert(key);
    }

    fn remove(&mut self, channel: &ChannelName, key: SessionKey) {
        let Some(told) = self.told.get_mut(channel) else { return };
        told.remove(&key);
        if told.is_empty() {
            self.told.remove(channel);
        }
    }
}

/// One piece of news, in each encoding that somebody reads.
struct Telling<'a> {
    news: &'a News,
    frames: Vec<(Encoding, Bytes)>,
}

impl Telling<'_> {
    fn frame(&mut self, encoding: Encoding) -> Bytes {
        if let Some((_, frame)) = self.frames.iter().find(|(other, _)| *other == encoding) {
            return frame.clone();
        }
        let mut out = Vec::new();
        control::write_news(&mut out, encoding, self.news);
        let frame = Bytes::from(out);
        self.frames.push((encoding, frame.clone()));
        frame
    }
}

impl Sessions {
    /// A session takes part in presence from now on.
    pub(super) fn begin_watching(&mut self, key: SessionKey, present: &Present) {
        self.watching.by_name.insert(present.name, key);
    }

    /// A session has gone, or has left these channels.
    pub(super) fn stop_watching(&mut self, key: SessionKey, channels: &[ChannelName]) {
        for channel in channels {
            self.watching.remove(channel, key);
        }
    }

    /// A session has gone.
    pub(super) fn forget_watcher(&mut self, key: SessionKey, present: &Present) {
        self.watching.by_name.remove(&present.name);
        self.stop_watching(key, present.channels());
    }

    /// Tells those who watch.
    pub(crate) fn tell(&mut self, news: &[News]) {
        for news in news {
            let mut telling = Telling { news, frames: Vec::new() };
            match news {
                News::Present { channel, to: Some(names), .. } => {
                    let keys: Vec<_> =
                        names.iter().filter_map(|name| self.watching.by_name.get(name).copied()).collect();
                    for key in keys {
                        self.begin_telling(key, channel, &mut telling);
                    }
                }
                News::Present { channel, to: None, .. }
                | News::Joined { channel, .. }
                | News::Left { channel, .. } => {
                    for key in self.watching.told.get(channel).cloned().unwrap_or_default() {
                        self.tell_one(key, channel, &mut telling);
                    }
                }
            }
        }
    }

    /// Tells one that has begun to watch who is there, and from then on what changes.
    fn begin_telling(&mut self, key: SessionKey, channel: &ChannelName, telling: &mut Telling<'_>) {
        let present = session_mut(&mut self.slots, key).and_then(|session| session.present.as_ref());
        if present.is_some_and(|present| present.watches(channel)) {
            self.watching.add(channel, key);
            self.tell_one(key, channel, telling);
        }
    }

    fn tell_one(&mut self, key: SessionKey, channel: &ChannelName, telling: &mut Telling<'_>) {
        let Some(session) = session_mut(&mut self.slots, key) else { return };
        if session.wire.pinned.bytes() > MAX_WAITING_BYTES {
            if let Some(present) = &mut session.present {
                present.missed.push(channel.clone());
            }
            return self.watching.remove(channel, key);
        }
        session.wire.pinned.push(telling.frame(session.encoding), 0);
        self.enqueue(key);
    }
}
