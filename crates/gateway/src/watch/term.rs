//! Publishing by Redis, for as long as the lease is held.

use broker::{Entry, Remembered, Term, TermEnd};
use watcher::{Change, Fingerprint, Heard, Outlet};

use super::memory::Memory;

/// A term of the lease.
pub(super) struct InTerm<'a> {
    pub(super) term: &'a Term<'a>,
    pub(super) memory: &'a Memory,
}

impl Outlet for InTerm<'_> {
    type Ended = TermEnd;

    async fn shown(&self, query: &str) -> Result<Vec<(String, Fingerprint)>, TermEnd> {
        let remembered = self.term.shown(query).await?;
        let in_doubt = remembered.is_empty() || remembered.iter().any(|shown| !shown.certain);
        Ok(self.memory.learn(query, read(remembered), in_doubt))
    }

    async fn publish(&self, query: &str, changes: &[Change]) -> Result<Heard, TermEnd> {
        let entries: Vec<_> = changes.iter().map(entry).collect();
        if !self.term.publish(query, &entries).await? {
            return Ok(Heard::ByNobody);
        }
        self.memory.note(query, changes);
        Ok(Heard::Yes)
    }
}

fn entry(change: &Change) -> Entry<'_> {
    let shown = change.fingerprint.map(|shown| shown.to_string()).unwrap_or_default();
    Entry { publication: &change.publication, shown }
}

/// What was remembered; what cannot be read is as if it had not been.
pub(super) fn read(remembered: Vec<Remembered>) -> Vec<(String, Fingerprint)> {
    let read = |Remembered { channel, shown, certain }| {
        let shown: Fingerprint = shown.parse().ok()?;
        Some((channel, if certain { shown } else { shown.uncertain() }))
    };
    remembered.into_iter().filter_map(read).collect()
}
