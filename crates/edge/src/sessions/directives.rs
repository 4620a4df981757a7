//! What backends have done with sessions: ended, or given other channels.

use hub::SessionKey;
use publication::Directive;

use super::Sessions;
use crate::{auth, close::CloseReason};

impl Sessions {
    /// Does what is wanted with the sessions of a subject.
    pub(crate) fn obey(&mut self, directive: &Directive) {
        match directive {
            // Those are ended by a look at all that is revoked.
            Directive::Revoke(_) => {}
            Directive::Disconnect { subject } => {
                for key in self.sessions_of(subject) {
                    self.finish(key, CloseReason::Disconnected);
                }
                self.call_those(|identity| identity.subject.as_deref() == Some(subject));
            }
            Directive::Subscribe { subject, channels } => {
                for key in self.sessions_of(subject) {
                    self.give(key, channels);
                }
            }
            Directive::Unsubscribe { subject, channels } => {
                for key in self.sessions_of(subject) {
                    self.unsubscribe(key, channels);
                }
            }
        }
    }

    /// Ends the sessions whose tokens count no longer, if something was revoked since the last look.
    pub(super) fn end_revoked(&mut self) {
        let generation = self.revocations.generation();
        if generation == self.revocations_seen {
            return;
        }
        self.revocations_seen = generation;
        let is_revoked = |key: &SessionKey| {
            let identity = self.session(*key).and_then(|session| session.asker.identity.as_ref());
            identity.is_some_and(|identity| auth::is_revoked(&self.revocations, identity))
        };
        for key in self.keys().filter(is_revoked).collect::<Vec<_>>() {
            self.finish(key, CloseReason::Revoked);
        }
        let revocations = self.revocations.clone();
        self.call_those(|identity| auth::is_revoked(&revocations, identity));
    }

    fn sessions_of(&self, subject: &str) -> Vec<SessionKey> {
        let is_of = |key: &SessionKey| {
            self.session(*key).is_some_and(|session| session.asker.subject() == Some(subject))
        };
        self.keys().filter(is_of).collect()
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = SessionKey> {
        // The table is indexed by the hub's keys, which have 32 bits.
        (0..self.slots.len()).map(|index| index as SessionKey)
    }
}
