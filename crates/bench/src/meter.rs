//! Measures one stretch of time: what the server used, and how busy the load's core was.

use std::time::{Duration, Instant};

use crate::Result;
use crate::usage::CpuTime;

/// A stretch that has begun.
pub(crate) struct Meter {
    began: Instant,
    server: (u32, CpuTime),
    load: Vec<(u32, CpuTime)>,
}

/// What a stretch has cost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    /// CPU time of the server under test.
    pub(crate) server: CpuTime,
    /// CPU time of generator, publisher and Redis, divided by the time that passed.
    pub(crate) load_busy: f64,
}

impl Meter {
    /// Begins. `redis` shares the load's core with this process.
    pub(crate) fn start(server: u32, redis: u32) -> Result<Meter> {
        let load = [std::process::id(), redis];
        Ok(Meter {
            load: load.into_iter().map(|pid| Ok((pid, CpuTime::of(pid)?))).collect::<Result<_>>()?,
            server: (server, CpuTime::of(server)?),
            began: Instant::now(),
        })
    }

    /// Ends.
    pub(crate) fn stop(self) -> Result<Usage> {
        let wall = self.began.elapsed();
        let (server, before) = self.server;
        let server = CpuTime::of(server)? - before;
        let mut load = Duration::ZERO;
        for (pid, before) in self.load {
            load += (CpuTime::of(pid)? - before).total;
        }
        Ok(Usage { server, load_busy: load.as_secs_f64() / wall.as_secs_f64() })
    }
}
