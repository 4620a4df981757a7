//! Counts of the data path, kept without atomics and handed on once a turn.

use std::{
    collections::VecDeque,
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use hub::Place;
use prometheus::{IntCounter, local::LocalHistogram};

use crate::{metrics::Metrics, transport::Transport};

/// Arrivals of which the time is remembered.
const MAX_ARRIVALS: usize = 256;

/// What was delivered over one transport.
struct Count {
    /// Frames that the kernel accepted.
    frames: u64,
    /// Bytes that it accepted.
    bytes: u64,
    frames_total: IntCounter,
    bytes_total: IntCounter,
}

pub(crate) struct Tally {
    by_transport: [Count; Transport::ALL.len()],
    delivery: LocalHistogram,
    since_published: LocalHistogram,
    /// A moment by both clocks, to tell the time of day without asking for it at each write.
    clock: (Instant, u64),
    /// Up to which place each of the latest batches went, and when it arrived.
    arrivals: VecDeque<(Place, Instant)>,
    /// Before the first of them.
    forgotten: Place,
}

impl Tally {
    pub(crate) fn new(metrics: &Metrics) -> Self {
        Self {
            by_transport: Transport::ALL.map(|transport| Count {
                frames: 0,
                bytes: 0,
                frames_total: metrics.of(transport).deliveries.clone(),
                bytes_total: metrics.of(transport).bytes.clone(),
            }),
            delivery: metrics.delivery.local(),
            since_published: metrics.since_published.local(),
            clock: clock(),
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

    /// Places mean something else now, and may have gone back.
    pub(crate) fn begin_anew(&mut self) {
        self.arrivals.clear();
        self.forgotten = Place::START;
    }

    /// Sets the clock anew, now and then.
    pub(crate) fn tick(&mut self) {
        self.clock = clock();
    }

    /// A moment of late, in milliseconds since 1970.
    pub(crate) fn unix_millis(&self, moment: Instant) -> u64 {
        let (at, ms) = self.clock;
        match moment.checked_duration_since(at) {
            Some(since) => ms + since.as_millis() as u64,
            None => ms - at.duration_since(moment).as_millis() as u64,
        }
    }

    /// The publication of this place has been written.
    pub(crate) fn observe(&mut self, place: Place, now: Instant) {
        if place <= self.forgotten {
            return;
        }
        if let Some(added) = place.added_ms() {
            let (at, ms) = self.clock;
            let now_ms = ms as f64 + now.saturating_duration_since(at).as_secs_f64() * 1e3;
            self.since_published.observe((now_ms - added as f64).max(0.0) / 1e3);
        }
        let batch = self.arrivals.partition_point(|(upto, _)| *upto < place);
        if let Some((_, arrived)) = self.arrivals.get(batch) {
            self.delivery.observe(now.saturating_duration_since(*arrived).as_secs_f64());
        }
    }

    /// The kernel accepted so many bytes, and with them so many frames.
    pub(crate) fn count(&mut self, transport: Transport, bytes: usize, frames: usize) {
        let count = &mut self.by_transport[transport as usize];
        count.bytes += bytes as u64;
        count.frames += frames as u64;
    }

    /// Hands the counts on.
    pub(crate) fn flush(&mut self) {
        for Count { frames, bytes, frames_total, bytes_total } in &mut self.by_transport {
            frames_total.inc_by(std::mem::take(frames));
            bytes_total.inc_by(std::mem::take(bytes));
        }
        self.delivery.flush();
        self.since_published.flush();
    }
}

/// Now, and the same in milliseconds since 1970.
fn clock() -> (Instant, u64) {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    (Instant::now(), since_1970.as_millis() as u64)
}

#[cfg(test)]
mod tests {
    use prometheus::Registry;
    use publication::EntryId;

    use super::*;

    #[test]
    fn what_is_written_is_observed_also_where_ids_have_gone_back() {
        let metrics = Metrics::new(&Registry::new()).unwrap();
        let mut tally = Tally::new(&metrics);
        let deliver = |tally: &mut Tally, ms| {
            let place = Place::of(EntryId { ms, seq: 0 });
            tally.note_arrival(place, Instant::now());
            tally.observe(place, Instant::now());
            tally.flush();
            (metrics.delivery.get_sample_count(), metrics.since_published.get_sample_count())
        };
        let arrivals = MAX_ARRIVALS as u64 + 1;
        for number in 1..=arrivals {
            assert_eq!(deliver(&mut tally, 1_000_000 + number), (number, number));
        }
        tally.begin_anew();
        assert_eq!(deliver(&mut tally, 1), (arrivals + 1, arrivals + 1));
    }
}
