//! Where measurements are made: cores, Redis, directories, and who takes part.

use std::fmt::Display;
use std::path::PathBuf;

use tempfile::TempDir;

use crate::Result;
use crate::cores::Cores;
use crate::descriptors;
use crate::generator::MAX_IN_FLIGHT;
use crate::options::{Options, Scale};
use crate::pairs::Peer;
use crate::progress::Progress;
use crate::report::{Report, Trouble};
use crate::server::{Contender, Counter, Place, Redis, Server};

/// Everything that the scenarios share.
pub(crate) struct Lab {
    pub(crate) scale: Scale,
    pub(crate) redis: Redis,
    pub(crate) report: Report,
    pub(crate) progress: Progress,
    absent: Vec<Contender>,
    cores: Cores,
    directory: TempDir,
    cache: PathBuf,
    fanfare: PathBuf,
}

impl Lab {
    /// Starts Redis and finds out who can take part. `pairs`: of the whole benchmark.
    pub(crate) fn open(options: &Options, pairs: usize) -> Result<Lab> {
        let scale = options.scale();
        descriptors::make_room_for(u64::from(scale.idle_sessions) + MAX_IN_FLIGHT as u64)?;
        let cores = Cores::find()?;
        cores.stay_on_load()?;
        let directory = tempfile::Builder::new().prefix("fanfare-bench-").tempdir()?;
        let executable = std::env::current_exe()?;
        let target = executable.ancestors().nth(2).ok_or("this binary has no directory")?;
        let mut lab = Lab {
            scale,
            redis: Redis::start(directory.path())?,
            report: Report::new(scale),
            progress: Progress::new(pairs, options.speaks_json())?,
            absent: Vec::new(),
            cores,
            cache: target.to_owned(),
            fanfare: options.fanfare()?,
            directory,
        };
        if options.no_peers {
            lab.absent.extend(Contender::PEERS);
        }
        lab.find_the_absent();
        Ok(lab)
    }

    /// Those of `contenders` that can take part.
    pub(crate) fn present(&self, contenders: &[Contender]) -> Vec<Contender> {
        let is_present = |contender: &Contender| !self.absent.contains(&contender.program());
        contenders.iter().copied().filter(is_present).collect()
    }

    /// Starts a contender alone on the server's core.
    pub(crate) fn start(&self, contender: Contender) -> Result<Server> {
        self.cores.on_server(|| contender.start(&self.place()))
    }

    /// Starts a counter alone on the server's core.
    pub(crate) fn start_counter(&self, until: u64) -> Result<Counter> {
        self.cores.on_server(|| Counter::start(&self.place(), until))
    }

    /// Writes down what went wrong.
    pub(crate) fn trouble(
        &mut self,
        scenario: &'static str,
        who: &dyn Display,
        is_failure: bool,
        what: &dyn Display,
    ) {
        self.report.troubles.push(Trouble {
            scenario,
            who: who.to_string(),
            what: what.to_string(),
            is_failure,
        });
    }

    fn find_the_absent(&mut self) {
        for together in Contender::TOGETHER {
            let contender = together[0];
            if self.absent.contains(&contender) {
                continue;
            }
            let Some(obstacle) = contender.obstacle(&self.place()) else {
                continue;
            };
            self.absent.extend(together);
            let names: Vec<String> = together.iter().map(Contender::to_string).collect();
            let names = names.join(", ");
            match contender.is_peer() {
                true => self.report.note(format!("skipped: {names}: {obstacle}")),
                // The floor alone may still be of interest, but nothing of ours was shown.
                false => self.trouble("all", &names, true, &obstacle),
            }
        }
    }

    fn place(&self) -> Place<'_> {
        Place {
            directory: self.directory.path(),
            cache: &self.cache,
            fanfare: &self.fanfare,
            redis: self.redis.address,
        }
    }
}
