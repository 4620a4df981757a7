//! Sessions that only wait: what one costs in memory, and whether connecting leaves any behind.

use crate::Result;
use crate::generator::MAX_IN_FLIGHT;
use crate::lab::Lab;
use crate::pairs::{self, Measured};
use crate::report::{Figure, Row, Unit};
use crate::server::Contender;
use crate::session::Subscription;
use crate::statistics::median;
use crate::trial::Trial;
use crate::usage::anonymous_bytes;
use crate::verdict::Target;

pub(super) const NAME: &str = "idle";
const CHANNEL: u32 = 0;
/// Memory is no matter of chance and a round takes minutes: fewer of them are enough.
const MAX_ROUNDS: usize = 3;
const MAX_BYTES_PER_SESSION: f64 = 1_000.0;
const MAX_GROWTH_SHARE: f64 = 0.05;
const MAX_GROWTH_BYTES: f64 = 2e6;

struct Figures {
    bytes_per_session: f64,
    all_sessions_bytes: f64,
    /// After the connects and disconnects, less what it was before.
    growth_bytes: f64,
}

pub(super) fn run(lab: &mut Lab) -> Result<()> {
    let peers = [Contender::Nchan, Contender::Node];
    compare(lab, NAME, Contender::Fanfare, &peers, MAX_BYTES_PER_SESSION)
}

/// Measures one of ours and some peers, and judges ours by itself.
pub(super) fn compare(
    lab: &mut Lab,
    scenario: &'static str,
    ours: Contender,
    peers: &[Contender],
    max_bytes_per_session: f64,
) -> Result<()> {
    let peers = lab.present(peers);
    let rounds = lab.scale.pairs.min(MAX_ROUNDS);
    let series = pairs::measure(lab, scenario, rounds, &lab.present(&[ours]), measure);
    let peers_series = pairs::measure(lab, scenario, 1, &peers, measure);

    let whole = median(&series.figures(ours, |figures| figures.all_sessions_bytes));
    let growth_limit = MAX_GROWTH_SHARE * whole.unwrap_or(0.0) + MAX_GROWTH_BYTES;
    let sessions = lab.scale.idle_sessions;
    let row = |measure: &str, figure: fn(&Figures) -> f64| {
        let mut row = Row::new(scenario, measure, Unit::Bytes).ours(series.figures(ours, figure));
        let figures = |peer| Figure::of(peer, peers_series.figures(peer, figure));
        row.peers = peers.iter().copied().filter_map(figures).collect();
        row
    };
    let slope = row("memory per session", |figures| figures.bytes_per_session)
        .own_target(Target::AtMost(max_bytes_per_session));
    let all = row(&format!("memory at {sessions} sessions"), |figures| figures.all_sessions_bytes);
    let measure = format!("growth after {} connects and disconnects", lab.scale.churn);
    let growth = Row::new(scenario, measure, Unit::Bytes)
        .ours(series.figures(ours, |figures| figures.growth_bytes))
        .own_target(Target::AtMost(growth_limit));
    lab.report.rows.extend([slope, all, growth]);
    lab.report.note(format!(
        "{scenario}: anonymous memory, {} s after the last session is live; the growth is measured with \
         {sessions} sessions standing",
        lab.scale.idle_seconds,
    ));
    Ok(())
}

fn measure(lab: &Lab, contender: Contender) -> Result<Measured<Figures>> {
    let (few, many) = (lab.scale.sessions, lab.scale.idle_sessions);
    let mut trial = Trial::start(lab, contender)?;
    trial.connect(waiting(few))?;
    let few_bytes = settled_bytes(&mut trial)?;
    trial.connect(waiting(many - few))?;
    let many_bytes = settled_bytes(&mut trial)?;
    let growth_bytes = match contender.program() {
        Contender::Fanfare => {
            churn(&mut trial, lab.scale.churn)?;
            settled_bytes(&mut trial)? - many_bytes
        }
        _ => 0.0,
    };
    Ok(Measured {
        figures: Figures {
            bytes_per_session: (many_bytes - few_bytes) / f64::from(many - few),
            all_sessions_bytes: many_bytes,
            growth_bytes,
        },
        trouble: trial.finish(),
    })
}

fn waiting(sessions: u32) -> impl Iterator<Item = Subscription> {
    (0..sessions).map(|_| Subscription::live(&[CHANNEL]))
}

/// The server's memory after a while of peace.
fn settled_bytes(trial: &mut Trial<'_>) -> Result<f64> {
    trial.generator.run_for(trial.lab.scale.idle_time())?;
    Ok(anonymous_bytes(trial.server.pid)? as f64)
}

/// Connects and disconnects, a bounded number at a time, beside the sessions that stand.
fn churn(trial: &mut Trial<'_>, connects: u32) -> Result<()> {
    let standing = trial.generator.live();
    for _ in 0..connects.div_ceil(MAX_IN_FLIGHT as u32) {
        trial.connect(waiting(MAX_IN_FLIGHT as u32))?;
        trial.generator.shrink_to(standing);
    }
    Ok(())
}
