//! As `steady`, with the gateway on a Redis stream: what a delivery costs then.

use super::steady::{Figures, measure};
use crate::Result;
use crate::lab::Lab;
use crate::pairs;
use crate::report::{Row, Unit};
use crate::server::Contender;
use crate::verdict::Target;

pub(super) const NAME: &str = "stream-steady";

pub(super) fn run(lab: &mut Lab) -> Result<()> {
    let contenders = lab.present(&[Contender::Stream, Contender::Floor, Contender::Fanfare]);
    let series = pairs::measure(lab, NAME, lab.scale.pairs, &contenders, measure);
    let compare = |measure, figure: fn(&Figures) -> f64| {
        series.row((NAME, measure, Unit::Micros), Contender::Stream, Contender::Floor, figure)
    };
    let rows = [
        compare("CPU per delivery", |figures| figures.cpu_micros_per_delivery)
            .target(Target::AtMost(1.10), None),
        compare("latency p99", |figures| figures.latency.p99_micros as f64).target(Target::AtMost(2.0), None),
        compare("latency p50", |figures| figures.latency.p50_micros as f64),
        Row::new(NAME, "generator's core busy", Unit::Share)
            .ours(series.figures(Contender::Stream, |figures| figures.load_busy)),
    ];
    lab.report.rows.extend(rows);
    lab.report.note(
        "stream-steady: ours is published to by XADD, the floor by PUBLISH as always; fanfare among \
         the peers is the gateway on redis-pubsub",
    );
    Ok(())
}
