//! The broker in the process: the same order and cursors, no Redis.

use std::{sync::Arc, time::Instant};

use publication::{Arrival, Batch, BeaconId, Cursor, Publication};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::{Duration, MissedTickBehavior, interval},
};

use crate::{metrics::Metrics, outlet::Outlet, status::Status};

/// Between two beacons, so that cursors expire with age here too.
const BEACON_INTERVAL: Duration = Duration::from_secs(1);
/// Publications taken together at most.
const MAX_BATCH: usize = 1_024;
/// Publications that may wait to be taken.
const MAX_QUEUED: usize = 4_096;

/// A publication, and who waits for its cursor.
pub(crate) struct Request {
    pub(crate) publication: Publication,
    pub(crate) reply: oneshot::Sender<Cursor>,
}

/// The queue into the embedded broker, and its end.
pub(crate) fn queue() -> (mpsc::Sender<Request>, mpsc::Receiver<Request>) {
    mpsc::channel(MAX_QUEUED)
}

/// Gives every publication its place until nobody publishes or listens any more.
pub(crate) async fn run(
    mut requests: mpsc::Receiver<Request>,
    mut outlet: impl Outlet,
    metrics: Metrics,
    status: watch::Sender<Status>,
) {
    let ok = metrics.publications.with_label_values(&["ok"]);
    metrics.roundtrip_ok.set(1);
    let mut beacon = BeaconId { gateway: rand::random(), counter: 0 };
    let mut number = 0;
    let mut ticks = interval(BEACON_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut taken = Vec::with_capacity(MAX_BATCH);
    loop {
        let mut arrivals = Vec::new();
        tokio::select! {
            // The first tick comes at once: nothing gets a cursor before there is a beacon.
            biased;
            _ = ticks.tick() => {
                (beacon, number) = (next(beacon), 0);
                arrivals.push(Arrival::Beacon(beacon));
            }
            count = requests.recv_many(&mut taken, MAX_BATCH) => {
                if count == 0 {
                    return;
                }
                for Request { publication, reply } in taken.drain(..) {
                    number += 1;
                    arrivals.push(Arrival::Publication(Arc::new(publication)));
                    // Whoever asked may have gone; the publication stands.
                    let _ = reply.send(Cursor::Counted { beacon, number });
                }
                ok.inc_by(arrivals.len() as u64);
            }
        }
        let arrived = Instant::now();
        if !outlet.deliver(Batch { arrived, arrivals, current: Some(arrived) }).await {
            return;
        }
        status.send_if_modified(|status| {
            let first = status.begun.is_none();
            status.begun.get_or_insert_with(Instant::now);
            (status.connected, status.complete) = (true, true);
            first
        });
    }
}

fn next(beacon: BeaconId) -> BeaconId {
    BeaconId { counter: beacon.counter.wrapping_add(1), ..beacon }
}
