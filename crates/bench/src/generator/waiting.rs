//! Runs the generator until something has come, or time is up.

use std::time::{Duration, Instant};

use super::Generator;
use crate::Result;

/// How often a loop that waits for something looks at the clock when nothing happens.
const MAX_SLEEP: Duration = Duration::from_millis(20);

impl Generator {
    /// Runs until `done` says so; an error if that takes longer than `limit`.
    pub(crate) fn run_until(
        &mut self,
        what: &str,
        limit: Duration,
        done: impl Fn(&Generator) -> bool,
    ) -> Result<()> {
        let deadline = Instant::now() + limit;
        while !done(self) {
            if Instant::now() > deadline {
                return Err(self.timeout(what, limit).into());
            }
            self.turn(MAX_SLEEP)?;
        }
        Ok(())
    }

    /// Runs until all sessions that were asked for are live.
    pub(crate) fn run_until_live(&mut self, limit: Duration) -> Result<()> {
        self.run_until("all sessions to be live", limit, |generator| {
            generator.in_flight == 0 && generator.waiting.is_empty()
        })
    }

    /// Runs until this many deliveries have come in all.
    pub(crate) fn run_until_delivered(&mut self, deliveries: u64, limit: Duration) -> Result<()> {
        let what = format!("{deliveries} deliveries");
        self.run_until(&what, limit, |generator| generator.tally.delivered >= deliveries)
    }

    /// Runs for a fixed time.
    pub(crate) fn run_for(&mut self, time: Duration) -> Result<()> {
        let end = Instant::now() + time;
        while let Some(left) = end.checked_duration_since(Instant::now()) {
            self.turn(left.min(MAX_SLEEP))?;
        }
        Ok(())
    }

    fn timeout(&self, what: &str, limit: Duration) -> String {
        let trouble = self.tally.trouble().unwrap_or_else(|| "no fault seen".into());
        format!(
            "waited {limit:?} in vain for {what}: {} live, {} opening, {} delivered, {trouble}",
            self.live,
            self.in_flight + self.waiting.len(),
            self.tally.delivered,
        )
    }
}
