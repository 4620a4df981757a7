//! As `unwanted`, on a Redis stream and on Pub/Sub, offered the same: what the stream costs more.

use std::time::Duration;

use super::broker::{BOTH, Broker};
use super::unwanted::{Figures, measure_gateway};
use crate::Result;
use crate::lab::Lab;
use crate::pairs;
use crate::publisher::Flood;
use crate::report::{Row, Unit};
use crate::server::Contender;
use crate::statistics::median;
use crate::verdict::Target;

pub(super) const NAME: &str = "stream-unwanted";
/// A rate that both take with ease, so that both are offered the same.
const PER_BLOCK: usize = 50;
const EVERY: Duration = Duration::from_millis(1);

pub(super) fn run(lab: &mut Lab) -> Result<()> {
    if lab.present(&[Contender::Stream]).is_empty() {
        return Ok(());
    }
    let paced = pairs::measure(lab, NAME, lab.scale.pairs, &BOTH, |lab, broker| {
        let flood = Flood::paced(broker.way(), PER_BLOCK, EVERY, lab.scale.window());
        measure_gateway(lab, broker.contender(), flood)
    });
    let fast = pairs::measure(lab, NAME, lab.scale.pairs, &BOTH, |lab, broker| {
        measure_gateway(lab, broker.contender(), Flood::fast(broker.way(), lab.scale.unwanted))
    });
    let per_second = PER_BLOCK as f64 / EVERY.as_secs_f64();
    let cpu = |figures: &Figures| figures.cpu_micros_per_publication;
    let offered = |figures: &Figures| figures.offered_per_second;
    let row = |series: &pairs::Series<Broker, Figures>, measure: &str, unit, figure: fn(&Figures) -> f64| {
        series.row((NAME, measure, unit), Broker::Stream, Broker::PubSub, figure)
    };
    let at_rate = format!("CPU per publication, {per_second} a second");
    let load = median(&paced.figures(Broker::Stream, |figures| figures.load_busy));
    let rows = [
        row(&paced, &at_rate, Unit::Micros, cpu).target(Target::AtMost(1.5), None),
        row(&paced, "offered", Unit::PerSecond, offered),
        Row::new(NAME, "generator's core busy", Unit::Share).ours(load.into_iter().collect()),
        row(&fast, "CPU per publication, each as fast as it goes", Unit::Micros, cpu),
        row(&fast, "offered by Redis then", Unit::PerSecond, offered),
    ];
    lab.report.rows.extend(rows);
    lab.report.note(format!(
        "stream-unwanted: judged at the same rate for both, {PER_BLOCK} publications every {EVERY:?}; \
         as fast as it goes, each is at a rate of its own"
    ));
    Ok(())
}
