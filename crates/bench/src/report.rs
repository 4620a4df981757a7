//! What a benchmark found, as rows for the table and for JSON.

use std::fmt::Display;

use serde::Serialize;

use crate::options::Scale;
use crate::server::Contender;
use crate::statistics::Interval;
use crate::verdict::{Target, Verdict};

/// All results of one benchmark.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) scale: Scale,
    pub(crate) rows: Vec<Row>,
    /// Deliveries that went wrong, and measurements that could not be made.
    pub(crate) troubles: Vec<Trouble>,
    /// What a reader of the table should know.
    pub(crate) notes: Vec<String>,
}

/// One line of the table.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) scenario: &'static str,
    pub(crate) measure: String,
    pub(crate) unit: Unit,
    /// The gateway's.
    pub(crate) ours: Option<Figure>,
    /// What it is compared with.
    pub(crate) base: Option<Figure>,
    /// Medians of peers, for information unless `base` names one.
    pub(crate) peers: Vec<Figure>,
    /// Ours divided by the base, pair by pair.
    pub(crate) ratio: Option<Interval>,
    pub(crate) target: Option<Target>,
    pub(crate) verdict: Option<Verdict>,
}

/// Somebody's figure.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Figure {
    pub(crate) name: String,
    pub(crate) median: f64,
    /// All measurements, in order of their pairs.
    pub(crate) values: Vec<f64>,
}

/// How a figure is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Unit {
    Micros,
    Seconds,
    PerSecond,
    Bytes,
    BytesPerSecond,
    Share,
    Count,
}

/// Something that went wrong.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Trouble {
    pub(crate) scenario: &'static str,
    pub(crate) who: String,
    pub(crate) what: String,
    /// A peer's trouble is told, but is no failure of ours.
    pub(crate) is_failure: bool,
}

impl Report {
    pub(crate) fn new(scale: Scale) -> Report {
        Report { scale, rows: Vec::new(), troubles: Vec::new(), notes: Vec::new() }
    }

    /// Adds a note once.
    pub(crate) fn note(&mut self, note: impl Into<String>) {
        let note = note.into();
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// Whether the gateway or the floor failed at anything.
    pub(crate) fn has_failed(&self) -> bool {
        self.troubles.iter().any(|trouble| trouble.is_failure)
    }
}

impl Row {
    pub(crate) fn new(scenario: &'static str, measure: impl Into<String>, unit: Unit) -> Row {
        Row {
            scenario,
            measure: measure.into(),
            unit,
            ours: None,
            base: None,
            peers: Vec::new(),
            ratio: None,
            target: None,
            verdict: None,
        }
    }

    /// A row about the gateway alone.
    pub(crate) fn ours(mut self, values: Vec<f64>) -> Row {
        self.ours = Figure::of(Contender::Fanfare, values);
        self
    }

    /// Judges the ratio, if there is one. `load_busy`: how full the generator's core was, where
    /// that excuses.
    pub(crate) fn target(mut self, target: Target, load_busy: Option<f64>) -> Row {
        self.target = self.ratio.map(|_| target);
        self.verdict = self.ratio.map(|ratio| target.judge(ratio, load_busy));
        self
    }

    /// Judges the gateway's own figures instead of a ratio.
    pub(crate) fn own_target(mut self, target: Target) -> Row {
        let interval = self.ours.as_ref().and_then(|ours| Interval::of(&ours.values));
        self.target = interval.map(|_| target);
        self.verdict = interval.map(|interval| target.judge(interval, None));
        self
    }
}

impl Figure {
    /// The figure of somebody who was measured at all.
    pub(crate) fn of(name: impl Display, values: Vec<f64>) -> Option<Figure> {
        let median = Interval::of(&values)?.median;
        Some(Figure { name: name.to_string(), median, values })
    }
}

impl Unit {
    /// The figure with its unit.
    pub(crate) fn show(self, value: f64) -> String {
        match self {
            Unit::Micros if value >= 10_000.0 => format!("{:.1} ms", value / 1e3),
            Unit::Micros => format!("{value:.2} µs"),
            Unit::Seconds => format!("{value:.3} s"),
            Unit::PerSecond if value >= 1e6 => format!("{:.2} M/s", value / 1e6),
            Unit::PerSecond => format!("{:.1} k/s", value / 1e3),
            Unit::Bytes if value.abs() >= 1e6 => format!("{:.2} MB", value / 1e6),
            Unit::Bytes => format!("{:.2} KB", value / 1e3),
            Unit::BytesPerSecond => format!("{:.1} KB/s", value / 1e3),
            Unit::Share if value < 0.1 => format!("{:.2} %", value * 100.0),
            Unit::Share => format!("{:.0} %", value * 100.0),
            Unit::Count => format!("{value:.0}"),
        }
    }
}
