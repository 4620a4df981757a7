//! What this machine allows: how many descriptors, one for each connection, and how many shards.

use std::io;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors that are not connections: listeners, Redis, the runtimes', logs.
const RESERVED: usize = 64;

/// Somewhat fewer than the 14,000 returning sessions a second that a core brings up to date (`make bench`,
/// row `resume`). A lower bound would only add work: to turn somebody away costs as much CPU as to let it in.
const NEW_PER_SHARD: usize = 10_000;

/// From which limits follow that the configuration leaves open.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Machine {
    pub(crate) shards: usize,
    pub(crate) descriptors: usize,
}

impl Machine {
    /// So many shards, where 0 means one a core; raises the limit of descriptors as far as it goes.
    ///
    /// # Errors
    /// The number of cores cannot be found out.
    pub(crate) fn prepare(shards: usize) -> io::Result<Self> {
        let shards = match shards {
            0 => std::thread::available_parallelism()?.get(),
            shards => shards,
        };
        Ok(Self { shards, descriptors: raise_descriptors() })
    }

    /// Sets what the configuration leaves to the machine.
    pub(crate) fn complete(&self, config: &mut edge::Config) {
        if config.max_sessions == 0 {
            config.max_sessions = self.descriptors.saturating_sub(RESERVED).max(1);
        }
        if config.max_new_per_second == 0 {
            config.max_new_per_second = NEW_PER_SHARD * self.shards;
        }
    }
}

/// Raises the limit to the hard limit, and returns it.
fn raise_descriptors() -> usize {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!(%error, "the limit of file descriptors cannot be raised");
    }
    let current = getrlimit(Resource::Nofile).current;
    current.map_or(usize::MAX, |current| usize::try_from(current).unwrap_or(usize::MAX))
}
