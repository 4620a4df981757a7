//! The command line, and how large a benchmark is.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::Result;
use crate::counter::CounterOptions;
use crate::floor::FloorOptions;
use crate::scenario;

/// Measures Fanfare beside the least that any server must do, and beside its peers.
#[derive(Debug, Parser)]
#[command(name = "bench", args_conflicts_with_subcommands = true)]
pub(crate) struct CommandLine {
    /// Parts of the benchmark that run as processes of their own.
    #[command(subcommand)]
    pub(crate) part: Option<Part>,
    #[command(flatten)]
    pub(crate) options: Options,
}

/// A process that the benchmark starts.
#[derive(Debug, Subcommand)]
pub(crate) enum Part {
    /// Serve as the floor: one write for each socket and publication, and nothing else.
    Floor(FloorOptions),
    /// Subscribe with redis-rs and only count.
    Count(CounterOptions),
}

/// What to measure, and how often.
#[derive(Clone, Debug, Args)]
pub(crate) struct Options {
    /// Only these scenarios.
    #[arg(long, num_args = 1.., value_delimiter = ',', value_parser = scenario::NAMES)]
    scenario: Vec<String>,
    /// Fewer and smaller measurements: shows that all works, not how fast it is.
    #[arg(long)]
    quick: bool,
    /// How often each comparison is repeated, its contenders taking turns.
    #[arg(long)]
    pairs: Option<usize>,
    /// Write the results as JSON to a file, or to standard output for `-`.
    #[arg(long)]
    pub(crate) json: Option<PathBuf>,
    /// The gateway's binary; by default the one beside this binary.
    #[arg(long)]
    fanfare: Option<PathBuf>,
    /// Leave out nginx, Nchan and those in Node.
    #[arg(long)]
    pub(crate) no_peers: bool,
}

/// The sizes of a benchmark; the contract names those of a whole one.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub(crate) struct Scale {
    /// Repetitions of each comparison.
    pub(crate) pairs: usize,
    /// Sessions of most scenarios.
    pub(crate) sessions: u32,
    /// How long a measurement at a fixed rate takes.
    pub(crate) seconds: u32,
    /// Publications of a burst to the gateway.
    pub(crate) burst: u32,
    /// Frames that those who write them one by one are given to write.
    pub(crate) single_writes: u32,
    /// Publications that no session wants.
    pub(crate) unwanted: u64,
    /// Sessions at the second point of the memory's slope.
    pub(crate) idle_sessions: u32,
    /// How long sessions are left alone before memory is read; allocators keep pages for ten.
    pub(crate) idle_seconds: u32,
    /// Connects and disconnects before memory is read again.
    pub(crate) churn: u32,
}

const WHOLE: Scale = Scale {
    pairs: 5,
    sessions: 5_000,
    seconds: 10,
    burst: 4_000,
    single_writes: 1_000_000,
    unwanted: 3_000_000,
    idle_sessions: 15_000,
    idle_seconds: 30,
    churn: 50_000,
};

const QUICK: Scale = Scale {
    pairs: 2,
    sessions: 1_000,
    seconds: 3,
    burst: 1_000,
    single_writes: 100_000,
    unwanted: 500_000,
    idle_sessions: 3_000,
    idle_seconds: 12,
    churn: 4_000,
};

impl Scale {
    /// Time of a measurement at a fixed rate.
    pub(crate) fn window(self) -> Duration {
        Duration::from_secs(u64::from(self.seconds))
    }

    /// Time of peace before memory is read.
    pub(crate) fn idle_time(self) -> Duration {
        Duration::from_secs(u64::from(self.idle_seconds))
    }
}

impl Options {
    pub(crate) fn scale(&self) -> Scale {
        let scale = if self.quick { QUICK } else { WHOLE };
        Scale { pairs: self.pairs.unwrap_or(scale.pairs).max(1), ..scale }
    }

    /// Whether a scenario is to run.
    pub(crate) fn wants(&self, scenario: &str) -> bool {
        self.scenario.is_empty() || self.scenario.iter().any(|name| name == scenario)
    }

    /// The gateway's binary.
    pub(crate) fn fanfare(&self) -> Result<PathBuf> {
        match &self.fanfare {
            Some(path) => Ok(path.clone()),
            None => Ok(std::env::current_exe()?.with_file_name("fanfare")),
        }
    }

    /// Whether JSON goes to standard output, where nothing else may then appear.
    pub(crate) fn speaks_json(&self) -> bool {
        self.json.as_ref().is_some_and(|path| path.as_os_str() == "-")
    }
}
