//! Everybody connects: how long until all are live.

use crate::Result;
use crate::generator::MAX_IN_FLIGHT;
use crate::lab::Lab;
use crate::pairs::{self, Measured};
use crate::report::Unit;
use crate::server::Contender;
use crate::session::Subscription;
use crate::trial::Trial;
use crate::verdict::Target;

pub(super) const NAME: &str = "connect";
const CHANNEL: u32 = 0;

pub(super) fn run(lab: &mut Lab) -> Result<()> {
    let contenders = lab.present(&[Contender::Fanfare, Contender::Floor, Contender::Nchan, Contender::Node]);
    let series = pairs::measure(lab, NAME, lab.scale.pairs, &contenders, measure);
    let measure = format!("until all live, {MAX_IN_FLIGHT} in flight");
    let row = series
        .against_floor((NAME, &measure, Unit::Seconds), |&seconds| seconds)
        .target(Target::AtMost(3.0), None);
    lab.report.rows.push(row);
    Ok(())
}

fn measure(lab: &Lab, contender: Contender) -> Result<Measured<f64>> {
    let mut trial = Trial::start(lab, contender)?;
    let took = trial.connect((0..lab.scale.sessions).map(|_| Subscription::live(&[CHANNEL])))?;
    // One publication proves that those who said they were live are.
    let plan = trial.ledger.at_once([CHANNEL]);
    trial.deliver_steadily(plan, u64::from(lab.scale.sessions))?;
    Ok(Measured { figures: took.as_secs_f64(), trouble: trial.finish() })
}
