//! How a gateway leaves: red first, then good-byes, then the end.

use std::{rc::Rc, time::Duration};

use edge::Edge;
use tokio::time::{Instant, sleep};

use crate::{metrics::Metrics, readiness::Readiness};

/// For last words to arrive, and for browsers that keep idle connections open.
const GRACE: Duration = Duration::from_secs(3);

/// Drains: readiness turns red while all is served on for `delay`, so that balancers notice; then
/// every session gets its bye within `spread`.
pub(crate) async fn drain(
    edge: &Rc<Edge>,
    metrics: &Metrics,
    readiness: &Readiness,
    delay: Duration,
    spread: Duration,
) {
    readiness.set_draining();
    metrics.draining.set(1);
    tracing::info!(sessions = edge.sessions(), ?delay, ?spread, "draining; a second signal exits at once");
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
