//! Ctrl-C ends a benchmark in order, so that no process that it started is left behind.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};

use signal_hook::consts::TERM_SIGNALS;
use signal_hook::flag;

use crate::Result;

static WANTED: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);

/// From now on the first SIGINT or SIGTERM is noted, and a second one ends the process at once.
pub(crate) fn watch() -> Result<()> {
    for &signal in TERM_SIGNALS {
        flag::register_conditional_shutdown(signal, 1, WANTED.clone())?;
        flag::register(signal, WANTED.clone())?;
    }
    Ok(())
}

/// An error if somebody wants the benchmark to end.
pub(crate) fn check() -> Result<()> {
    match is_wanted() {
        true => Err("interrupted".into()),
        false => Ok(()),
    }
}

/// Whether somebody wants the benchmark to end.
pub(crate) fn is_wanted() -> bool {
    WANTED.load(Ordering::Relaxed)
}
