//! What one process of the runner is to do, and what it says about it.

use std::{
    io::{Read, Write},
    path::PathBuf,
    thread,
};

use rustix::process::{Signal, getpgrp, kill_process_group};
use serde::{Deserialize, Serialize};

use crate::{
    Result,
    broker::Broker,
    scenario,
    soak::{self, SoakJob},
    transport::Mix,
    trial,
};

/// What the runner hands to a process of its own.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Work {
    Scenario(Job),
    Soak(SoakJob),
}

/// One scenario on one broker.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Job {
    pub(crate) scenario: String,
    pub(crate) broker: Broker,
    pub(crate) sessions: usize,
    pub(crate) mix: Mix,
    /// Publications a second.
    pub(crate) rate: u32,
    pub(crate) quick: bool,
    /// Where the logs of gateways and HAProxy are to be left.
    pub(crate) logs: Option<PathBuf>,
}

/// What that process writes to its standard output, one JSON a line.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Line {
    /// What it does now.
    Says(String),
    /// How it ended, as the kind of work has it.
    Ends(serde_json::Value),
    /// Why it could not be run.
    Fails(String),
}

impl Line {
    /// Tells the runner what is done now.
    pub(crate) fn say(what: impl Into<String>) {
        Self::Says(what.into()).write();
    }

    /// Writes it. A runner that is gone ends this process by itself.
    pub(crate) fn write(&self) {
        let mut out = std::io::stdout().lock();
        let _ = serde_json::to_writer(&mut out, self);
        let _ = out.write_all(b"\n");
        let _ = out.flush();
    }
}

/// Does the work that stands in this JSON, and tells the runner how it ended.
pub(crate) fn run(json: &str) -> Result<()> {
    end_with_the_runner();
    let outcome = match serde_json::from_str(json)? {
        Work::Scenario(job) => {
            let scenario = scenario::find(&job.scenario).ok_or("there is no such scenario")?;
            trial::run(&job, scenario).and_then(|outcome| Ok(serde_json::to_value(outcome)?))
        }
        Work::Soak(job) => soak::run(&job).and_then(|outcome| Ok(serde_json::to_value(outcome)?)),
    };
    match outcome {
        Ok(outcome) => Line::Ends(outcome).write(),
        Err(error) => Line::Fails(error.to_string()).write(),
    }
    Ok(())
}

/// From now on this process and all that it has started end together with the runner: its end closes
/// our standard input.
fn end_with_the_runner() {
    thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        let _ = kill_process_group(getpgrp(), Signal::KILL);
    });
}
