//! Gateways go and come back.

use crate::{Result, lab::Which, trial::Trial};

pub(super) fn killed(trial: &mut Trial) -> Result<()> {
    trial.lab.kill(Which::A);
    trial.pause_restless(2.0);
    trial.lab.launch(Which::A);
    trial.lab.wait_until_ready();
    Ok(())
}

pub(super) fn drained(trial: &mut Trial) -> Result<()> {
    restart(trial, Which::A);
    Ok(())
}

pub(super) fn rolling(trial: &mut Trial) -> Result<()> {
    restart(trial, Which::A);
    restart(trial, Which::B);
    Ok(())
}

pub(super) fn gone(trial: &mut Trial) -> Result<()> {
    trial.lab.kill(Which::A);
    trial.lab.kill(Which::B);
    trial.pause_restless(5.0);
    trial.lab.launch(Which::A);
    trial.lab.launch(Which::B);
    trial.lab.wait_until_ready();
    Ok(())
}

fn restart(trial: &mut Trial, which: Which) {
    trial.lab.drain(which);
    trial.lab.launch(which);
    trial.lab.wait_until_ready();
}
