//! What a run found, as rows for the table and for JSON.

use serde::Serialize;

use crate::{
    Result,
    broker::Broker,
    outcome::Outcome,
    scenario::{Gaps, Scenario},
};

/// All results of a run.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Report {
    pub(crate) rows: Vec<Row>,
}

/// One scenario on one broker.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) scenario: &'static str,
    pub(crate) broker: Broker,
    /// Which gaps may be told, and why.
    pub(crate) expected_gaps: &'static str,
    pub(crate) because: &'static str,
    /// None if it could not be run.
    pub(crate) outcome: Option<Outcome>,
    pub(crate) gaps_without_cause: u64,
    /// Everything that is wrong; it is green if nothing is.
    pub(crate) faults: Vec<String>,
}

impl Row {
    pub(crate) fn new(scenario: &Scenario, broker: Broker, outcome: Result<Outcome>) -> Self {
        let expected = scenario.expected(broker);
        let (outcome, faults) = match outcome {
            Ok(outcome) => {
                let faults = outcome.faults(expected.gaps);
                (Some(outcome), faults)
            }
            Err(error) => (None, vec![format!("could not be run: {error}")]),
        };
        let without_cause = |outcome: &Outcome| outcome.gaps_without_cause(expected.gaps);
        Self {
            scenario: scenario.name,
            broker,
            expected_gaps: Gaps::label(expected.gaps),
            because: expected.why,
            gaps_without_cause: outcome.as_ref().map_or(0, without_cause),
            outcome,
            faults,
        }
    }

    /// Whether all was as it should be.
    pub(crate) fn is_green(&self) -> bool {
        self.faults.is_empty()
    }

    /// One line about it.
    pub(crate) fn in_words(&self) -> String {
        if self.is_green() { "green".to_owned() } else { format!("RED: {}", self.faults.join(", ")) }
    }
}

impl Report {
    /// Whether everything ran and was as it should be.
    pub(crate) fn is_green(&self) -> bool {
        self.rows.iter().all(Row::is_green)
    }
}
