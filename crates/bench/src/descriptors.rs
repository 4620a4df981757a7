//! How many files this process and those that it starts may open.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::Result;

/// Beside its sessions a process has its listener, logs and links open.
const SPARE: u64 = 100;

/// Raises the limit as far as it goes; children inherit it. An error if `sessions` do not fit.
pub(crate) fn make_room_for(sessions: u64) -> Result<()> {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    setrlimit(Resource::Nofile, raised)?;
    match limit.maximum {
        Some(maximum) if maximum < sessions + SPARE => {
            Err(format!("{sessions} sessions do not fit into {maximum} descriptors").into())
        }
        _ => Ok(()),
    }
}
