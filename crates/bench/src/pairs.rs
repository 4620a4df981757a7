//! Takes measurements in turn, pair by pair, so that the machine's moods hit all alike.

use std::fmt::Display;

use crate::Result;
use crate::interrupt;
use crate::lab::Lab;
use crate::report::{Figure, Row, Unit};
use crate::server::Contender;
use crate::statistics::Interval;

/// One measurement, and what went wrong in it.
pub(crate) struct Measured<T> {
    pub(crate) figures: T,
    pub(crate) trouble: Option<String>,
}

/// All measurements of a scenario, by case and in order of their pairs.
pub(crate) struct Series<C, T> {
    cases: Vec<(C, Vec<T>)>,
}

/// Measures every case once in each pair. The order turns from pair to pair, so that none is
/// always the one that comes after a certain other.
pub(crate) fn measure<C, T>(
    lab: &mut Lab,
    scenario: &'static str,
    pairs: usize,
    cases: &[C],
    measure_one: impl Fn(&Lab, C) -> Result<Measured<T>>,
) -> Series<C, T>
where
    C: Copy + PartialEq + Display + Peer,
{
    let mut series = Series { cases: cases.iter().map(|&case| (case, Vec::new())).collect() };
    for pair in 0..pairs {
        for turn in 0..cases.len() {
            let (case, values) = &mut series.cases[(pair + turn) % cases.len()];
            // A case that has failed once is not tried again: it would waste minutes.
            if values.len() < pair || interrupt::is_wanted() {
                continue;
            }
            lab.progress.say(format!("{scenario}: {case}"));
            let is_failure = !case.is_peer();
            match measure_one(lab, *case) {
                Ok(measured) => {
                    values.push(measured.figures);
                    if let Some(trouble) = measured.trouble {
                        lab.trouble(scenario, case, is_failure, &trouble);
                    }
                }
                Err(error) => lab.trouble(scenario, case, is_failure, &error),
            }
        }
        lab.progress.advance();
    }
    series
}

/// Whether a case is somebody else's software, whose failures are not ours.
pub(crate) trait Peer {
    fn is_peer(&self) -> bool {
        false
    }
}

impl Peer for Contender {
    fn is_peer(&self) -> bool {
        Contender::PEERS.contains(self)
    }
}

impl<C: Copy + PartialEq + Display, T> Series<C, T> {
    /// One figure of all measurements of a case.
    pub(crate) fn figures(&self, case: C, figure: impl Fn(&T) -> f64) -> Vec<f64> {
        self.cases
            .iter()
            .filter(|(other, _)| *other == case)
            .flat_map(|(_, values)| values.iter().map(&figure))
            .collect()
    }

    /// One figure of a case divided by that of another, pair by pair.
    pub(crate) fn ratio(&self, case: C, base: C, figure: impl Fn(&T) -> f64) -> Option<Interval> {
        let above = self.figures(case, &figure);
        let below = self.figures(base, &figure);
        let ratios: Vec<f64> = above.iter().zip(&below).map(|(a, b)| a / b).collect();
        Interval::of(&ratios)
    }

    /// A row that compares one figure of two cases.
    pub(crate) fn row(
        &self,
        (scenario, measure, unit): (&'static str, &str, Unit),
        case: C,
        base: C,
        figure: impl Fn(&T) -> f64,
    ) -> Row {
        let mut row = Row::new(scenario, measure, unit);
        row.ours = Figure::of(case, self.figures(case, &figure));
        row.base = Figure::of(base, self.figures(base, &figure));
        row.ratio = self.ratio(case, base, &figure);
        let others = self.cases.iter().map(|(other, _)| *other);
        row.peers = others
            .filter(|other| *other != case && *other != base)
            .filter_map(|other| Figure::of(other, self.figures(other, &figure)))
            .collect();
        row
    }
}

impl<T> Series<Contender, T> {
    /// A row that compares the gateway with the floor.
    pub(crate) fn against_floor(&self, head: (&'static str, &str, Unit), figure: impl Fn(&T) -> f64) -> Row {
        self.row(head, Contender::Fanfare, Contender::Floor, figure)
    }
}
