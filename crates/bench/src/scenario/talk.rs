//! From client to client: one publishes over its WebSocket to one process, another hears it from
//! another process, with Redis between them.

use crate::Result;
use crate::lab::Lab;
use crate::pairs::{self, Measured};
use crate::publisher::Door;
use crate::report::Unit;
use crate::server::Contender;
use crate::session::Subscription;
use crate::tally::Latency;
use crate::trial::Trial;
use crate::verdict::Target;

pub(super) const NAME: &str = "websocket-talk";
/// Each has a channel to itself: one speaks, the other listens.
const PAIRS: u32 = 50;
const PUBLICATIONS_PER_SECOND: u32 = 200;
/// Until what is compiled while it runs has been compiled.
const WARM_UP_SECONDS: u32 = 3;

pub(super) fn run(lab: &mut Lab) -> Result<()> {
    let contenders = lab.present(&[Contender::WebSocket, Contender::SocketIo]);
    let series = pairs::measure(lab, NAME, lab.scale.pairs, &contenders, measure);
    let row = |measure, figure: fn(&Latency) -> u64| {
        let head = (NAME, measure, Unit::Micros);
        series
            .row(head, Contender::WebSocket, Contender::SocketIo, |latency| figure(latency) as f64)
            .target(Target::AtMost(1.0), None)
    };
    let rows = [
        row("client to client, p50", |latency| latency.p50_micros),
        row("client to client, p99", |latency| latency.p99_micros),
    ];
    lab.report.rows.extend(rows);
    lab.report.note(format!(
        "websocket-talk: {PAIRS} pairs, {PUBLICATIONS_PER_SECOND} publications a second in all; of each pair one \
         speaks to one process and the other listens to another, both on the server's core, with one Redis; \
         Socket.IO with @socket.io/redis-adapter"
    ));
    Ok(())
}

fn measure(lab: &Lab, contender: Contender) -> Result<Measured<Latency>> {
    let mut trial = Trial::start(lab, contender)?;
    let other = lab.start(contender)?;
    trial.connect((0..PAIRS).map(|pair| Subscription::live(&[pair])))?;
    let door = Door::Clients(other.public, other.transport());
    talk(&mut trial, door, WARM_UP_SECONDS)?;
    trial.generator.tally.forget_latencies();
    talk(&mut trial, door, lab.scale.seconds)?;
    Ok(Measured { figures: trial.generator.tally.latency(), trouble: trial.finish() })
}

fn talk(trial: &mut Trial<'_>, door: Door, seconds: u32) -> Result<()> {
    let publications = PUBLICATIONS_PER_SECOND * seconds;
    let channels = (0..publications).map(|number| number % PAIRS);
    let plan = trial.ledger.at_rate(channels, PUBLICATIONS_PER_SECOND);
    trial.deliver(door, plan, u64::from(publications))?;
    Ok(())
}
