//! The way between gateways and clients suffers, or clients do.

use crate::{Result, trial::Trial};

/// Of all clients, every tenth of a second: each is cut once in five seconds.
const CUT_SHARE: f64 = 0.02;
const STALLED_SHARE: f64 = 0.1;

pub(super) fn balancer_reloaded(trial: &mut Trial) -> Result<()> {
    for _ in 0..2 {
        let before = trial.crowd.census().reconnects;
        trial.lab.balancer.reload();
        // The old worker ends what it serves after three seconds.
        trial.pause(5.0);
        if trial.crowd.census().reconnects == before {
            return Err("nobody noticed the reload".into());
        }
    }
    Ok(())
}

pub(super) fn cut(trial: &mut Trial) -> Result<()> {
    for _ in 0..if trial.is_quick { 30 } else { 80 } {
        trial.crowd.ask(|clients| clients.cut(CUT_SHARE));
        trial.pause(0.1);
    }
    Ok(())
}

pub(super) fn stalled(trial: &mut Trial) -> Result<()> {
    if trial.crowd.ask(|clients| clients.stall(STALLED_SHARE)) == 0 {
        return Err("nobody stalled".into());
    }
    trial.pause(15.0);
    trial.crowd.ask(|clients| clients.unstall());
    trial.pause(3.0);
    Ok(())
}

pub(super) fn avalanche(trial: &mut Trial) -> Result<()> {
    trial.crowd.ask(|clients| clients.cut(1.0));
    Ok(())
}
