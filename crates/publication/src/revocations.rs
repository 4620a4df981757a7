//! Tokens that count no longer, though their time is not over.

use std::{
    collections::HashMap,
    sync::{
        Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

/// The most that are remembered; beyond it those that would be forgotten first are.
pub const MAX_REVOCATIONS: usize = 1_000_000;

/// One revocation. Times are seconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Revocation {
    /// Of one token.
    Token {
        /// Its name (`jti`).
        id: Box<str>,
        /// When it may be forgotten.
        until: u64,
    },
    /// Of all tokens of a subject that were issued by then, or do not say when.
    Subject {
        /// Whose.
        subject: Box<str>,
        /// By when.
        issued: u64,
        /// When it may be forgotten.
        until: u64,
    },
}

/// All that are known; cloning shares them.
///
/// A lock and no queue: whoever lets somebody in looks here, and shards look at their sessions again when
/// the generation is another one. No publication passes by.
#[derive(Clone, Default)]
pub struct Revocations(Arc<Shared>);

#[derive(Default)]
struct Shared {
    known: RwLock<Known>,
    /// Counts changes.
    generation: AtomicU64,
    /// Tokens are checked here at all.
    wanted: AtomicBool,
    /// All that was revoked before is known here.
    complete: AtomicBool,
}

#[derive(Default)]
struct Known {
    /// Until when each.
    tokens: HashMap<Box<str>, u64>,
    /// For those issued by when, and until when.
    subjects: HashMap<Box<str>, (u64, u64)>,
}

/// A token, as far as it can be revoked.
#[derive(Clone, Copy, Debug, Default)]
pub struct Revocable<'a> {
    /// Its name (`jti`).
    pub id: Option<&'a str>,
    /// Its subject.
    pub subject: Option<&'a str>,
    /// When it was issued, if it says so.
    pub issued: Option<u64>,
}

impl Revocations {
    /// Takes these, if they are news. Returns whether any was.
    pub fn take(&self, revocations: impl IntoIterator<Item = Revocation>) -> bool {
        let mut known = self.write();
        let mut changed = false;
        for revocation in revocations {
            changed |= known.take(revocation);
        }
        known.keep_bounded();
        drop(known);
        if changed {
            self.0.generation.fetch_add(1, Ordering::Release);
        }
        changed
    }

    /// Whether a token counts no longer.
    #[must_use]
    pub fn revoke(&self, token: Revocable<'_>) -> bool {
        let known = self.read();
        if known.tokens.is_empty() && known.subjects.is_empty() {
            return false;
        }
        let by_subject = token.subject.and_then(|subject| known.subjects.get(subject));
        token.id.is_some_and(|id| known.tokens.contains_key(id))
            || by_subject.is_some_and(|(issued, _)| token.issued.is_none_or(|own| own <= *issued))
    }

    /// Counts up when something is revoked.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.0.generation.load(Ordering::Acquire)
    }

    /// Everything that is known.
    #[must_use]
    pub fn all(&self) -> Vec<Revocation> {
        let known = self.read();
        let tokens =
            known.tokens.iter().map(|(id, until)| Revocation::Token { id: id.clone(), until: *until });
        let subjects = known.subjects.iter().map(|(subject, (issued, until))| Revocation::Subject {
            subject: subject.clone(),
            issued: *issued,
            until: *until,
        });
        tokens.chain(subjects).collect()
    }

    /// How many are known.
    #[must_use]
    pub fn count(&self) -> usize {
        let known = self.read();
        known.tokens.len() + known.subjects.len()
    }

    /// Forgets those whose time is over.
    pub fn forget(&self, now: u64) {
        let mut known = self.write();
        known.tokens.retain(|_, until| *until > now);
        known.subjects.retain(|_, (_, until)| *until > now);
    }

    /// Whether tokens are checked here at all: where they are not, nobody needs to know.
    pub fn set_wanted(&self, wanted: bool) {
        self.0.wanted.store(wanted, Ordering::Relaxed);
    }

    /// Whether somebody needs to know.
    #[must_use]
    pub fn are_wanted(&self) -> bool {
        self.0.wanted.load(Ordering::Relaxed)
    }

    /// All that was revoked before is known from now on.
    pub fn complete(&self) {
        self.0.complete.store(true, Ordering::Release);
    }

    /// Whether all that was revoked before is known; until then nobody can be let in by a token.
    #[must_use]
    pub fn are_complete(&self) -> bool {
        self.0.complete.load(Ordering::Acquire)
    }

    fn read(&self) -> RwLockReadGuard<'_, Known> {
        // Each change is whole, also if a thread ended in the middle of several.
        self.0.known.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Known> {
        self.0.known.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn take(&mut self, revocation: Revocation) -> bool {
        match revocation {
            Revocation::Token { id, until } => {
                let before = self.tokens.get(&id).copied();
                let is_news = before.is_none_or(|before| until > before);
                if is_news {
                    self.tokens.insert(id, until);
                }
                is_news
            }
            Revocation::Subject { subject, issued, until } => {
                let known = self.subjects.get(&subject).copied();
                let (before, longest) = known.unwrap_or_default();
                self.subjects.insert(subject, (issued.max(before), until.max(longest)));
                known.is_none() || issued > before || until > longest
            }
        }
    }

    fn keep_bounded(&mut self) {
        let count = self.tokens.len() + self.subjects.len();
        if count <= MAX_REVOCATIONS {
            return;
        }
        let mut ends: Vec<u64> =
            self.tokens.values().copied().chain(self.subjects.values().map(|(_, until)| *until)).collect();
        // An eighth more goes, so that this is not done for each.
        let excess = count - MAX_REVOCATIONS * 7 / 8;
        let (earlier, last, _) = ends.select_nth_unstable(excess);
        let last = *last;
        // Of those that end together with the last that has to go, only as many as there are too many.
        let mut ties = excess - earlier.iter().filter(|until| **until < last).count();
        let mut stays = |until: u64| {
            let goes_too = until == last && ties > 0;
            ties -= usize::from(goes_too);
            until > last || (until == last && !goes_too)
        };
        self.tokens.retain(|_, until| stays(*until));
        self.subjects.retain(|_, (_, until)| stays(*until));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(id: &str) -> Revocable<'_> {
        Revocable { id: Some(id), ..Revocable::default() }
    }

    #[test]
    fn beyond_the_most_those_that_end_first_go_and_of_those_that_end_together_only_some() {
        let revocations = Revocations::default();
        let token = |number: usize| Revocation::Token { id: number.to_string().into(), until: 10 };
        revocations.take((0..MAX_REVOCATIONS).map(token));
        assert_eq!(revocations.count(), MAX_REVOCATIONS);
        let later = Revocation::Subject { subject: "42".into(), issued: 5, until: 20 };
        revocations.take([later, Revocation::Token { id: "sooner".into(), until: 9 }]);
        assert_eq!(revocations.count(), MAX_REVOCATIONS / 8 * 7);
        assert!(!revocations.revoke(super::tests::token("sooner")));
        assert!(revocations.revoke(Revocable { subject: Some("42"), ..Revocable::default() }));
    }

    #[test]
    fn a_token_is_revoked_by_its_name_and_by_its_subject_if_it_was_issued_by_then() {
        let revocations = Revocations::default();
        let of = |issued| Revocable { id: Some("x"), subject: Some("42"), issued };
        assert!(!revocations.revoke(token("a")));
        assert!(revocations.take([Revocation::Token { id: "a".into(), until: 10 }]));
        assert!(revocations.revoke(token("a")) && !revocations.revoke(token("b")));
        let subject = |issued| [Revocation::Subject { subject: "42".into(), issued, until: 20 }];
        assert!(revocations.take(subject(5)));
        assert!(
            revocations.revoke(of(None))
                && revocations.revoke(of(Some(5)))
                && !revocations.revoke(of(Some(6)))
        );
        // An older one takes nothing back, and is no news.
        assert!(!revocations.take(subject(4)) && revocations.revoke(of(Some(5))));
        // To last longer is.
        assert!(!revocations.take([Revocation::Token { id: "a".into(), until: 9 }]));
        assert!(revocations.take(subject(6)) && revocations.revoke(of(Some(6))));
        assert_eq!(revocations.generation(), 3);
        revocations.forget(10);
        assert!(!revocations.revoke(token("a")) && revocations.revoke(of(None)));
        let copy = Revocations::default();
        copy.take(revocations.all());
        assert!(copy.revoke(of(Some(6))) && copy.count() == 1);
    }
}
