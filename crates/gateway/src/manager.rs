//! What the service manager is told, where there is one that listens: sd_notify(3) of systemd.

use std::{
    env, io,
    rc::Rc,
    sync::mpsc::{SyncSender, sync_channel},
    thread,
    time::Duration,
};

use edge::Edge;
use sd_notify::NotifyState::{self, Custom, Ready, Reloading, Status, Stopping, Watchdog};
use tokio::{
    sync::oneshot,
    time::{MissedTickBehavior, interval, timeout},
};

use crate::readiness::Readiness;

/// How often the state is looked at that `systemctl status` shows.
const LOOK: Duration = Duration::from_secs(1);
/// Signs of life in the time after which the manager would take us for dead.
const SIGNS: u32 = 3;
/// Messages that may wait for a manager that is slow to read.
const MAX_UNREAD: usize = 64;
/// How long a drain waits until the manager has been told of it.
const MAX_TELLING: Duration = Duration::from_secs(1);

/// The service manager, if there is one; cloning shares it.
#[derive(Clone)]
pub(crate) struct Manager(Option<SyncSender<Message>>);

/// What it is told, and who waits until it has been.
struct Message {
    text: String,
    told: Option<oneshot::Sender<()>>,
}

impl Manager {
    /// Finds it by NOTIFY_SOCKET. It has a thread of its own, since its socket may be full.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub(crate) fn find() -> io::Result<Self> {
        if env::var_os("NOTIFY_SOCKET").is_none() {
            return Ok(Self(None));
        }
        let (sender, messages) = sync_channel::<Message>(MAX_UNREAD);
        thread::Builder::new().name("manager".to_owned()).spawn(move || {
            for Message { text, told } in messages {
                if let Err(error) = sd_notify::notify(&[Custom(&text)]) {
                    tracing::warn!(%error, text, "the service manager cannot be told");
                }
                // Who waited may have given up.
                let _ = told.map(|told| told.send(()));
            }
        })?;
        Ok(Self(Some(sender)))
    }

    /// All is warm, sessions are taken in.
    pub(crate) fn tell_ready(&self) {
        self.tell(&[Ready]);
    }

    /// The configuration is being read again. With the time, `Type=notify-reload` knows that this answers
    /// its own signal.
    pub(crate) fn tell_reloading(&self) {
        match NotifyState::monotonic_usec_now() {
            Ok(now) => self.tell(&[Reloading, now]),
            Err(error) => tracing::warn!(%error, "the clock cannot be read"),
        }
    }

    /// The configuration has been read again. A reload cannot fail for the manager, so the status says it.
    pub(crate) fn tell_reloaded(&self, valid: bool) {
        let status = if valid {
            "ready; the configuration was read again"
        } else {
            "the new configuration is not valid: the log says why, the old one holds"
        };
        self.tell(&[Ready, Status(status)]);
    }

    /// A drain has begun that takes at most so long. Waits until that is told: without sessions a drain is
    /// over, and the process gone, in no time.
    pub(crate) async fn tell_stopping(&self, at_most: Duration) {
        // A drain that is configured to take long is not to be cut off by the unit's own limit.
        let extension = format!("EXTEND_TIMEOUT_USEC={}", at_most.as_micros());
        let (told, waiting) = oneshot::channel();
        self.send(&[Stopping, Status("draining"), Custom(&extension)], Some(told));
        let _ = timeout(MAX_TELLING, waiting).await;
    }

    /// Tells how the gateway is whenever that changes, and that it lives, for as long as it is polled.
    pub(crate) async fn keep_told(self, edge: Rc<Edge>, readiness: Readiness) {
        if self.0.is_none() {
            return;
        }
        let patience = sd_notify::watchdog_enabled();
        let period = patience.map_or(LOOK, |patience| LOOK.min(patience / SIGNS));
        let mut ticks = interval(period.max(Duration::from_millis(1)));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut told = String::new();
        let mut alive = true;
        loop {
            ticks.tick().await;
            let status = readiness.report().1.trim_end().replace('\n', "; ");
            if status != told {
                self.tell(&[Status(&status)]);
                told = status;
            }
            // A shard that is stuck does not come back: the manager is to start all anew.
            let stuck = std::mem::replace(&mut alive, edge.state().alive) && !alive;
            if stuck {
                tracing::error!("a shard is stuck: no sign of life for the service manager any more");
            }
            if patience.is_some() && alive {
                self.tell(&[Watchdog]);
            }
        }
    }

    fn tell(&self, states: &[NotifyState<'_>]) {
        self.send(states, None);
    }

    fn send(&self, states: &[NotifyState<'_>], told: Option<oneshot::Sender<()>>) {
        let Some(messages) = &self.0 else { return };
        let lines: Vec<_> = states.iter().map(ToString::to_string).collect();
        if messages.try_send(Message { text: lines.join("\n"), told }).is_err() {
            tracing::warn!("the service manager does not read what it is told");
        }
    }
}
