//! Many sessions on one channel at a modest rate: what a delivery costs, and how long it takes.

use crate::Result;
use crate::lab::Lab;
use crate::pairs::{self, Measured};
use crate::report::{Row, Unit};
use crate::server::Contender;
use crate::session::Subscription;
use crate::tally::Latency;
use crate::trial::Trial;
use crate::verdict::Target;

pub(super) const NAME: &str = "steady";
const CHANNEL: u32 = 0;
const PUBLICATIONS_PER_SECOND: u32 = 20;

struct Figures {
    cpu_micros_per_delivery: f64,
    system_share: f64,
    load_busy: f64,
    latency: Latency,
}

pub(super) fn run(lab: &mut Lab) -> Result<()> {
    compare(lab, NAME, Contender::Fanfare, &[Contender::Nchan, Contender::Node])
}

/// Measures one of ours, the floor and some others, and judges it beside the floor.
pub(super) fn compare(
    lab: &mut Lab,
    scenario: &'static str,
    ours: Contender,
    others: &[Contender],
) -> Result<()> {
    let contenders = lab.present(&[&[ours, Contender::Floor], others].concat());
    let series = pairs::measure(lab, scenario, lab.scale.pairs, &contenders, measure);
    let row = |measure, unit, figure: fn(&Figures) -> f64| {
        series.row((scenario, measure, unit), ours, Contender::Floor, figure)
    };
    let rows = [
        row("CPU per delivery", Unit::Micros, |figures| figures.cpu_micros_per_delivery)
            .target(Target::AtMost(1.10), None),
        row("latency p99", Unit::Micros, |figures| figures.latency.p99_micros as f64)
            .target(Target::AtMost(2.0), None),
        row("latency p50", Unit::Micros, |figures| figures.latency.p50_micros as f64),
        row("CPU spent in the kernel", Unit::Share, |figures| figures.system_share),
        Row::new(scenario, "generator's core busy", Unit::Share)
            .ours(series.figures(ours, |figures| figures.load_busy)),
    ];
    lab.report.rows.extend(rows);
    Ok(())
}

/// The same for whoever is measured.
fn measure(lab: &Lab, contender: Contender) -> Result<Measured<Figures>> {
    let sessions = lab.scale.sessions;
    let publications = PUBLICATIONS_PER_SECOND * lab.scale.seconds;
    let mut trial = Trial::start(lab, contender)?;
    trial.connect((0..sessions).map(|_| Subscription::live(&[CHANNEL])))?;

    let warm_up = PUBLICATIONS_PER_SECOND;
    let plan = trial.ledger.at_rate((0..warm_up).map(|_| CHANNEL), PUBLICATIONS_PER_SECOND);
    trial.deliver_steadily(plan, u64::from(warm_up * sessions))?;
    trial.generator.tally.forget_latencies();

    let plan = trial.ledger.at_rate((0..publications).map(|_| CHANNEL), PUBLICATIONS_PER_SECOND);
    let deliveries = u64::from(publications * sessions);
    let meter = trial.meter()?;
    trial.deliver_steadily(plan, deliveries)?;
    let usage = meter.stop()?;
    Ok(Measured {
        figures: Figures {
            cpu_micros_per_delivery: usage.server.total.as_secs_f64() * 1e6 / deliveries as f64,
            system_share: usage.server.system_share(),
            load_busy: usage.load_busy,
            latency: trial.generator.tally.latency(),
        },
        trouble: trial.finish(),
    })
}
