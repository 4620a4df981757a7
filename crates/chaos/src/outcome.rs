//! How a scenario ended, and whether that is as it should be.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    broker::Broker,
    crowd::Shares,
    oracle::{Findings, in_words},
    scenario::Gaps,
};

/// How one scenario ended on one broker.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Outcome {
    pub(crate) scenario: String,
    pub(crate) broker: Broker,
    /// Acknowledged publications.
    pub(crate) published: u64,
    /// How often the publisher had no Redis.
    pub(crate) publisher_failures: u32,
    /// Clients at the end.
    pub(crate) sessions: usize,
    /// Connections of clients that ended.
    pub(crate) reconnects: u64,
    /// Pages that will never try again, by what stopped them.
    pub(crate) dead: BTreeMap<String, u64>,
    /// Clients that were not live or not complete at the end.
    pub(crate) unwell: usize,
    /// From the end of the last connection until every client was live; none if there was no end.
    pub(crate) recovery_seconds: Option<f64>,
    pub(crate) findings: Findings,
    /// The same by what clients spoke.
    pub(crate) shares: Shares,
}

impl Outcome {
    /// How many pages are dead.
    pub(crate) fn dead_pages(&self) -> u64 {
        self.dead.values().sum()
    }

    /// Gaps that were told although nothing can have been lost.
    pub(crate) fn gaps_without_cause(&self, gaps: Gaps) -> u64 {
        let allowed = |told: &str| match gaps {
            Gaps::None => false,
            Gaps::OfA => told.split_once('@').is_some_and(|(_, gateway)| gateway.starts_with('a')),
            Gaps::Any => true,
        };
        self.findings.gaps.iter().filter(|(told, _)| !allowed(told)).map(|(_, count)| count).sum()
    }

    /// Everything that is wrong, in words.
    pub(crate) fn faults(&self, gaps: Gaps) -> Vec<String> {
        let mut faults = self.findings.faults();
        faults.extend(in_words(&[
            (self.gaps_without_cause(gaps), "gaps told without cause"),
            (self.dead_pages(), "dead pages"),
            (self.unwell as u64, "clients not live or not complete at the end"),
        ]));
        if self.findings.received == 0 || self.published == 0 {
            faults.push("nothing was published or delivered".to_owned());
        }
        faults
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome() -> Outcome {
        Outcome {
            scenario: "x".to_owned(),
            broker: Broker::Pubsub,
            published: 1,
            publisher_failures: 0,
            sessions: 1,
            reconnects: 0,
            dead: BTreeMap::new(),
            unwell: 0,
            recovery_seconds: None,
            shares: Shares::new(),
            findings: Findings { received: 1, ..Findings::default() },
        }
    }

    #[test]
    fn a_clean_outcome_has_no_faults() {
        assert!(outcome().faults(Gaps::None).is_empty());
    }

    #[test]
    fn each_thing_that_is_wrong_is_a_fault() {
        let broken: [fn(&mut Outcome); 8] = [
            |outcome| outcome.findings.lost_silently = 1,
            |outcome| outcome.findings.doubled = 1,
            |outcome| outcome.findings.disordered = 1,
            |outcome| outcome.findings.foreign = 1,
            |outcome| outcome.findings.received = 0,
            |outcome| outcome.published = 0,
            |outcome| outcome.unwell = 1,
            |outcome| outcome.dead = BTreeMap::from([("503".to_owned(), 1)]),
        ];
        for (index, breaks) in broken.iter().enumerate() {
            let mut outcome = outcome();
            breaks(&mut outcome);
            assert_eq!(outcome.faults(Gaps::Any).len(), 1, "{index}");
        }
    }

    #[test]
    fn a_gap_needs_a_cause_where_it_is_told() {
        let mut outcome = outcome();
        outcome.findings.gaps.insert("broker-lost@a-unchecked".to_owned(), 2);
        outcome.findings.gaps.insert("broker-lost@b".to_owned(), 3);
        outcome.findings.lost_in_gaps = 7;
        assert_eq!(outcome.gaps_without_cause(Gaps::None), 5);
        assert_eq!(outcome.gaps_without_cause(Gaps::OfA), 3);
        assert_eq!(outcome.gaps_without_cause(Gaps::Any), 0);
    }
}
