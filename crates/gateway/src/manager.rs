//! What the service manager is told, where there is one that listens: sd_notify(3) of systemd.

use std::{env, rc::Rc, time::Duration};

use edge::Edge;
use sd_notify::NotifyState::{self, Custom, Ready, Reloading, Status, Stopping, Watchdog};
use tokio::time::{MissedTickBehavior, interval};

use crate::readiness::Readiness;

/// How often the state is looked at that `systemctl status` shows.
const LOOK: Duration = Duration::from_secs(1);
/// Signs of life in the time after which the manager would take us for dead.
const SIGNS: u32 = 3;

/// All is warm, sessions are taken in.
pub(crate) fn tell_ready() {
    tell(&[Ready]);
}

/// The configuration is being read again. With the time, `Type=notify-reload` knows that this answers its
/// own signal.
pub(crate) fn tell_reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[Reloading, now]),
        Err(error) => tracing::warn!(%error, "the clock cannot be read"),
    }
}

/// The configuration has been read again. A reload cannot fail for the manager, so the status says it.
pub(crate) fn tell_reloaded(valid: bool) {
    let status = if valid {
        "ready; the configuration was read again"
    } else {
        "the new configuration is not valid: the log says why, the old one holds"
    };
    tell(&[Ready, Status(status)]);
}

/// A drain has begun that takes at most so long.
pub(crate) fn tell_stopping(at_most: Duration) {
    // A drain that is configured to take long is not to be cut off by the unit's own limit.
    let extension = format!("EXTEND_TIMEOUT_USEC={}", at_most.as_micros());
    tell(&[Stopping, Status("draining"), Custom(&extension)]);
}

/// Tells how the gateway is whenever that changes, and that it lives, for as long as it is polled.
pub(crate) async fn keep_told(edge: Rc<Edge>, readiness: Readiness) {
    if env::var_os("NOTIFY_SOCKET").is_none() {
        return;
    }
    let patience = sd_notify::watchdog_enabled();
    let period = patience.map_or(LOOK, |patience| LOOK.min(patience / SIGNS));
    let mut ticks = interval(period.max(Duration::from_millis(1)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut told = String::new();
    loop {
        ticks.tick().await;
        let status = readiness.report().1.trim_end().replace('\n', "; ");
        if status != told {
            tell(&[Status(&status)]);
            told = status;
        }
        // A shard that is stuck does not come back: the manager is to start all anew.
        if patience.is_some() && edge.state().alive {
            tell(&[Watchdog]);
        }
    }
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(%error, "the service manager does not listen");
    }
}
