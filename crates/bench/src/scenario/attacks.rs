//! Attacks on a gateway that guards itself: what they cost those who belong there, and the gateway's memory, and
//! whether it counts whom it refuses.

use std::fmt;
use std::time::Duration;

use crate::Result;
use crate::attack::{self, Attack};
use crate::lab::Lab;
use crate::pairs::{self, Measured, Peer};
use crate::report::{Row, Unit};
use crate::server::{Contender, refusals};
use crate::session::Subscription;
use crate::tally::Latency;
use crate::trial::Trial;
use crate::usage::{anonymous_bytes, forget_peak, peak_bytes};
use crate::verdict::Target;

pub(super) const NAME: &str = "attacks";
const CHANNEL: u32 = 0;
const PUBLICATIONS_PER_SECOND: u32 = 20;
/// An attack is under way by then.
const ONSET: Duration = Duration::from_secs(4);
/// What was seen from outside is counted by then.
const COUNTED: Duration = Duration::from_millis(500);
/// Allocators give pages back after ten seconds of peace; the slowest bodies are given up after as many.
const SETTLING: Duration = Duration::from_secs(20);

#[derive(Clone, Copy)]
enum Case {
    Peace,
    Under(&'static Attack),
}

struct Figures {
    cpu_micros_per_delivery: f64,
    latency: Latency,
    load_busy: f64,
    memory_after: f64,
    peak_growth_bytes: f64,
    /// How many refusals the gateway counted for each that was seen from outside.
    counted: f64,
    seen: f64,
}

pub(super) fn run(lab: &mut Lab) -> Result<()> {
    if lab.present(&[Contender::Guarded]).is_empty() {
        return Ok(());
    }
    let attacks = attack::ALL.iter().map(Case::Under);
    let cases: Vec<Case> = [Case::Peace].into_iter().chain(attacks).collect();
    let series = pairs::measure(lab, NAME, lab.scale.pairs, &cases, measure);
    for &case in &cases[1..] {
        let compare = |what: &str, unit, figure: fn(&Figures) -> f64| {
            let mut row = series.row((NAME, &format!("{case}: {what}"), unit), case, Case::Peace, figure);
            row.peers.clear();
            row
        };
        // The attackers share their core with those who belong there, who wait for it too.
        let busy = series.figures(case, |figures| figures.load_busy).into_iter().fold(0.0, f64::max);
        let alone = |what: &str, unit, figure: fn(&Figures) -> f64| {
            Row::new(NAME, format!("{case}: {what}"), unit).ours(series.figures(case, figure))
        };
        let rows = [
            compare("CPU per delivery", Unit::Micros, |figures| figures.cpu_micros_per_delivery)
                .target(Target::AtMost(1.5), None),
            compare("latency p99", Unit::Micros, |figures| figures.latency.p99_micros as f64)
                .target(Target::AtMost(1.5), Some(busy)),
            alone("generator's core busy", Unit::Share, |figures| figures.load_busy),
            alone("memory afterwards", Unit::Share, |figures| figures.memory_after)
                .own_target(Target::AtMost(1.05)),
            alone("memory at its peak, more by", Unit::Bytes, |figures| figures.peak_growth_bytes),
            alone("refusals", Unit::Count, |figures| figures.seen),
            alone("of them counted", Unit::Share, |figures| figures.counted).own_target(Target::AtLeast(1.0)),
        ];
        lab.report.rows.extend(rows);
    }
    Ok(())
}

fn measure(lab: &Lab, case: Case) -> Result<Measured<Figures>> {
    let sessions = lab.scale.sessions;
    let mut trial = Trial::start(lab, Contender::Guarded)?;
    let bearers = (0..sessions).map(|number| trial.server.token(number)).collect::<Result<Vec<_>>>()?;
    trial.connect(
        bearers.into_iter().map(|bearer| Subscription { bearer, ..Subscription::live(&[CHANNEL]) }),
    )?;
    steady(&mut trial, 1)?;
    trial.generator.run_for(SETTLING)?;
    let admin = trial.server.admin.ok_or("the gateway has an admin port")?;
    let (before, refused_before) = (anonymous_bytes(trial.server.pid)? as f64, refusals(admin)?);
    forget_peak(trial.server.pid)?;
    let peak_before = peak_bytes(trial.server.pid)? as f64;

    let siege = match case {
        Case::Under(attack) => Some(attack.begin(trial.server.public, lab.redis.address)),
        Case::Peace => None,
    };
    trial.generator.run_for(ONSET)?;
    trial.generator.tally.forget_latencies();
    let meter = trial.meter()?;
    steady(&mut trial, lab.scale.seconds)?;
    let usage = meter.stop()?;
    let latency = trial.generator.tally.latency();
    let seen = siege.as_ref().map_or(0, |siege| siege.refused());
    trial.generator.run_for(COUNTED)?;
    let counted = refusals(admin)? - refused_before;
    if let Some(siege) = siege {
        siege.end()?;
    }
    let peak_growth_bytes = peak_bytes(trial.server.pid)? as f64 - peak_before;
    trial.generator.run_for(SETTLING)?;
    let after = anonymous_bytes(trial.server.pid)? as f64;
    let deliveries = f64::from(PUBLICATIONS_PER_SECOND * lab.scale.seconds * sessions);
    Ok(Measured {
        figures: Figures {
            cpu_micros_per_delivery: usage.server.total.as_secs_f64() * 1e6 / deliveries,
            latency,
            load_busy: usage.load_busy,
            memory_after: after / before,
            peak_growth_bytes,
            counted: counted as f64 / seen as f64,
            seen: seen as f64,
        },
        trouble: trial.finish(),
    })
}

/// Publishes for so many seconds, until all has come.
fn steady(trial: &mut Trial<'_>, seconds: u32) -> Result<Duration> {
    let publications = PUBLICATIONS_PER_SECOND * seconds;
    let plan = trial.ledger.at_rate((0..publications).map(|_| CHANNEL), PUBLICATIONS_PER_SECOND);
    let sessions = u64::from(trial.lab.scale.sessions);
    trial.deliver_steadily(plan, u64::from(publications) * sessions)
}

impl PartialEq for Case {
    fn eq(&self, other: &Self) -> bool {
        self.to_string() == other.to_string()
    }
}

impl Peer for Case {}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Case::Peace => f.write_str("peace"),
            Case::Under(attack) => attack.fmt(f),
        }
    }
}
