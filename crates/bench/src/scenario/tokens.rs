//! Everybody connects with a token: what checking them adds until all are live.

use crate::Result;
use crate::lab::Lab;
use crate::pairs::{self, Measured};
use crate::report::Unit;
use crate::server::Contender;
use crate::session::Subscription;
use crate::trial::Trial;
use crate::verdict::Target;

pub(super) const NAME: &str = "tokens";
const CHANNEL: u32 = 0;

struct Figures {
    seconds: f64,
    cpu_micros_per_session: f64,
}

pub(super) fn run(lab: &mut Lab) -> Result<()> {
    let contenders = lab.present(&[Contender::Fanfare, Contender::Hs256, Contender::Es256]);
    let series = pairs::measure(lab, NAME, lab.scale.pairs, &contenders, measure);
    for (contender, target) in [(Contender::Hs256, 1.3), (Contender::Es256, 4.0)] {
        let row = |measure: &str, unit, figure: fn(&Figures) -> f64| {
            let mut row = series.row((NAME, measure, unit), contender, Contender::Fanfare, figure);
            row.peers.clear();
            row
        };
        lab.report.rows.extend([
            row(&format!("until all live: {contender}"), Unit::Seconds, |figures| figures.seconds)
                .target(Target::AtMost(target), None),
            row(&format!("CPU per session: {contender}"), Unit::Micros, |figures| {
                figures.cpu_micros_per_session
            })
            .target(Target::AtMost(target), None),
        ]);
    }
    Ok(())
}

fn measure(lab: &Lab, contender: Contender) -> Result<Measured<Figures>> {
    let sessions = lab.scale.sessions;
    let mut trial = Trial::start(lab, contender)?;
    // Signed before anybody counts the time.
    let bearers = (0..sessions).map(|number| trial.server.token(number)).collect::<Result<Vec<_>>>()?;
    let subscriptions =
        bearers.into_iter().map(|bearer| Subscription { bearer, ..Subscription::live(&[CHANNEL]) });
    let meter = trial.meter()?;
    let took = trial.connect(subscriptions)?;
    let usage = meter.stop()?;
    // One publication proves that those who said they were live are.
    let plan = trial.ledger.at_once([CHANNEL]);
    trial.deliver_steadily(plan, u64::from(sessions))?;
    Ok(Measured {
        figures: Figures {
            seconds: took.as_secs_f64(),
            cpu_micros_per_session: usage.server.total.as_secs_f64() * 1e6 / f64::from(sessions),
        },
        trouble: trial.finish(),
    })
}
