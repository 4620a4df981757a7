//! Ctrl-C ends the runner in order, so that no process that it started is left behind.

use std::sync::{
    Arc, LazyLock,
    atomic::{AtomicBool, Ordering},
};

use signal_hook::{consts::TERM_SIGNALS, flag};

use crate::Result;

static WANTED: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);

/// From now on the first SIGINT or SIGTERM is noted, and a second one ends the process at once.
pub(crate) fn watch() -> Result<()> {
    for &signal in TERM_SIGNALS {
        flag::register_conditional_shutdown(signal, 1, Arc::clone(&WANTED))?;
        flag::register(signal, Arc::clone(&WANTED))?;
    }
    Ok(())
}

/// Whether somebody wants the runner to end.
pub(crate) fn is_wanted() -> bool {
    WANTED.load(Ordering::Relaxed)
}
