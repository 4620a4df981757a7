//! Publishing by Redis, for as long as the lease is held.

use broker::{Entry, Remembered, Term, TermEnd};
use watcher::{Change, Fingerprint, Heard, Outlet, Query};

use super::memory::Memory;

/// A term of the lease.
pub(super) struct InTerm<'a> {
    pub(super) term: &'a Term<'a>,
    pub(super) memory: &'a Memory,
    /// How many entries the stream keeps, where there is one.
    pub(super) keep_count: Option<usize>,
}

impl Outlet for InTerm<'_> {
    type Ended = TermEnd;

    async fn shown(&self, query: &Query) -> Result<Vec<(String, Fingerprint)>, TermEnd> {
        let remembered = self.term.shown(&query.name).await?;
        let in_doubt = remembered.is_empty() || remembered.iter().any(|shown| !shown.certain);
        Ok(self.memory.learn(&query.name, read(remembered), in_doubt))
    }

    async fn publish(&self, query: &Query, changes: &[Change]) -> Result<Heard, TermEnd> {
        let entries: Vec<_> = changes.iter().map(entry).collect();
        if !self.term.publish(&query.name, &entries).await? {
            return Ok(Heard::ByNobody);
        }
        self.memory.note(&query.name, changes);
        self.warn_of_trimming();
        Ok(Heard::Yes)
    }
}

impl InTerm<'_> {
    /// A gateway that starts reads the stream back, and finds no more in it than its newest entries.
    fn warn_of_trimming(&self) {
        let Some(keep) = self.keep_count else { return };
        let shown = self.memory.count();
        if shown > keep && self.memory.is_first_warning() {
            tracing::warn!(
                "{shown} channels are shown, and the stream keeps {keep} entries: a gateway that starts shows no more than \
                 these; set broker.redis.stream_keep_count to several times as many as there are rows"
            );
        }
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
