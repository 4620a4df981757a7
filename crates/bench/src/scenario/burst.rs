//! Publications as fast as Redis takes them: how many deliveries a second, nothing lost.

use crate::Result;
use crate::lab::Lab;
use crate::pairs::{self, Measured};
use crate::report::{Row, Unit};
use crate::server::Contender;
use crate::session::Subscription;
use crate::statistics::median;
use crate::trial::Trial;
use crate::verdict::Target;

pub(super) const NAME: &str = "burst";
const CHANNEL: u32 = 0;

struct Figures {
    deliveries_per_second: f64,
    cpu_micros_per_delivery: f64,
    load_busy: f64,
}

pub(super) fn run(lab: &mut Lab) -> Result<()> {
    let times = [(Contender::Floor, 20.0), (Contender::Nchan, 30.0)];
    compare(lab, NAME, Contender::Fanfare, &[Contender::Nchan, Contender::Node], &times)?;
    lab.report.note("burst: to Nchan by pipelined POSTs");
    Ok(())
}

/// Measures one of ours, the floor and some others. `times`: as many times the deliveries of
/// somebody as ours must be.
pub(super) fn compare(
    lab: &mut Lab,
    scenario: &'static str,
    ours: Contender,
    others: &[Contender],
    times: &[(Contender, f64)],
) -> Result<()> {
    let contenders = lab.present(&[&[ours, Contender::Floor], others].concat());
    let series = pairs::measure(lab, scenario, lab.scale.pairs, &contenders, measure);
    let load = series.figures(ours, |figures| figures.load_busy);
    let load_busy = median(&load);
    let head = (scenario, "deliveries until the last", Unit::PerSecond);
    lab.report.rows.extend(times.iter().map(|&(base, least)| {
        series
            .row(head, ours, base, |figures| figures.deliveries_per_second)
            .target(Target::AtLeast(least), load_busy)
    }));
    let cpu = (scenario, "CPU per delivery", Unit::Micros);
    lab.report.rows.extend([
        series.row(cpu, ours, Contender::Floor, |figures| figures.cpu_micros_per_delivery),
        Row::new(scenario, "generator's core busy", Unit::Share).ours(load),
    ]);
    lab.report.note(format!(
        "{scenario}: {} publications to fanfare, {} to those who write one by one (their rate does not \
         depend on it); to Redis by raw commands, where steady rates come through fred",
        lab.scale.burst,
        publications(lab, Contender::Floor),
    ));
    Ok(())
}

fn measure(lab: &Lab, contender: Contender) -> Result<Measured<Figures>> {
    let sessions = lab.scale.sessions;
    let publications = publications(lab, contender);
    let mut trial = Trial::start(lab, contender)?;
    trial.connect((0..sessions).map(|_| Subscription::live(&[CHANNEL])))?;

    let plan = trial.ledger.at_once((0..publications).map(|_| CHANNEL));
    let deliveries = u64::from(publications) * u64::from(sessions);
    let meter = trial.meter()?;
    let took = trial.deliver_fast(plan, deliveries)?;
    let usage = meter.stop()?;
    Ok(Measured {
        figures: Figures {
            deliveries_per_second: deliveries as f64 / took.as_secs_f64(),
            cpu_micros_per_delivery: usage.server.total.as_secs_f64() * 1e6 / deliveries as f64,
            load_busy: usage.load_busy,
        },
        trouble: trial.finish(),
    })
}

/// Whoever writes each frame alone would need minutes for the whole burst.
fn publications(lab: &Lab, contender: Contender) -> u32 {
    match contender.program() {
        Contender::Fanfare => lab.scale.burst,
        _ => lab.scale.single_writes / lab.scale.sessions,
    }
}
