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
    let contenders = lab.present(&[Contender::Fanfare, Contender::Floor, Contender::Nchan, Contender::Node]);
    let series = pairs::measure(lab, NAME, lab.scale.pairs, &contenders, measure);
    let rate = |figures: &Figures| figures.deliveries_per_second;
    let load = series.figures(Contender::Fanfare, |figures| figures.load_busy);
    let load_busy = median(&load);
    let head = (NAME, "deliveries until the last", Unit::PerSecond);
    let rows = [
        series.against_floor(head, rate).target(Target::AtLeast(20.0), load_busy),
        series.row(head, Contender::Fanfare, Contender::Nchan, rate).target(Target::AtLeast(30.0), load_busy),
        series.against_floor((NAME, "CPU per delivery", Unit::Micros), |figures| {
            figures.cpu_micros_per_delivery
        }),
        Row::new(NAME, "generator's core busy", Unit::Share).ours(load),
    ];
    lab.report.rows.extend(rows);
    lab.report.note(format!(
        "burst: {} publications to fanfare, {} to those who write one by one (their rate does not \
         depend on it); to Redis by raw commands, all else through fred; to Nchan by pipelined POSTs",
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
    match contender {
        Contender::Fanfare => lab.scale.burst,
        _ => lab.scale.single_writes / lab.scale.sessions,
    }
}
