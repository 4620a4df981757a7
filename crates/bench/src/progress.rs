//! A bar that says what is being measured; silent where nobody looks at a terminal.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::Result;

const TEMPLATE: &str = "{elapsed_precise} {bar:30} {pos}/{len} pairs  {msg}";

/// The bar of a whole benchmark, counted in pairs.
pub(crate) struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// A bar for this many pairs; indicatif hides it if standard error is not a terminal.
    pub(crate) fn new(pairs: usize, is_silent: bool) -> Result<Progress> {
        let target = if is_silent { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let bar = ProgressBar::with_draw_target(Some(pairs as u64), target);
        bar.set_style(ProgressStyle::with_template(TEMPLATE)?);
        Ok(Progress { bar })
    }

    /// What is happening now.
    pub(crate) fn say(&self, what: impl Into<String>) {
        self.bar.set_message(what.into());
        self.bar.tick();
    }

    /// One more pair is done.
    pub(crate) fn advance(&self) {
        self.bar.inc(1);
    }

    /// Takes the bar away.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
