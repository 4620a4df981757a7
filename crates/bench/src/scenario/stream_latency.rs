//! How long a publication takes from the publisher to a browser, on a Redis stream and on Pub/Sub.

use super::broker::{BOTH, Broker};
use crate::Result;
use crate::lab::Lab;
use crate::pairs::{self, Measured};
use crate::report::{Row, Unit};
use crate::server::Contender;
use crate::session::Subscription;
use crate::tally::Latency;
use crate::trial::Trial;
use crate::verdict::Target;

pub(super) const NAME: &str = "stream-latency";
const CHANNEL: u32 = 0;
const PUBLICATIONS_PER_SECOND: u32 = 200;
/// One shows the way through Redis and the gateway alone, the other a small crowd.
const SESSIONS: [u32; 2] = [1, 100];

pub(super) fn run(lab: &mut Lab) -> Result<()> {
    if lab.present(&[Contender::Stream]).is_empty() {
        return Ok(());
    }
    for sessions in SESSIONS {
        let rows = compare(lab, sessions);
        lab.report.rows.extend(rows);
    }
    lab.report
        .note(format!("stream-latency: {PUBLICATIONS_PER_SECOND} publications a second, one at a time"));
    Ok(())
}

fn compare(lab: &mut Lab, sessions: u32) -> [Row; 2] {
    let series =
        pairs::measure(lab, NAME, lab.scale.pairs, &BOTH, |lab, broker| measure(lab, broker, sessions));
    let noun = if sessions == 1 { "session" } else { "sessions" };
    let row = |quantile, figure: fn(&Latency) -> u64| {
        let measure = format!("latency {quantile}, {sessions} {noun}");
        series.row((NAME, &measure, Unit::Micros), Broker::Stream, Broker::PubSub, |latency| {
            figure(latency) as f64
        })
    };
    [
        row("p50", |latency| latency.p50_micros).target(Target::AtMost(1.5), None),
        row("p99", |latency| latency.p99_micros),
    ]
}

fn measure(lab: &Lab, broker: Broker, sessions: u32) -> Result<Measured<Latency>> {
    let mut trial = Trial::start(lab, broker.contender())?;
    trial.connect((0..sessions).map(|_| Subscription::live(&[CHANNEL])))?;
    publish(&mut trial, PUBLICATIONS_PER_SECOND, sessions)?;
    trial.generator.tally.forget_latencies();
    publish(&mut trial, PUBLICATIONS_PER_SECOND * lab.scale.seconds, sessions)?;
    let figures = trial.generator.tally.latency();
    Ok(Measured { figures, trouble: trial.finish() })
}

fn publish(trial: &mut Trial<'_>, publications: u32, sessions: u32) -> Result<()> {
    let channels = (0..publications).map(|_| CHANNEL);
    let plan = trial.ledger.at_rate(channels, PUBLICATIONS_PER_SECOND);
    trial.deliver_steadily(plan, u64::from(publications) * u64::from(sessions))?;
    Ok(())
}
