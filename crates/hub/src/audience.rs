//! All sessions of a shard with the same channels and the same encoding.

use std::collections::HashMap;

use slab::Slab;

use crate::{
    keys::{AudienceKey, SessionKey, key},
    place::Place,
    selection::Selection,
};

/// Matching happens once for all of them.
pub(crate) struct Audience {
    pub(crate) selection: Selection,
    pub(crate) encoding: u8,
    pub(crate) members: Vec<SessionKey>,
    /// How many of them are not at the tip.
    pub(crate) behind: u32,
    /// The place before the first publication that members at the tip have not read.
    pub(crate) unread_after: Option<Place>,
    /// What history lost of its channels, as far as it was looked up.
    pub(crate) lost: Lost,
}

impl Audience {
    /// Seats a session and returns its seat.
    pub(crate) fn seat(&mut self, session: SessionKey) -> u32 {
        self.members.push(session);
        key(self.members.len() - 1)
    }

    /// Clears a seat; returns the session that moved into it.
    pub(crate) fn unseat(&mut self, seat: u32) -> Option<SessionKey> {
        self.members.swap_remove(seat as usize);
        if self.members.len() < self.members.capacity() / 4 {
            self.members.shrink_to(self.members.len() * 2);
        }
        self.members.get(seat as usize).copied()
    }
}

/// A memory of a search through the lost places, so that each is looked at once per audience.
#[derive(Clone, Copy, Default)]
pub(crate) struct Lost {
    /// The newest place lost of the audience's channels.
    pub(crate) newest: Place,
    /// Losses up to here have been looked at.
    pub(crate) searched: Place,
}

#[derive(Default)]
pub(crate) struct Audiences {
    slots: Slab<Audience>,
    by_selection: HashMap<(Selection, u8), AudienceKey, foldhash::fast::RandomState>,
    prefixes: Prefixes,
    /// Those whose members at the tip have something to read.
    unread: Vec<AudienceKey>,
}

impl Audiences {
    /// The audience for this selection and encoding, and whether it is a new one.
    pub(crate) fn join(&mut self, selection: &Selection, encoding: u8) -> (AudienceKey, bool) {
        let wanted = (selection.clone(), encoding);
        if let Some(found) = self.by_selection.get(&wanted) {
            return (*found, false);
        }
        let audience = Audience {
            selection: selection.clone(),
            encoding,
            members: Vec::new(),
            behind: 0,
            unread_after: None,
            lost: Lost::default(),
        };
        let made = key(self.slots.insert(audience));
        self.by_selection.insert(wanted, made);
        for prefix in selection.prefixes() {
            self.prefixes.insert(prefix, made);
        }
        (made, true)
    }

    /// Removes an audience without members and gives its selection back.
    pub(crate) fn remove(&mut self, key: AudienceKey) -> Selection {
        let audience = self.slots.remove(key as usize);
        for prefix in audience.selection.prefixes() {
            self.prefixes.remove(prefix, key);
        }
        if audience.unread_after.is_some() {
            self.unread.retain(|other| *other != key);
        }
        let (selection, _) = self
            .by_selection
            .remove_entry(&(audience.selection, audience.encoding))
            .expect("every audience is listed by its selection until it is removed")
            .0;
        selection
    }

    pub(crate) fn get(&self, key: AudienceKey) -> Option<&Audience> {
        self.slots.get(key as usize)
    }

    pub(crate) fn get_mut(&mut self, key: AudienceKey) -> Option<&mut Audience> {
        self.slots.get_mut(key as usize)
    }

    /// Adds the audiences that have a prefix of `channel`. Prefixes of one audience never cover each
    /// other, so each comes once.
    pub(crate) fn extend_by_prefix(&self, channel: &str, found: &mut Vec<AudienceKey>) {
        self.prefixes.extend(channel, found);
    }

    /// Members at the tip have something to read after `place`, if not already from before it.
    pub(crate) fn mark_unread(&mut self, key: AudienceKey, place: Place) {
        if let Some(audience) = self.get_mut(key)
            && audience.unread_after.is_none()
        {
            audience.unread_after = Some(place);
            self.unread.push(key);
        }
    }

    pub(crate) fn mark_all_unread(&mut self, place: Place) {
        let keys: Vec<_> = self.slots.iter().map(|(index, _)| key(index)).collect();
        for key in keys {
            self.mark_unread(key, place);
        }
    }

    /// Forgets everything that is a place, as when places begin anew. Nobody reads.
    pub(crate) fn forget_places(&mut self) {
        self.forget_unread();
        for (_, audience) in &mut self.slots {
            (audience.lost, audience.behind) = (Lost::default(), 0);
        }
    }

    /// Members at the tip have nothing to read.
    pub(crate) fn forget_unread(&mut self) {
        for key in self.unread.drain(..) {
            if let Some(audience) = self.slots.get_mut(key as usize) {
                audience.unread_after = None;
            }
        }
    }

    /// The audiences marked since the last time.
    pub(crate) fn take_unread(&mut self) -> Vec<AudienceKey> {
        std::mem::take(&mut self.unread)
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }
}

/// Audiences by prefix. A channel is looked up once for each length that any prefix has.
#[derive(Default)]
struct Prefixes {
    audiences: HashMap<Box<str>, Vec<AudienceKey>, foldhash::fast::RandomState>,
    /// The lengths in use, and by how many prefixes.
    lengths: Vec<(usize, usize)>,
}

impl Prefixes {
    fn insert(&mut self, prefix: &str, audience: AudienceKey) {
        let audiences = self.audiences.entry(prefix.into()).or_default();
        audiences.push(audience);
        if audiences.len() > 1 {
            return;
        }
        match self.lengths.iter_mut().find(|(length, _)| *length == prefix.len()) {
            Some((_, uses)) => *uses += 1,
            None => self.lengths.push((prefix.len(), 1)),
        }
    }

    fn remove(&mut self, prefix: &str, audience: AudienceKey) {
        let Some(audiences) = self.audiences.get_mut(prefix) else { return };
        audiences.retain(|other| *other != audience);
        if !audiences.is_empty() {
            return;
        }
        self.audiences.remove(prefix);
        if let Some((_, uses)) = self.lengths.iter_mut().find(|(length, _)| *length == prefix.len()) {
            *uses -= 1;
        }
        self.lengths.retain(|(_, uses)| *uses > 0);
    }

    fn extend(&self, channel: &str, found: &mut Vec<AudienceKey>) {
        for (length, _) in &self.lengths {
            let prefix = channel.get(..*length);
            if let Some(audiences) = prefix.and_then(|prefix| self.audiences.get(prefix)) {
                found.extend_from_slice(audiences);
            }
        }
    }
}
