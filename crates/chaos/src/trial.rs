//! One scenario on one broker: a lab, its crowd, its publisher, the faults, and the judgement.

use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use crate::{
    Result,
    crowd::{Crowd, Habits, leisure},
    job::{Job, Line},
    lab::{HEARTBEAT, Lab, LabPlan, max_clients},
    ledger::Ledger,
    oracle::Findings,
    outcome::Outcome,
    publisher::{Load, Publisher},
    scenario::{Scenario, Shape},
};

pub(crate) const CHANNELS: usize = 20;
pub(crate) const CHANNELS_EACH: usize = 2;
pub(crate) const DATA_BYTES: usize = 200;
/// Everybody must have come in, or come back, by then.
pub(crate) const LIVE_LIMIT: Duration = Duration::from_secs(60);
/// Everybody must have got everything so long after the last publication.
pub(crate) const TAIL_LIMIT: Duration = Duration::from_secs(20);
/// How long there is peace before and after the faults. A gap that a new link to Redis makes ends with the beacons behind it,
/// one a second; what is published last must lie behind them.
const PEACE: Duration = Duration::from_secs(3);
/// Of the clients that are cut at a time while they are restless, and the time between two cuts.
const RESTLESS_SHARE: f64 = 0.005;
const RESTLESS_PAUSE: Duration = Duration::from_millis(100);
/// Descriptors of this process beside its clients'.
const SPARE_DESCRIPTORS: u64 = 200;

/// What the faults of a scenario act on.
pub(crate) struct Trial {
    pub(crate) lab: Lab,
    pub(crate) crowd: Crowd,
    pub(crate) publisher: Publisher,
    /// A short selection is on: faults may be shorter.
    pub(crate) is_quick: bool,
}

/// Runs one scenario on one broker.
pub(crate) fn run(job: &Job, scenario: &Scenario) -> Result<Outcome> {
    let plan = LabPlan {
        broker: job.broker,
        sentinels: matches!(scenario.shape, Shape::Sentinels),
        keys: Vec::new(),
    };
    Line::say("starting Redis, gateways and HAProxy");
    let lab = Lab::open(plan)?;
    let ledger = Arc::new(Ledger::new(CHANNELS));
    let sessions = scenario.shape.sessions(job);
    let habits = Habits {
        server: lab.balancer.address(),
        mix: job.mix.clone(),
        leisure: leisure(sessions),
        channels_each: CHANNELS_EACH,
        heartbeat: HEARTBEAT,
        receive_buffer_bytes: scenario.shape.receive_buffer_bytes(),
    };
    let crowd = Crowd::start(habits, Arc::clone(&ledger))?;
    let load = scenario.shape.load(job);
    Line::say(format!("{sessions} clients come"));
    crowd.ask(move |clients| clients.add(sessions));
    let (census, all_live) = crowd.wait_until(LIVE_LIMIT, |census| census.all_live());
    if !all_live {
        return Err(format!("the clients never all came in: {census:?}").into());
    }
    let publisher = Publisher::start(job.broker, lab.store.primary(), load, Arc::clone(&ledger))?;
    let mut trial = Trial { lab, crowd, publisher, is_quick: job.quick };
    thread::sleep(PEACE);
    Line::say(scenario.about);
    let faults = (scenario.faults)(&mut trial);
    let outcome = trial.conclude(job, scenario, &ledger);
    if let Some(folder) = &job.logs {
        let folder = folder.join(format!("{}-{}", scenario.name, job.broker.label()));
        trial.lab.write_logs(&folder)?;
    }
    faults?;
    Ok(outcome)
}

impl Trial {
    /// Lets time pass.
    pub(crate) fn pause(&self, seconds: f64) {
        thread::sleep(Duration::from_secs_f64(seconds));
    }

    /// Lets time pass, while now and then a client is cut off and comes back, on whichever gateway
    /// answers: what one of them has missed meets the cursors of the other.
    pub(crate) fn pause_restless(&self, seconds: f64) {
        let end = Instant::now() + Duration::from_secs_f64(seconds);
        while Instant::now() < end {
            self.crowd.ask(|clients| clients.cut(RESTLESS_SHARE));
            thread::sleep(RESTLESS_PAUSE);
        }
    }

    /// After the faults: waits until all is well again, publishes on for a while, and judges.
    fn conclude(&mut self, job: &Job, scenario: &Scenario, ledger: &Ledger) -> Outcome {
        Line::say("waiting until all is well again");
        // What is published while a gateway has no link may be lost in a gap, which must not be the last word.
        let lab = &self.lab;
        let _ = self.crowd.wait_until(LIVE_LIMIT, |census| census.all_live() && lab.hears_redis());
        thread::sleep(PEACE);
        self.publisher.stop();
        Line::say("waiting for the last publications");
        let (census, _) = self.crowd.wait_until(TAIL_LIMIT, |census| census.unwell == 0);
        let shares = self.crowd.ask(|clients| clients.judge());
        Outcome {
            scenario: scenario.name.to_owned(),
            broker: job.broker,
            published: ledger.total(),
            publisher_failures: self.publisher.failures(),
            sessions: census.clients,
            reconnects: census.reconnects,
            dead: census.dead,
            unwell: census.unwell,
            recovery_seconds: census.recovery.map(|recovery| recovery.as_secs_f64()),
            findings: Findings::sum(shares.values().map(|share| &share.findings)),
            shares,
        }
    }
}

impl Shape {
    fn sessions(self, job: &Job) -> usize {
        let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).maximum;
        let ours = limit.unwrap_or(1 << 20).saturating_sub(SPARE_DESCRIPTORS);
        match self {
            Self::Avalanche => max_clients().min(ours) as usize,
            Self::Plain | Self::Sentinels | Self::Stalled => job.sessions,
        }
    }

    fn load(self, job: &Job) -> Load {
        let load = Load { rate: job.rate, data_bytes: DATA_BYTES, fillers: false };
        match self {
            Self::Plain | Self::Sentinels => load,
            Self::Stalled => Load { data_bytes: 10 * DATA_BYTES, ..load },
            // Ten times the clients and more: as many deliveries at a tenth of the rate.
            Self::Avalanche => Load { rate: (job.rate / 10).max(1), ..load },
        }
    }

    fn receive_buffer_bytes(self) -> Option<usize> {
        (self == Self::Stalled).then_some(4_096)
    }
}
