//! What polling costs beside an event stream: for so many viewers, and as often as there is news.

use std::fmt;
use std::time::Duration;

use crate::Result;
use crate::lab::Lab;
use crate::meter::Meter;
use crate::pairs::{self, Measured, Peer};
use crate::plan::Plan;
use crate::poller::Poller;
use crate::report::Unit;
use crate::server::Contender;
use crate::session::Subscription;
use crate::trial::Trial;

pub(super) const NAME: &str = "polling-cost";
const CHANNEL: u32 = 0;
/// From one publication to the next, and from one poll of a viewer to the next.
const INTERVALS: [Duration; 3] = [Duration::from_secs(30), Duration::from_secs(5), Duration::from_secs(1)];
const FEW: u32 = 100;
/// For what is still on its way when the time is over.
const LATE: Duration = Duration::from_secs(10);

/// How the viewers get the news.
#[derive(Clone, Copy, PartialEq)]
enum Way {
    /// Each poll brings one publication.
    Polls,
    EventStreams,
    /// Nothing is published: each poll is answered so.
    Unchanged,
}

struct Figures {
    /// CPU time of the server by time that passed.
    core: f64,
    bytes_per_second: f64,
}

pub(super) fn run(lab: &mut Lab) -> Result<()> {
    if lab.present(&[Contender::Fanfare]).is_empty() {
        return Ok(());
    }
    for viewers in [FEW, lab.scale.sessions, 2 * lab.scale.sessions] {
        for interval in INTERVALS {
            compare(lab, viewers, interval);
        }
    }
    lab.report.note(format!(
        "{NAME}: ours are polls (an answer of 200 with one publication each), against them event streams of the \
         same gateway, and among the peers polls when nothing is published (304); each cell measured once, with what an idle gateway uses; bytes of HTTP, those of \
         polls both ways. The longer the interval, the more of an event stream's cost are its heartbeats"
    ));
    Ok(())
}

/// Each figure of one cell of the table, as a row.
fn compare(lab: &mut Lab, viewers: u32, interval: Duration) {
    let ways = [Way::Polls, Way::EventStreams, Way::Unchanged];
    let series = pairs::measure(lab, NAME, 1, &ways, |lab, way| match way {
        Way::Polls => poll(lab, viewers, interval),
        Way::EventStreams => stream(lab, viewers, interval),
        Way::Unchanged => poll_in_vain(lab, viewers, interval),
    });
    let cell = format!("{viewers} viewers, every {} s", interval.as_secs());
    let row = |what, unit, figure: fn(&Figures) -> f64| {
        let measure = format!("{cell}: {what}");
        series.row((NAME, &measure, unit), Way::Polls, Way::EventStreams, figure)
    };
    lab.report.rows.extend([
        row("of a core", Unit::Share, |figures| figures.core),
        row("bytes", Unit::BytesPerSecond, |figures| figures.bytes_per_second),
    ]);
}

fn poll(lab: &Lab, viewers: u32, interval: Duration) -> Result<Measured<Figures>> {
    let mut trial = Trial::start(lab, Contender::Fanfare)?;
    let mut poller = Poller::connect(trial.server.public, trial.run, CHANNEL, viewers)?;
    let (plan, time) = plan(&mut trial, interval);
    let publications = plan.count() as u32;

    let (meter, bytes) = (trial.meter()?, poller.tally.bytes);
    let publishing = trial.server.steady_door(lab.redis.address).publish(plan);
    let ran = poller.run_for(time, interval);
    let figures = figures(meter, time, poller.tally.bytes - bytes)?;
    // Whatever happened: nothing of this may be published to those who come next.
    publishing.finish()?;
    ran?;
    // So that nothing is left that could still come.
    poller.look_once()?;
    Ok(Measured { figures, trouble: poller.trouble(publications) })
}

fn poll_in_vain(lab: &Lab, viewers: u32, interval: Duration) -> Result<Measured<Figures>> {
    let mut trial = Trial::start(lab, Contender::Fanfare)?;
    let first = trial.ledger.at_once([CHANNEL]);
    trial.server.steady_door(lab.redis.address).publish(first).finish()?;
    let mut poller = Poller::connect(trial.server.public, trial.run, CHANNEL, viewers)?;
    // Whoever was there before the publication has it now, and its ETag.
    poller.look_once()?;
    let (_, time) = plan(&mut trial, interval);

    let others = |poller: &Poller| poller.tally.asked - poller.tally.unchanged;
    let (meter, bytes, before) = (trial.meter()?, poller.tally.bytes, others(&poller));
    poller.run_for(time, interval)?;
    let figures = figures(meter, time, poller.tally.bytes - bytes)?;
    let others = others(&poller) - before;
    let others = (others > 0).then(|| format!("{others} polls were not answered with 304"));
    Ok(Measured { figures, trouble: poller.trouble(1).or(others) })
}

fn stream(lab: &Lab, viewers: u32, interval: Duration) -> Result<Measured<Figures>> {
    let mut trial = Trial::start(lab, Contender::Fanfare)?;
    trial.connect((0..viewers).map(|_| Subscription::live(&[CHANNEL])))?;
    let (plan, time) = plan(&mut trial, interval);
    let deliveries = plan.count() as u64 * u64::from(viewers);

    let (meter, bytes) = (trial.meter()?, trial.generator.tally.received_bytes);
    let publishing = trial.server.steady_door(lab.redis.address).publish(plan);
    let ran = trial.generator.run_for(time);
    let figures = figures(meter, time, trial.generator.tally.received_bytes - bytes)?;
    publishing.finish()?;
    ran?;
    trial.generator.run_until_delivered(deliveries, LATE)?;
    Ok(Measured { figures, trouble: trial.finish() })
}

/// One publication for each interval, and how long that takes: as long as a measurement at a fixed
/// rate, but one interval at least.
fn plan(trial: &mut Trial<'_>, interval: Duration) -> (Plan, Duration) {
    let publications = trial.lab.scale.window().div_duration_f64(interval).max(1.0) as u32;
    let plan = trial.ledger.in_bursts((0..publications).map(|_| CHANNEL), 1, interval);
    (plan, interval * publications)
}

fn figures(meter: Meter, time: Duration, bytes: u64) -> Result<Figures> {
    let usage = meter.stop()?;
    Ok(Figures {
        core: usage.server.total.as_secs_f64() / time.as_secs_f64(),
        bytes_per_second: bytes as f64 / time.as_secs_f64(),
    })
}

impl Peer for Way {}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Way::Polls => "polls",
            Way::EventStreams => "event streams",
            Way::Unchanged => "polls in vain",
        })
    }
}
