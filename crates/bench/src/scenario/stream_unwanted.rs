//! As `unwanted`, on a Redis stream and on Pub/Sub, offered the same: what the stream costs more.

use std::time::Duration;

use super::broker::{BOTH, Broker};
use super::unwanted::{Figures, measure_gateway};
use crate::Result;
use crate::lab::Lab;
use crate::pairs::{self, Series};
use crate::publisher::Flood;
use crate::report::{Row, Unit};
use crate::server::Contender;
use crate::verdict::Target;

pub(super) const NAME: &str = "stream-unwanted";
/// The most a ratio may be, at whichever rate both are offered.
const MAX_RATIO: f64 = 1.5;
/// Publications every millisecond: a flood, but one that both take with ease, so that both are
/// offered the same.
const LARGE_BLOCK: usize = 250;
/// So few that Redis's answers hold little: questions are then most of what a stream costs more.
const SMALL_BLOCK: usize = 50;
const EVERY: Duration = Duration::from_millis(1);

pub(super) fn run(lab: &mut Lab) -> Result<()> {
    if lab.present(&[Contender::Stream]).is_empty() {
        return Ok(());
    }
    let large = at_rate(lab, LARGE_BLOCK);
    let small = at_rate(lab, SMALL_BLOCK);
    let fast = pairs::measure(lab, NAME, lab.scale.pairs, &BOTH, |lab, broker| {
        measure_gateway(lab, broker.contender(), Flood::fast(broker.way(), lab.scale.unwanted))
    });
    let rows = [
        cpu_row(&large, &per_second(LARGE_BLOCK)).target(Target::AtMost(MAX_RATIO), None),
        offered_row(&large, "offered"),
        Row::new(NAME, "generator's core busy", Unit::Share)
            .ours(large.figures(Broker::Stream, |figures| figures.load_busy)),
        cpu_row(&small, &per_second(SMALL_BLOCK)).target(Target::AtMost(MAX_RATIO), None),
        cpu_row(&fast, "each as fast as it goes"),
        offered_row(&fast, "offered then"),
    ];
    lab.report.rows.extend(rows);
    lab.report.note(format!(
        "stream-unwanted: judged at {} and {}, offered to both alike, in blocks every {EVERY:?}; as fast \
         as it goes, each is at a rate of its own, and not judged",
        per_second(LARGE_BLOCK),
        per_second(SMALL_BLOCK),
    ));
    Ok(())
}

fn at_rate(lab: &mut Lab, per_block: usize) -> Series<Broker, Figures> {
    pairs::measure(lab, NAME, lab.scale.pairs, &BOTH, |lab, broker| {
        let flood = Flood::paced(broker.way(), per_block, EVERY, lab.scale.window());
        measure_gateway(lab, broker.contender(), flood)
    })
}

fn cpu_row(series: &Series<Broker, Figures>, when: &str) -> Row {
    let head = (NAME, &*format!("CPU per publication, {when}"), Unit::Micros);
    series.row(head, Broker::Stream, Broker::PubSub, |figures| figures.cpu_micros_per_publication)
}

fn offered_row(series: &Series<Broker, Figures>, measure: &str) -> Row {
    let head = (NAME, measure, Unit::PerSecond);
    series.row(head, Broker::Stream, Broker::PubSub, |figures| figures.offered_per_second)
}

fn per_second(per_block: usize) -> String {
    format!("{}k a second", (per_block as f64 / EVERY.as_secs_f64() / 1e3).round())
}
