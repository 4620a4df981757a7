//! Shows a report as a table in the terminal.

use std::fmt::Write;

use crate::report::{Figure, Report, Row};
use crate::verdict::Target;

const HEAD: [&str; 8] =
    ["scenario", "measure", "ours", "against", "ratio [interval]", "target", "verdict", "peers"];

/// The whole table, its notes and its troubles.
pub(crate) fn render(report: &Report) -> String {
    let mut lines = vec![HEAD.map(str::to_owned)];
    lines.extend(report.rows.iter().map(cells));
    let widths: Vec<usize> = (0..HEAD.len())
        .map(|column| lines.iter().map(|line| width(&line[column])).max().unwrap_or(0))
        .collect();
    let mut text = String::from("\n");
    for (number, line) in lines.iter().enumerate() {
        text.push_str(&padded(line, &widths));
        if number == 0 {
            let rule: usize = widths.iter().map(|width| width + 2).sum();
            // Writing into a String cannot fail.
            let _ = writeln!(text, "{}", "─".repeat(rule));
        }
    }
    text.push('\n');
    for note in &report.notes {
        let _ = writeln!(text, "note: {note}");
    }
    for trouble in &report.troubles {
        let kind = if trouble.is_failure { "ERROR" } else { "peer" };
        let _ = writeln!(text, "{kind}: {} ({}): {}", trouble.scenario, trouble.who, trouble.what);
    }
    text
}

fn cells(row: &Row) -> [String; 8] {
    let figure = |figure: &Figure| format!("{} {}", figure.name, row.unit.show(figure.median));
    let peers: Vec<String> = row.peers.iter().map(figure).collect();
    [
        row.scenario.to_owned(),
        row.measure.clone(),
        row.ours.as_ref().map(|ours| row.unit.show(ours.median)).unwrap_or_default(),
        row.base.as_ref().map(figure).unwrap_or_default(),
        row.ratio
            .map(|ratio| format!("{:.2} [{:.2}–{:.2}]", ratio.median, ratio.low, ratio.high))
            .unwrap_or_default(),
        row.target.map(|target| show_target(row, target)).unwrap_or_default(),
        row.verdict.map(|verdict| verdict.to_string()).unwrap_or_default(),
        peers.join(", "),
    ]
}

/// The limit of a ratio is a plain number, that of a figure has the figure's unit.
fn show_target(row: &Row, target: Target) -> String {
    let show = |limit: f64| match row.ratio {
        Some(_) => limit.to_string(),
        None => row.unit.show(limit),
    };
    match target {
        Target::AtMost(limit) => format!("≤ {}", show(limit)),
        Target::AtLeast(limit) => format!("≥ {}", show(limit)),
    }
}

fn padded(line: &[String], widths: &[usize]) -> String {
    let mut text = String::new();
    for (cell, &wide) in line.iter().zip(widths) {
        text.push_str(cell);
        text.push_str(&" ".repeat(wide - width(cell) + 2));
    }
    format!("{}\n", text.trim_end())
}

/// Columns that a text takes: all our characters are one wide.
fn width(text: &str) -> usize {
    text.chars().count()
}
