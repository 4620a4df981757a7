//! Many channels: each session on one of its own and on one that it shares with others.

use std::time::Duration;

use crate::Result;
use crate::lab::Lab;
use crate::pairs::{self, Measured};
use crate::plan::Plan;
use crate::report::{Row, Unit};
use crate::server::Contender;
use crate::session::Subscription;
use crate::tally::Latency;
use crate::trial::Trial;
use crate::verdict::Target;

pub(super) const NAME: &str = "channels";
const SHARED_CHANNELS: u32 = 100;
const PER_BURST: usize = 50;
const EVERY: Duration = Duration::from_millis(10);
/// Neighbours in a burst are no neighbours in memory; prime to the number of sessions.
const STRIDE: u32 = 37;

struct Figures {
    cpu_micros_per_delivery: f64,
    load_busy: f64,
    latency: Latency,
}

pub(super) fn run(lab: &mut Lab) -> Result<()> {
    let contenders = lab.present(&[Contender::Fanfare, Contender::Floor, Contender::Node]);
    let series = pairs::measure(lab, NAME, lab.scale.pairs, &contenders, measure);
    let rows = [
        series
            .against_floor((NAME, "CPU per delivery", Unit::Micros), |figures| {
                figures.cpu_micros_per_delivery
            })
            .target(Target::AtMost(1.5), None),
        series
            .against_floor((NAME, "latency p99", Unit::Micros), |figures| figures.latency.p99_micros as f64),
        Row::new(NAME, "generator's core busy", Unit::Share)
            .ours(series.figures(Contender::Fanfare, |figures| figures.load_busy)),
    ];
    lab.report.rows.extend(rows);
    Ok(())
}

fn measure(lab: &Lab, contender: Contender) -> Result<Measured<Figures>> {
    let sessions = lab.scale.sessions;
    let mut trial = Trial::start(lab, contender)?;
    trial.connect(
        (0..sessions).map(|session| Subscription::live(&[own_channel(session), session % SHARED_CHANNELS])),
    )?;

    let warm_up = plan(&mut trial, Duration::from_secs(1));
    let deliveries = warm_up.count() as u64;
    trial.deliver_steadily(warm_up, deliveries)?;
    trial.generator.tally.forget_latencies();

    let plan = plan(&mut trial, lab.scale.window());
    let deliveries = plan.count() as u64;
    let meter = trial.meter()?;
    trial.deliver_steadily(plan, deliveries)?;
    let usage = meter.stop()?;
    Ok(Measured {
        figures: Figures {
            cpu_micros_per_delivery: usage.server.total.as_secs_f64() * 1e6 / deliveries as f64,
            load_busy: usage.load_busy,
            latency: trial.generator.tally.latency(),
        },
        trouble: trial.finish(),
    })
}

/// Bursts on own channels for so long; each publication is wanted by one session.
fn plan(trial: &mut Trial<'_>, time: Duration) -> Plan {
    let sessions = trial.lab.scale.sessions;
    let bursts = (time.as_nanos() / EVERY.as_nanos()) as u32;
    let channels = (0..bursts * PER_BURST as u32).map(|number| own_channel(number * STRIDE % sessions));
    trial.ledger.in_bursts(channels, PER_BURST, EVERY)
}

fn own_channel(session: u32) -> u32 {
    SHARED_CHANNELS + session
}
