//! What is shown, by channel, as far as one query has published it.

use std::{collections::HashMap, fmt, str::FromStr, time::Duration};

/// What tells one value from another, and when it was published.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fingerprint {
    /// XXH3 of the value: two that differ have the same one once in 10^19 times.
    pub hash: u64,
    /// In seconds since 1970.
    pub at: u32,
}

impl Fingerprint {
    /// The fingerprint of what may not be shown any more: no value has it.
    #[must_use]
    pub fn uncertain(self) -> Self {
        Self { hash: !self.hash, ..self }
    }
}

/// A channel that a query knows.
struct Entry {
    /// Of what is shown; `None` until its first publication has gone out.
    fingerprint: Option<Fingerprint>,
    /// In which run its row was seen last.
    run: u32,
}

/// All channels of a query.
#[derive(Default)]
pub(crate) struct Shown {
    entries: HashMap<Box<str>, Entry>,
    run: u32,
}

/// What a row means for its channel.
pub(crate) enum Seen {
    /// Nothing: it is shown as it is.
    Same,
    /// It is as it is shown, but that was long ago.
    Old,
    /// It is to be shown.
    New,
    /// Another row of the same result has this channel.
    Twice,
}

impl Shown {
    pub(crate) fn new(known: Vec<(String, Fingerprint)>) -> Self {
        let entry = |fingerprint| Entry { fingerprint: Some(fingerprint), run: 0 };
        let entries = known.into_iter().map(|(channel, fingerprint)| (channel.into(), entry(fingerprint)));
        Self { entries: entries.collect(), run: 0 }
    }

    /// A new result is looked at.
    pub(crate) fn begin(&mut self) {
        self.run = self.run.wrapping_add(1);
        // What was never published, and may never come again.
        self.entries.retain(|_, entry| entry.fingerprint.is_some());
    }

    /// A row of it. What was published `refresh` ago, or somewhat less, is old: each channel has a moment of its own, so
    /// that those that were published together are not refreshed together.
    pub(crate) fn see(&mut self, channel: &str, now: Fingerprint, refresh: Option<Duration>) -> Seen {
        let run = self.run;
        let Some(entry) = self.entries.get_mut(channel) else {
            self.entries.insert(channel.into(), Entry { fingerprint: None, run });
            return Seen::New;
        };
        if std::mem::replace(&mut entry.run, run) == run {
            return Seen::Twice;
        }
        match entry.fingerprint {
            Some(shown) if shown.hash == now.hash => {
                let age = Duration::from_secs(u64::from(now.at.saturating_sub(shown.at)));
                let is_old = refresh.is_some_and(|refresh| age > refresh.mul_f64(patience(now.hash)));
                if is_old { Seen::Old } else { Seen::Same }
            }
            _ => Seen::New,
        }
    }

    /// As if its row had not been in this result.
    pub(crate) fn overlook(&mut self, channel: &str) {
        if let Some(entry) = self.entries.get_mut(channel) {
            entry.run = self.run.wrapping_sub(1);
        }
    }

    /// Channels that are shown and had no row in this result.
    pub(crate) fn gone(&self) -> impl Iterator<Item = &str> {
        let gone = |entry: &Entry| entry.run != self.run && entry.fingerprint.is_some();
        self.entries.iter().filter(move |(_, entry)| gone(entry)).map(|(channel, _)| &**channel)
    }

    /// What is shown in a channel from now on.
    pub(crate) fn set(&mut self, channel: &str, fingerprint: Option<Fingerprint>) {
        match (fingerprint, self.entries.get_mut(channel)) {
            (None, _) => drop(self.entries.remove(channel)),
            (Some(_), Some(entry)) => entry.fingerprint = fingerprint,
            (Some(_), None) => {
                self.entries.insert(channel.into(), Entry { fingerprint, run: self.run });
            }
        }
    }
}

/// Between three quarters and all of the time after which a value is old.
fn patience(hash: u64) -> f64 {
    0.75 + 0.25 * f64::from(hash as u32) / f64::from(u32::MAX)
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:016x} {}", self.hash, self.at)
    }
}

/// The text is no fingerprint.
#[derive(Debug)]
pub struct NoFingerprint;

impl FromStr for Fingerprint {
    type Err = NoFingerprint;

    fn from_str(text: &str) -> Result<Self, NoFingerprint> {
        let (hash, at) = text.split_once(' ').ok_or(NoFingerprint)?;
        let hash = u64::from_str_radix(hash, 16).map_err(|_| NoFingerprint)?;
        Ok(Self { hash, at: at.parse().map_err(|_| NoFingerprint)? })
    }
}
