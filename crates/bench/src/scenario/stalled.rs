//! Some readers stop reading: what that costs the others, and the gateway's memory.

use std::fmt;
use std::time::Duration;

use crate::Result;
use crate::lab::Lab;
use crate::pairs::{self, Measured, Peer};
use crate::report::{Row, Unit};
use crate::server::Contender;
use crate::session::Subscription;
use crate::tally::Latency;
use crate::trial::Trial;
use crate::usage::anonymous_bytes;
use crate::verdict::Target;

pub(super) const NAME: &str = "stalled";
const CHANNEL: u32 = 0;
const PUBLICATIONS_PER_SECOND: u32 = 20;
/// One reader in ten stops.
const READERS_PER_STALLED: u32 = 10;
/// Enough to fill a stalled reader's socket on both sides before the measurement begins.
const FILLING_PUBLICATIONS: u32 = 1_000;
/// A stalled reader's kernel takes little, so that the gateway feels it at once.
const STALLED_RECEIVE_BYTES: usize = 4_096;
/// 1 KB, and one frame of a publication that it may pin.
const MAX_BYTES_PER_STALLED: f64 = 1_000.0 + 262.0;
/// Allocators give pages back after ten seconds of peace.
const SETTLING: Duration = Duration::from_secs(15);
/// Together with a measurement at a fixed rate the stall must be shorter than the gateway's
/// `sessions.write_timeout` of 30 s.
const STALLED_SETTLING: Duration = Duration::from_secs(8);
const CATCH_UP_LIMIT: Duration = Duration::from_secs(30);

#[derive(Clone, Copy, PartialEq)]
enum Case {
    /// A tenth of the readers stalls.
    Stalled,
    /// They were never there.
    Control,
}

struct Figures {
    cpu_micros_per_delivery: f64,
    latency: Latency,
    growth_bytes: f64,
}

pub(super) fn run(lab: &mut Lab) -> Result<()> {
    if lab.present(&[Contender::Fanfare]).is_empty() {
        return Ok(());
    }
    let cases = [Case::Stalled, Case::Control];
    let series = pairs::measure(lab, NAME, lab.scale.pairs, &cases, measure);
    let compare = |measure, unit, figure: fn(&Figures) -> f64| {
        series.row((NAME, measure, unit), Case::Stalled, Case::Control, figure)
    };
    let growth = |case| series.figures(case, |figures| figures.growth_bytes);
    let per_stalled: Vec<f64> = growth(Case::Stalled)
        .iter()
        .zip(growth(Case::Control))
        .map(|(with, without)| (with - without) / f64::from(stalled(lab)))
        .collect();
    let rows = [
        compare("the others' CPU per delivery", Unit::Micros, |figures| figures.cpu_micros_per_delivery)
            .target(Target::AtMost(1.2), None),
        compare("the others' latency p99", Unit::Micros, |figures| figures.latency.p99_micros as f64)
            .target(Target::AtMost(1.2), None),
        Row::new(NAME, "memory per stalled reader", Unit::Bytes)
            .ours(per_stalled)
            .own_target(Target::AtMost(MAX_BYTES_PER_STALLED)),
    ];
    lab.report.rows.extend(rows);
    Ok(())
}

fn measure(lab: &Lab, case: Case) -> Result<Measured<Figures>> {
    let readers = lab.scale.sessions - stalled(lab);
    let stalled = match case {
        Case::Stalled => stalled(lab),
        Case::Control => 0,
    };
    let is_stalled = |key: usize| key < stalled as usize;
    let mut trial = Trial::start(lab, Contender::Fanfare)?;
    // Connected first, they have the first keys.
    trial.connect((0..stalled).map(|_| slow_subscription()))?;
    trial.connect((0..readers).map(|_| Subscription::live(&[CHANNEL])))?;
    steady(&mut trial, PUBLICATIONS_PER_SECOND, readers + stalled)?;

    trial.generator.run_for(SETTLING)?;
    let before_bytes = anonymous_bytes(trial.server.pid)?;
    trial.generator.pause(is_stalled)?;
    let filling = trial.ledger.at_once((0..FILLING_PUBLICATIONS).map(|_| CHANNEL));
    trial.deliver_fast(filling, u64::from(FILLING_PUBLICATIONS) * u64::from(readers))?;
    trial.generator.tally.forget_latencies();
    let publications = PUBLICATIONS_PER_SECOND * lab.scale.seconds;
    let meter = trial.meter()?;
    steady(&mut trial, publications, readers)?;
    let usage = meter.stop()?;
    trial.generator.run_for(STALLED_SETTLING)?;
    let after_bytes = anonymous_bytes(trial.server.pid)?;
    let figures = Figures {
        cpu_micros_per_delivery: usage.server.total.as_secs_f64() * 1e6 / f64::from(publications * readers),
        latency: trial.generator.tally.latency(),
        growth_bytes: after_bytes as f64 - before_bytes as f64,
    };

    trial.generator.unpause(is_stalled)?;
    let missed = u64::from(FILLING_PUBLICATIONS + publications) * u64::from(stalled);
    let wanted = trial.generator.tally.delivered + missed;
    trial.generator.run_until_delivered(wanted, CATCH_UP_LIMIT)?;
    Ok(Measured { figures, trouble: trial.finish() })
}

fn steady(trial: &mut Trial<'_>, publications: u32, readers: u32) -> Result<Duration> {
    let channels = (0..publications).map(|_| CHANNEL);
    let plan = trial.ledger.at_rate(channels, PUBLICATIONS_PER_SECOND);
    trial.deliver_steadily(plan, u64::from(publications) * u64::from(readers))
}

fn stalled(lab: &Lab) -> u32 {
    lab.scale.sessions / READERS_PER_STALLED
}

fn slow_subscription() -> Subscription {
    Subscription { receive_buffer_bytes: Some(STALLED_RECEIVE_BYTES), ..Subscription::live(&[CHANNEL]) }
}

impl Peer for Case {}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Case::Stalled => "with stalled",
            Case::Control => "without",
        })
    }
}
