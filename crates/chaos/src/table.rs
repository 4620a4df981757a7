//! Shows rows as a table in the terminal.

use std::{collections::BTreeMap, fmt::Write};

use crate::{
    broker::Broker,
    crowd::{Share, Shares},
    report::{Report, Row},
    scenario,
    soak::SoakOutcome,
};

const HEAD: [&str; 13] = [
    "scenario",
    "broker",
    "published",
    "delivered",
    "lost",
    "doubled",
    "disordered",
    "lost in gaps",
    "gaps told",
    "expected",
    "dead pages",
    "recovered",
    "verdict",
];

/// The whole table, and below it what was wrong.
pub(crate) fn render(report: &Report) -> String {
    let mut lines = vec![HEAD.map(str::to_owned)];
    lines.extend(report.rows.iter().map(cells));
    let mut text = aligned(&lines);
    text += &transports(report.rows.iter().filter_map(|row| Some(&row.outcome.as_ref()?.shares)));
    for row in report.rows.iter().filter(|row| !row.is_green()) {
        // Writing into a String cannot fail.
        let _ = writeln!(text, "{} on {}: {}", row.scenario, row.broker.label(), row.in_words());
        if row.gaps_without_cause > 0 {
            let _ = writeln!(text, "    gaps expected: {}, because {}", row.expected_gaps, row.because);
        }
        for (told, count) in row.outcome.iter().flat_map(|outcome| &outcome.findings.gaps) {
            let _ = writeln!(text, "    gap told: {told}, {count} times");
        }
        for (taste, share) in row.outcome.iter().flat_map(|outcome| &outcome.shares) {
            for fault in share.findings.faults() {
                let _ = writeln!(text, "    {taste}: {fault}");
            }
        }
        for (why, count) in row.outcome.iter().flat_map(|outcome| &outcome.dead) {
            let _ = writeln!(text, "    dead: {why}, {count} pages");
        }
    }
    text
}

/// What became of those who spoke each transport, over all of these trials.
fn transports<'a>(trials: impl Iterator<Item = &'a Shares>) -> String {
    let mut sums: BTreeMap<&str, Share> = BTreeMap::new();
    for (taste, share) in trials.flatten() {
        sums.entry(taste).or_default().add(share);
    }
    let head =
        ["transport", "clients", "delivered", "wrong", "lost in gaps", "gaps told", "reconnects", "moves"];
    let mut lines = vec![head.map(str::to_owned)];
    lines.extend(sums.iter().map(|(taste, share)| {
        let Share { clients, reconnects, moves, findings } = share;
        let numbers = [*clients, findings.received, findings.wrong(), findings.lost_in_gaps, findings.told()];
        let mut cells: [String; 8] = Default::default();
        (*taste).clone_into(&mut cells[0]);
        for (cell, number) in cells[1..].iter_mut().zip(numbers.iter().chain([reconnects, moves])) {
            *cell = number.to_string();
        }
        cells
    }));
    aligned(&lines)
}

/// Which scenarios there are, and what may come of them.
pub(crate) fn list() -> String {
    let mut text = String::new();
    for scenario in scenario::ALL {
        let quick = if scenario.is_quick { " (quick)" } else { "" };
        let _ = writeln!(text, "{}{quick}: {}", scenario.name, scenario.about);
        for broker in [Broker::Pubsub, Broker::Stream] {
            let expected = scenario.expected(broker);
            let (broker, gaps) = (broker.label(), expected.gaps.label());
            let _ = writeln!(text, "    {broker}: gaps {gaps}, because {}", expected.why);
        }
    }
    text
}

/// What a soak found.
pub(crate) fn soak(outcome: &SoakOutcome) -> String {
    let head = ["gateway", "figure", "medians over time, once history was full", "growth", "verdict"];
    let mut lines = vec![head.map(str::to_owned)];
    lines.extend(outcome.courses.iter().map(|course| {
        let verdict = if course.fault().is_none() { "green" } else { "RED" };
        let growth = format!("{:.1} %", course.growth() * 100.0);
        [course.gateway.to_string(), course.figure.clone(), course.shown(), growth, verdict.to_owned()]
    }));
    let mut text = aligned(&lines);
    text += &transports([&outcome.shares].into_iter());
    let (published, received) = (outcome.published, outcome.findings.received);
    let reconnects = outcome.reconnects;
    let _ = writeln!(text, "{published} published, {received} delivered, {reconnects} reconnects");
    match &*outcome.faults() {
        [] => text.push_str("green\n"),
        faults => text.extend(faults.iter().map(|fault| format!("RED: {fault}\n"))),
    }
    text
}

fn cells(row: &Row) -> [String; 13] {
    let verdict = if row.is_green() { "green" } else { "RED" };
    let mut cells: [String; 13] = Default::default();
    row.scenario.clone_into(&mut cells[0]);
    row.broker.label().clone_into(&mut cells[1]);
    row.expected_gaps.clone_into(&mut cells[9]);
    verdict.clone_into(&mut cells[12]);
    if let Some(outcome) = &row.outcome {
        let found = &outcome.findings;
        let numbers =
            [outcome.published, found.received, found.lost_silently, found.doubled, found.disordered]
                .into_iter()
                .chain([found.lost_in_gaps, found.told()]);
        for (cell, number) in cells[2..].iter_mut().zip(numbers) {
            *cell = number.to_string();
        }
        cells[10] = outcome.dead_pages().to_string();
        cells[11] = outcome.recovery_seconds.map(|seconds| format!("{seconds:.1} s")).unwrap_or_default();
    }
    cells
}

/// Columns wide enough for all that stands in them, with a rule below the first line.
pub(crate) fn aligned<const COLUMNS: usize>(lines: &[[String; COLUMNS]]) -> String {
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..COLUMNS).map(width).collect();
    let mut text = String::from("\n");
    for (number, line) in lines.iter().enumerate() {
        let mut padded = String::new();
        for (cell, &wide) in line.iter().zip(&widths) {
            let _ = write!(padded, "{cell:wide$}  ");
        }
        let _ = writeln!(text, "{}", padded.trim_end());
        if number == 0 {
            let _ = writeln!(text, "{}", "─".repeat(widths.iter().map(|wide| wide + 2).sum()));
        }
    }
    text.push('\n');
    text
}
