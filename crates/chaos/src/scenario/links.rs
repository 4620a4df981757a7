//! The links between gateways and Redis suffer; the others do not notice.

use std::time::Duration;

use crate::{Result, lab::Which, trial::Trial};

const DELAY: Duration = Duration::from_millis(300);

pub(super) fn frozen(trial: &mut Trial) -> Result<()> {
    trial.lab.link(Which::A).freeze();
    trial.pause_restless(10.0);
    trial.lab.link(Which::A).thaw();
    trial.pause_restless(2.0);
    Ok(())
}

/// Too short for the link to be given up.
pub(super) fn stalled(trial: &mut Trial) -> Result<()> {
    for _ in 0..2 {
        trial.lab.link(Which::A).freeze();
        trial.pause_restless(2.0);
        trial.lab.link(Which::A).thaw();
        trial.pause_restless(2.0);
    }
    Ok(())
}

pub(super) fn cut(trial: &mut Trial) -> Result<()> {
    let link = trial.lab.link(Which::A);
    link.set_closed(true);
    link.cut();
    trial.pause_restless(2.0);
    link.set_closed(false);
    trial.pause_restless(1.0);
    Ok(())
}

pub(super) fn slow(trial: &mut Trial) -> Result<()> {
    for link in trial.lab.links() {
        link.set_delay(DELAY);
    }
    trial.pause_restless(8.0);
    for link in trial.lab.links() {
        link.set_delay(Duration::ZERO);
    }
    trial.pause_restless(2.0);
    Ok(())
}
