//! Keeps account of what was read of the stream, to notice what was lost.
//!
//! Pure: it is told what was read and what Redis says of the stream, and says what that means.
//! Redis 7 counts the entries ever added; as long as our own count agrees, nothing was missed, and
//! the stream is still the same one. An older Redis only shows where the stream begins and ends.

use publication::EntryId;

use super::survey::Survey;

/// What a reading of the stream is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finding {
    /// Nothing was missed.
    Fine,
    /// Entries behind this one may have been missed; reading goes on.
    Lost(EntryId),
    /// This is another stream than the one that was read, or it has lost its tail: its ids have gone back.
    Another,
}

/// Before every entry.
pub const ZERO: EntryId = EntryId { ms: 0, seq: 0 };

/// The account.
#[derive(Debug, Default)]
pub struct Ledger {
    /// All up to here has been read; reading goes on behind it.
    position: EntryId,
    /// The newest entry that was ever read: behind `position` if the stream was emptied.
    newest: EntryId,
    /// How many entries had been added up to `position`, if that is known.
    added: Option<u64>,
    /// Up to here nothing was missed.
    verified: EntryId,
    /// Something up to here was there when Redis was last asked: only this tells a loss if it does not
    /// count.
    held: Option<EntryId>,
    checkpoint: Option<Checkpoint>,
}

/// An entry to come.
#[derive(Clone, Copy, Debug)]
struct Checkpoint {
    id: EntryId,
    /// What the count must be with it, if Redis counts.
    added: Option<u64>,
    /// Where reading was when Redis said so.
    position: EntryId,
}

impl Checkpoint {
    /// Whether what Redis counts now cannot have come of what it counted then: it holds more behind
    /// this entry than was added since. Its count then says nothing of what we read.
    fn is_contradicted_by(&self, survey: &Survey) -> bool {
        let Some((then, now)) = self.added.zip(survey.added) else { return false };
        let all_behind = survey.first.is_some_and(|first| first > self.id);
        now < then || (all_behind && survey.length > now - then)
    }
}

impl Ledger {
    /// Begins behind an entry of a stream of which Redis says this. Behind [`ZERO`] nothing was ever
    /// added.
    #[must_use]
    pub fn new(position: EntryId, survey: Option<Survey>) -> Self {
        let added = (position == ZERO).then_some(0);
        let mut ledger = Self { position, newest: position, verified: position, added, ..Self::default() };
        if survey.is_some() {
            ledger.check(survey);
        }
        ledger
    }

    /// Begins with these entries, the newest there are, of which the last was read after Redis said this.
    #[must_use]
    pub fn begin(after: EntryId, entries: impl IntoIterator<Item = EntryId>, survey: Option<Survey>) -> Self {
        let mut ledger = Self::new(after, survey);
        for id in entries {
            ledger.read(id);
        }
        if let Some(survey) = survey.filter(|survey| survey.last > ledger.position) {
            ledger.pass(survey);
        }
        ledger
    }

    /// Where reading goes on.
    #[must_use]
    pub fn position(&self) -> EntryId {
        self.position
    }

    /// The next entry was read. What was lost was lost before it.
    pub fn read(&mut self, id: EntryId) -> Finding {
        if id <= self.newest {
            return Finding::Another;
        }
        let before = std::mem::replace(&mut self.position, id);
        self.newest = id;
        self.held.get_or_insert(id);
        let counted = self.added;
        self.added = counted.map(|added| added + 1);
        let Some(checkpoint) = self.checkpoint.filter(|checkpoint| id >= checkpoint.id) else {
            return Finding::Fine;
        };
        self.checkpoint = None;
        let met = id == checkpoint.id;
        let at_checkpoint = if met { self.added } else { counted };
        self.added = checkpoint.added.map(|added| added + u64::from(!met)).or(self.added);
        // Without a count: it was there, and is not any more.
        if checkpoint.added.is_none() {
            return if met { Finding::Fine } else { self.lost() };
        }
        if differ(at_checkpoint, checkpoint.added) {
            return self.lost();
        }
        self.verified = if met { id } else { before };
        Finding::Fine
    }

    /// Redis was asked on the same connection, while all that was read came from there.
    pub fn check(&mut self, survey: Option<Survey>) -> Finding {
        let Some(survey) = survey else { return self.emptied() };
        if survey.last < self.position {
            return Finding::Another;
        }
        if survey.last == self.position {
            return self.agree(survey);
        }
        if let Some(checkpoint) = self.checkpoint
            && (checkpoint.id, checkpoint.position) == (survey.last, self.position)
        {
            // Since the last look nothing was there to be read.
            let before = self.verified;
            let finding = self.pass(survey);
            return if survey.added.is_some() { finding } else { Finding::Lost(before) };
        }
        self.expect(survey);
        if survey.added.is_some() { Finding::Fine } else { self.look_at_extent(survey.first) }
    }

    /// Redis was asked on a new connection; `found` says whether the entry at our position is there.
    pub fn resume(&mut self, survey: Option<Survey>, found: bool) -> Finding {
        let before = self.checkpoint.take();
        let Some(survey) = survey else { return self.emptied() };
        if survey.last < self.position {
            return Finding::Another;
        }
        if survey.last == self.position {
            return self.check(Some(survey));
        }
        self.expect(survey);
        let forked = before.is_some_and(|before| before.is_contradicted_by(&survey));
        let behind = || survey.first.is_some_and(|first| first > self.position);
        // A count that was not checked since the last entry was read may have missed some before it.
        let checked = self.added.filter(|_| self.verified == self.position);
        let complete = checked
            .zip(survey.added)
            .is_some_and(|(ours, theirs)| theirs.checked_sub(ours) == Some(survey.length) && behind());
        if found || (complete && !forked) {
            return Finding::Fine;
        }
        // What was seen before says nothing of this stream.
        (self.added, self.held) = (None, None);
        self.lost()
    }

    /// The stream is not there any more, or never was.
    fn emptied(&mut self) -> Finding {
        let seen = self.checkpoint.take().is_some() || self.position > ZERO;
        (self.added, self.held) = (Some(0), None);
        if !seen {
            return Finding::Fine;
        }
        self.position = ZERO;
        self.lost()
    }

    fn expect(&mut self, Survey { last, added, .. }: Survey) {
        self.checkpoint = Some(Checkpoint { id: last, added, position: self.position });
    }

    /// What was added behind our position has gone.
    fn pass(&mut self, survey: Survey) -> Finding {
        (self.position, self.newest, self.checkpoint) = (survey.last, survey.last, None);
        self.agree(survey)
    }

    /// All has been read, if it is the stream that we know.
    fn agree(&mut self, survey: Survey) -> Finding {
        let ours = std::mem::replace(&mut self.added, survey.added);
        if survey.added.is_none() {
            return self.look_at_extent(survey.first);
        }
        if differ(ours, survey.added) {
            return self.lost();
        }
        self.verified = self.position;
        Finding::Fine
    }

    /// Without a count: once all has gone that was there at the last look, more may have.
    fn look_at_extent(&mut self, first: Option<EntryId>) -> Finding {
        let gone = self.held.zip(first).is_some_and(|(held, first)| first > held);
        self.held = first.map(|first| first.max(self.position));
        let before = std::mem::replace(&mut self.verified, self.position);
        if gone { Finding::Lost(before) } else { Finding::Fine }
    }

    fn lost(&mut self) -> Finding {
        Finding::Lost(std::mem::replace(&mut self.verified, self.position))
    }
}

fn differ(ours: Option<u64>, theirs: Option<u64>) -> bool {
    matches!((ours, theirs), (Some(ours), Some(theirs)) if ours != theirs)
}
