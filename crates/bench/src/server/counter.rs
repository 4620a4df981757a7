//! Starts the counter of unwanted publications and hears from it.

use std::process::Command;

use super::Place;
use crate::Result;
use crate::child::Child;

/// A counter that is subscribed.
pub(crate) struct Counter {
    /// The process that counts.
    pub(crate) pid: u32,
    lines: Box<dyn Iterator<Item = std::io::Result<String>>>,
    _child: Child,
}

impl Counter {
    /// Starts one that counts to `until`.
    pub(crate) fn start(place: &Place<'_>, until: u64) -> Result<Counter> {
        let mut command = Command::new(std::env::current_exe()?);
        command
            .arg("count")
            .args(["--redis", &place.redis.to_string()])
            .args(["--until", &until.to_string()]);
        let mut child = Child::start_talking("counter", &mut command, place.directory)?;
        let mut counter = Counter { pid: child.pid(), lines: Box::new(child.lines()?), _child: child };
        counter.expect("ready")?;
        Ok(counter)
    }

    /// Waits until it has counted enough.
    pub(crate) fn wait(&mut self) -> Result<()> {
        self.expect("done")
    }

    fn expect(&mut self, word: &str) -> Result<()> {
        match self.lines.next().transpose()? {
            Some(line) if line == word => Ok(()),
            other => Err(format!("the counter said {other:?} and not {word:?}").into()),
        }
    }
}
