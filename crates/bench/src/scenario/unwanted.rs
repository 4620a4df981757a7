//! Publications that no session wants: what it costs to look at one and leave it.

use std::fmt;
use std::time::Instant;

use crate::Result;
use crate::lab::Lab;
use crate::meter::Meter;
use crate::pairs::{self, Measured, Peer};
use crate::publisher::{Flood, Way};
use crate::report::{Row, Unit};
use crate::server::{Contender, Outcomes, SubscriberLimit, outcomes};
use crate::session::Subscription;
use crate::trial::Trial;
use crate::verdict::Target;

pub(super) const NAME: &str = "unwanted";
const WITNESS_CHANNEL: u32 = 0;
/// What the gateway calls a publication that it has taken.
const ACCEPTED: &str = "ok";

#[derive(Clone, Copy, PartialEq)]
enum Subscriber {
    Gateway,
    Counter,
}

/// What unwanted publications cost.
pub(super) struct Figures {
    pub(super) cpu_micros_per_publication: f64,
    pub(super) offered_per_second: f64,
    pub(super) load_busy: f64,
}

pub(super) fn run(lab: &mut Lab) -> Result<()> {
    let mut cases = vec![Subscriber::Counter];
    if !lab.present(&[Contender::Fanfare]).is_empty() {
        cases.insert(0, Subscriber::Gateway);
    }
    let series = pairs::measure(lab, NAME, lab.scale.pairs, &cases, |lab, case| match case {
        Subscriber::Gateway => {
            measure_gateway(lab, Contender::Fanfare, Flood::fast(Way::Publish, lab.scale.unwanted))
        }
        Subscriber::Counter => measure_counter(lab),
    });
    let compare = |measure, unit, figure: fn(&Figures) -> f64| {
        series.row((NAME, measure, unit), Subscriber::Gateway, Subscriber::Counter, figure)
    };
    let rows = [
        compare("CPU per publication", Unit::Micros, |figures| figures.cpu_micros_per_publication)
            .target(Target::AtMost(2.5), None),
        compare("offered by Redis", Unit::PerSecond, |figures| figures.offered_per_second),
        Row::new(NAME, "generator's core busy", Unit::Share)
            .ours(series.figures(Subscriber::Gateway, |figures| figures.load_busy)),
    ];
    lab.report.rows.extend(rows);
    lab.report.note(
        "unwanted: published by raw commands, pipelined, their replies read; Redis has its default \
         output limit for the gateway, and a high one for the counter",
    );
    Ok(())
}

/// The gateway, flooded.
pub(super) fn measure_gateway(lab: &Lab, contender: Contender, flood: Flood) -> Result<Measured<Figures>> {
    let mut trial = Trial::start(lab, contender)?;
    let admin = trial.server.admin.ok_or("the gateway has no admin port")?;
    trial.connect([Subscription::live(&[WITNESS_CHANNEL])])?;
    let before = outcomes(admin)?;

    let meter = trial.meter()?;
    let began = Instant::now();
    flood.publish(lab.redis.address)?;
    let (published, offered) = (flood.count(), began.elapsed());
    // There is one order: when the witness has this one, the gateway has seen all before it.
    let last = trial.ledger.at_once([WITNESS_CHANNEL]);
    trial.deliver_fast(last, 1)?;
    let usage = meter.stop()?;

    let dropped = missing(&before, &outcomes(admin)?, published + 1);
    Ok(Measured {
        figures: Figures {
            cpu_micros_per_publication: usage.server.total.as_secs_f64() * 1e6 / published as f64,
            offered_per_second: published as f64 / offered.as_secs_f64(),
            load_busy: usage.load_busy,
        },
        trouble: trial.finish().or(dropped),
    })
}

/// The counter alone may fall behind without being cut off: it is slower than Redis, and what
/// matters is what a publication costs it.
fn measure_counter(lab: &Lab) -> Result<Measured<Figures>> {
    lab.redis.limit_subscribers(SubscriberLimit::High)?;
    let measured = count(lab);
    lab.redis.limit_subscribers(SubscriberLimit::Default)?;
    measured
}

fn count(lab: &Lab) -> Result<Measured<Figures>> {
    let mut counter = lab.start_counter(lab.scale.unwanted)?;
    let meter = Meter::start(counter.pid, lab.redis.pid())?;
    let began = Instant::now();
    let flood = Flood::fast(Way::Publish, lab.scale.unwanted);
    flood.publish(lab.redis.address)?;
    let (published, offered) = (flood.count(), began.elapsed());
    counter.wait()?;
    let usage = meter.stop()?;
    Ok(Measured {
        figures: Figures {
            cpu_micros_per_publication: usage.server.total.as_secs_f64() * 1e6 / published as f64,
            offered_per_second: published as f64 / offered.as_secs_f64(),
            load_busy: usage.load_busy,
        },
        trouble: None,
    })
}

/// What the gateway's metrics say about publications that it has not accepted.
fn missing(before: &Outcomes, after: &Outcomes, published: u64) -> Option<String> {
    let grown = |outcome: &str| {
        let count = |outcomes: &Outcomes| outcomes.get(outcome).copied().unwrap_or(0);
        count(after) - count(before)
    };
    let accepted = grown(ACCEPTED);
    (accepted != published).then(|| format!("{published} published, {accepted} accepted: {after:?}"))
}

impl Peer for Subscriber {}

impl fmt::Display for Subscriber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Subscriber::Gateway => "fanfare",
            Subscriber::Counter => "redis-rs",
        })
    }
}
