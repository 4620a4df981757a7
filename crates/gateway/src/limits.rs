//! How many file descriptors the process may hold: one for each connection.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors that are not connections: listeners, Redis, the runtimes', logs.
const RESERVED: usize = 64;

/// Raises the limit to the hard limit, and returns it.
pub(crate) fn raise_descriptors() -> usize {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!(%error, "the limit of file descriptors cannot be raised");
    }
    let current = getrlimit(Resource::Nofile).current;
    current.map_or(usize::MAX, |current| usize::try_from(current).unwrap_or(usize::MAX))
}

/// How many sessions fit, if nothing else is configured.
pub(crate) fn sessions_within(descriptors: usize) -> usize {
    descriptors.saturating_sub(RESERVED).max(1)
}
