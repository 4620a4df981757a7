//! What this process knows of what is shown, beside what Redis remembers.
//!
//! A Redis that writes nothing to disk forgets all of it when it restarts; and a gateway on Pub/Sub whose link broke drops
//! what comes before it counts again, retractions too. What is published again then is what Redis remembers; what has gone
//! is known here alone.

use std::{
    cell::{Cell, RefCell},
    collections::{HashMap, VecDeque},
    time::{Duration, Instant},
};

use watcher::{Change, Fingerprint};

/// How long and how many retractions are remembered.
const KEEP_GONE: (Duration, usize) = (Duration::from_secs(60), 100_000);

/// What is known, by query.
#[derive(Default)]
pub(super) struct Memory {
    queries: RefCell<HashMap<String, Known>>,
    has_warned: Cell<bool>,
}

#[derive(Default)]
struct Known {
    shown: HashMap<String, Fingerprint>,
    /// What was retracted of late, the newest last.
    gone: VecDeque<(Instant, String)>,
}

impl Memory {
    /// How many channels are shown.
    pub(super) fn count(&self) -> usize {
        self.queries.borrow().values().map(|known| known.shown.len()).sum()
    }

    /// Whether it has not been asked before.
    pub(super) fn is_first_warning(&self) -> bool {
        !self.has_warned.replace(true)
    }

    /// What Redis remembers, and, where there is doubt whether all gateways have it, what else may be shown.
    pub(super) fn learn(
        &self,
        query: &str,
        remembered: Vec<(String, Fingerprint)>,
        in_doubt: bool,
    ) -> Vec<(String, Fingerprint)> {
        let mut queries = self.queries.borrow_mut();
        let known = queries.entry(query.to_owned()).or_default();
        let mut shown = remembered;
        if shown.is_empty() {
            shown.extend(known.shown.iter().map(|(channel, shown)| (channel.clone(), shown.uncertain())));
        } else {
            known.shown = shown.iter().cloned().collect();
        }
        if in_doubt {
            let gone = known.gone.iter().map(|(_, channel)| channel);
            let gone = gone.filter(|channel| !known.shown.contains_key(*channel));
            shown.extend(gone.map(|channel| (channel.clone(), Fingerprint::default().uncertain())));
        }
        shown
    }

    /// What has been published.
    pub(super) fn note(&self, query: &str, changes: &[Change]) {
        let mut queries = self.queries.borrow_mut();
        let known = queries.entry(query.to_owned()).or_default();
        let now = Instant::now();
        for change in changes {
            let channel = change.channel().to_owned();
            match change.fingerprint {
                Some(shown) => drop(known.shown.insert(channel, shown)),
                None => {
                    known.shown.remove(&channel);
                    known.gone.push_back((now, channel));
                }
            }
        }
        while known.gone.len() > KEEP_GONE.1
            || known.gone.front().is_some_and(|(at, _)| now.duration_since(*at) > KEEP_GONE.0)
        {
            known.gone.pop_front();
        }
    }
}
