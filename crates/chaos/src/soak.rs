//! The soak: steady load with churn, while memory, descriptors and threads are watched.

use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};

use crate::{
    Result,
    broker::Broker,
    crowd::{Crowd, Habits, Shares, leisure},
    job::Line,
    lab::{HEARTBEAT, Lab, LabPlan},
    ledger::Ledger,
    oracle::{Findings, in_words},
    publisher::{Load, Publisher},
    transport::Mix,
    trial::{CHANNELS, CHANNELS_EACH, DATA_BYTES, LIVE_LIMIT, TAIL_LIMIT},
    vitals::{Course, Vitals},
};

/// Of history, and of channels whose last value outlives it: both are full within two minutes.
const KEEP_COUNT: u32 = 10_000;
const KEEP_CHANNELS: u32 = 2_000;
/// They must be full by then.
const FULL_LIMIT: Duration = Duration::from_secs(240);
/// Last values are full when their number has not grown for so many seconds, and then as many pass
/// until the allocator has found its pools.
const STEADY_SECONDS: usize = 30;
/// Every second such a share of the clients leaves for good and as many come, and such a share is
/// cut off and comes back.
const CHURN_SHARE: f64 = 0.01;
/// Between two looks at the gateways.
const SAMPLE: Duration = Duration::from_secs(5);

/// A soak on one broker.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct SoakJob {
    pub(crate) broker: Broker,
    pub(crate) sessions: usize,
    pub(crate) mix: Mix,
    /// Publications a second.
    pub(crate) rate: u32,
    pub(crate) seconds: f64,
}

/// How it ended.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct SoakOutcome {
    pub(crate) published: u64,
    pub(crate) reconnects: u64,
    pub(crate) dead_pages: u64,
    pub(crate) unwell: usize,
    pub(crate) findings: Findings,
    /// The same by what clients spoke.
    pub(crate) shares: Shares,
    /// What the gateways used, from when history was full.
    pub(crate) courses: Vec<Course>,
}

/// Runs it.
pub(crate) fn run(job: &SoakJob) -> Result<SoakOutcome> {
    Line::say("starting Redis, gateways and HAProxy");
    let began = Instant::now();
    let mut lab = Lab::open(LabPlan {
        broker: job.broker,
        sentinels: false,
        keys: vec![
            ("history.keep_count", KEEP_COUNT.to_string()),
            ("history.keep_channels", KEEP_CHANNELS.to_string()),
        ],
    })?;
    let ledger = Arc::new(Ledger::new(CHANNELS));
    let habits = Habits {
        server: lab.balancer.address(),
        mix: job.mix.clone(),
        leisure: leisure(job.sessions),
        channels_each: CHANNELS_EACH,
        heartbeat: HEARTBEAT,
        receive_buffer_bytes: None,
    };
    let crowd = Crowd::start(habits, Arc::clone(&ledger))?;
    let sessions = job.sessions;
    crowd.ask(move |clients| clients.add(sessions));
    let load = Load { rate: job.rate, data_bytes: DATA_BYTES, fillers: true };
    let mut publisher = Publisher::start(job.broker, lab.store.primary(), load, Arc::clone(&ledger))?;
    fill(&mut lab, &crowd)?;
    let deadline = began + Duration::from_secs_f64(job.seconds);
    let courses = watch(&mut lab, &crowd, deadline);
    publisher.stop();
    let _ = crowd.wait_until(LIVE_LIMIT, |census| census.all_live());
    let (census, _) = crowd.wait_until(TAIL_LIMIT, |census| census.unwell == 0);
    let shares = crowd.ask(|clients| clients.judge());
    Ok(SoakOutcome {
        published: ledger.total(),
        reconnects: census.reconnects,
        dead_pages: census.dead.values().sum(),
        unwell: census.unwell,
        findings: Findings::sum(shares.values().map(|share| &share.findings)),
        shares,
        courses,
    })
}

/// Waits until history and last values are full everywhere, and then until both have settled.
fn fill(lab: &mut Lab, crowd: &Crowd) -> Result<()> {
    let began = Instant::now();
    let mut sizes: Vec<f64> = Vec::new();
    loop {
        churn(crowd);
        let history: Vec<f64> =
            lab.gateways().map(|gateway| gateway.metric("fanfare_history_publications")).collect();
        sizes.push(lab.gateways().map(|gateway| gateway.metric("fanfare_channels")).sum());
        let full = history.iter().all(|&count| count >= f64::from(KEEP_COUNT) * 0.99);
        let before = sizes.len().checked_sub(STEADY_SECONDS + 1).map(|index| sizes[index]);
        // A few states come and go with the clients.
        if full && before.is_some_and(|before| sizes[sizes.len() - 1] <= before * 1.001) {
            break;
        }
        if began.elapsed() > FULL_LIMIT {
            return Err("history and last values never got full".into());
        }
        Line::say(format!("{:.0?}: filling history and last values", began.elapsed()));
    }
    for _ in 0..STEADY_SECONDS {
        churn(crowd);
    }
    Ok(())
}

/// Samples until the time is over.
fn watch(lab: &mut Lab, crowd: &Crowd, deadline: Instant) -> Vec<Course> {
    let began = Instant::now();
    let mut vitals = Vitals::default();
    let mut next = Instant::now();
    while Instant::now() < deadline {
        churn(crowd);
        if Instant::now() >= next {
            next += SAMPLE;
            for (index, gateway) in lab.gateways().enumerate() {
                vitals.sample(index, gateway);
            }
            Line::say(format!("{:.0?}: {}", began.elapsed(), vitals.in_words()));
        }
    }
    vitals.courses()
}

/// A second with its share of comings and goings.
fn churn(crowd: &Crowd) {
    crowd.ask(|clients| {
        clients.replace(CHURN_SHARE);
        clients.cut(CHURN_SHARE);
    });
    thread::sleep(Duration::from_secs(1));
}

impl SoakOutcome {
    /// Everything that is wrong, in words.
    pub(crate) fn faults(&self) -> Vec<String> {
        let mut faults = self.findings.faults();
        faults.extend(in_words(&[
            (self.findings.told(), "gaps told without cause"),
            (self.dead_pages, "dead pages"),
            (self.unwell as u64, "clients not live or not complete at the end"),
        ]));
        if self.findings.received == 0 || self.courses.is_empty() {
            faults.push("too short to see anything".to_owned());
        }
        faults.extend(self.courses.iter().filter_map(Course::fault));
        faults
    }
}
