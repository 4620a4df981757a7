//! Whether a balancer should send browsers here.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU8, Ordering},
    },
    time::Duration,
};

use broker::Status;
use tokio::{sync::watch, time::sleep};

/// The gateway's state, as `/readyz` shows it; cloning shares it.
#[derive(Clone)]
pub(crate) struct Readiness {
    state: Arc<AtomicU8>,
    status: watch::Receiver<Status>,
    /// Broker trouble turns it red.
    with_broker: Arc<AtomicBool>,
}

const STARTING: u8 = 0;
const READY: u8 = 1;
const DRAINING: u8 = 2;

impl Readiness {
    pub(crate) fn new(status: watch::Receiver<Status>, with_broker: bool) -> Self {
        Self { state: Arc::new(AtomicU8::new(STARTING)), status, with_broker: Arc::new(with_broker.into()) }
    }

    /// Whether broker trouble turns it red, from now on.
    pub(crate) fn set_with_broker(&self, with_broker: bool) {
        self.with_broker.store(with_broker, Ordering::Relaxed);
    }

    /// From now on green, unless already draining. Returns whether it has become so.
    pub(crate) fn set_ready(&self) -> bool {
        self.state.compare_exchange(STARTING, READY, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    /// Whether it has ever been green.
    pub(crate) fn has_started(&self) -> bool {
        self.state.load(Ordering::Relaxed) != STARTING
    }

    /// From now on red.
    pub(crate) fn set_draining(&self) {
        self.state.store(DRAINING, Ordering::Relaxed);
    }

    /// Green or not, and why, also about the broker.
    pub(crate) fn report(&self) -> (bool, String) {
        let status = self.status.borrow();
        let broker = match (&status.trouble, status.connected) {
            (Some(trouble), _) => format!("trouble: {trouble}"),
            (None, true) => "ok".to_owned(),
            (None, false) => "connecting".to_owned(),
        };
        let (ready, state) = match self.state.load(Ordering::Relaxed) {
            READY if !status.connected && self.with_broker.load(Ordering::Relaxed) => {
                (false, "the broker is in trouble")
            }
            READY => (true, "ready"),
            DRAINING => (false, "draining"),
            _ => (false, "starting"),
        };
        (ready, format!("{state}\nbroker: {broker}\n"))
    }
}

/// Resolves when this gateway knows what its peers know; or, if none of them told it, one heartbeat
/// later, when at least the cursors of quiet sessions elsewhere are known here too.
pub(crate) async fn warm(mut status: watch::Receiver<Status>, heartbeat: Duration) {
    let begun = status.wait_for(|status| status.begun.is_some()).await.map(|status| status.complete);
    if let Ok(false) = begun {
        sleep(heartbeat).await;
    }
}
