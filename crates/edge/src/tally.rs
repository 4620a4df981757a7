//! Counts of the data path, kept without atomics and handed on once a turn.

use std::{collections::VecDeque, time::Instant};

use hub::Place;
use prometheus::{IntCounter, local::LocalHistogram};

use crate::metrics::Metrics;

/// Arrivals of which the time is remembered.
const MAX_ARRIVALS: usize = 256;

pub(crate) struct Tally {
    /// Frames that the kernel accepted.
    pub(crate) frames: u64,
    /// Bytes that it accepted.
    pub(crate) bytes: u64,
    frames_total: IntCounter,
    bytes_total: IntCounter,
    delivery: LocalHistogram,
    /// Up to which place each of the latest batches went, and when it arrived.
    arrivals: VecDeque<(Place, Instant)>,
    /// Before the first of them.
    forgotten: Place,
}

impl Tally {
    pub(crate) fn new(metrics: &Metrics) -> Self {
        Self {
            frames: 0,
            bytes: 0,
            frames_total: metrics.sse_deliveries.clone(),
            bytes_total: metrics.sse_bytes.clone(),
            delivery: metrics.delivery.local(),
            arrivals: VecDeque::with_capacity(MAX_ARRIVALS),
            forgotten: Place::START,
        }
    }

    /// A batch up to this place arrived.
    pub(crate) fn note_arrival(&mut self, upto: Place, at: Instant) {
        if self.arrivals.len() == MAX_ARRIVALS
            && let Some((place, _)) = self.arrivals.pop_front()
        {
            self.forgotten = place;
        }
        self.arrivals.push_back((upto, at));
    }

    /// The publication of this place has been written.
    pub(crate) fn observe(&mut self, place: Place, now: Instant) {
        if place <= self.forgotten {
            return;
        }
        let batch = self.arrivals.partition_point(|(upto, _)| *upto < place);
        if let Some((_, arrived)) = self.arrivals.get(batch) {
            self.delivery.observe(now.saturating_duration_since(*arrived).as_secs_f64());
        }
    }

    /// Hands the counts on.
    pub(crate) fn flush(&mut self) {
        self.frames_total.inc_by(std::mem::take(&mut self.frames));
        self.bytes_total.inc_by(std::mem::take(&mut self.bytes));
        self.delivery.flush();
    }
}
