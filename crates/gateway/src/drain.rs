//! How a gateway leaves: red first, then good-byes, then the end.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::reload::Reloader;

/// For last words to arrive, and for browsers that keep idle connections open.
const GRACE: Duration = Duration::from_secs(3);

/// Drains: readiness turns red while all is served on for `drain.delay`, so that balancers notice; then
/// every session gets its bye within `drain.spread`.
pub(crate) async fn drain(gateway: &Reloader) {
    let Reloader { edge, metrics, readiness, manager, .. } = gateway;
    let (delay, spread) = (gateway.settings().drain_delay, gateway.settings().edge.drain_spread);
    readiness.set_draining();
    metrics.draining.set(1);
    tracing::info!(sessions = edge.sessions(), ?delay, ?spread, "draining; a second signal exits at once");
    manager.tell_stopping(delay + spread + 2 * GRACE).await;
    sleep(delay).await;
    edge.drain();
    let deadline = Instant::now() + spread + GRACE;
    while Instant::now() < deadline {
        sleep(Duration::from_millis(100)).await;
        if edge.connections() == 0 {
            break;
        }
    }
    tracing::info!(sessions = edge.sessions(), "drained");
}
