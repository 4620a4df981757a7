//! What the sessions of one measurement have received, all together.

use hdrhistogram::Histogram;

use crate::checker::Faults;
use crate::clock;
use crate::cursor::Cursor;
use crate::stamp::Stamp;

const LATENCY_UNIT_NANOS: u64 = 1_000;
const MAX_LATENCY_MICROS: u64 = 600_000_000;
const SIGNIFICANT_DIGITS: u8 = 3;

/// Counts of deliveries and of everything that should not have happened.
pub(crate) struct Tally {
    /// Deliveries that came whole, once and in order.
    pub(crate) delivered: u64,
    /// All bytes that came, heads and frames included.
    pub(crate) received_bytes: u64,
    /// When the latest delivery was read, on [`crate::clock`].
    pub(crate) last_delivery_nanos: u64,
    pub(crate) faults: Faults,
    /// Gaps that the server told.
    pub(crate) gaps: u64,
    /// Sessions that the server ended, in whatever way.
    pub(crate) ended: u64,
    /// What the server said of the latest gap or bye.
    pub(crate) reason: Option<String>,
    /// The rule that a server's bytes broke, if any did.
    pub(crate) malformed: Option<&'static str>,
    /// Every publication that a recording session saw, with its cursor.
    pub(crate) recorded: Vec<(Stamp, Cursor)>,
    latency_micros: Histogram<u64>,
}

/// Latency from the publisher's stamp to the generator's read, in microseconds.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub(crate) struct Latency {
    pub(crate) p50_micros: u64,
    pub(crate) p99_micros: u64,
    pub(crate) max_micros: u64,
}

impl Tally {
    pub(crate) fn new() -> Tally {
        let histogram = Histogram::new_with_bounds(1, MAX_LATENCY_MICROS, SIGNIFICANT_DIGITS);
        Tally {
            delivered: 0,
            received_bytes: 0,
            last_delivery_nanos: 0,
            faults: Faults::default(),
            gaps: 0,
            ended: 0,
            reason: None,
            malformed: None,
            recorded: Vec::new(),
            latency_micros: histogram.expect("the bounds are constants and valid"),
        }
    }

    /// Counts a delivery that had to come, read at `now_nanos`.
    pub(crate) fn deliver(&mut self, stamp: Stamp, now_nanos: u64) {
        self.delivered += 1;
        self.last_delivery_nanos = now_nanos;
        let latency = clock::between(stamp.sent_nanos, now_nanos).as_nanos() as u64;
        self.latency_micros.saturating_record(latency / LATENCY_UNIT_NANOS);
    }

    /// Notes the data of a gap or bye.
    pub(crate) fn note_reason(&mut self, name: &[u8], data: Option<&[u8]>) {
        let text = [name, b" ", data.unwrap_or_default()].concat();
        self.reason = Some(String::from_utf8_lossy(&text).into_owned());
    }

    /// Starts the latencies anew: what came until now was warming up.
    pub(crate) fn forget_latencies(&mut self) {
        self.latency_micros.reset();
    }

    pub(crate) fn latency(&self) -> Latency {
        let at = |quantile| self.latency_micros.value_at_quantile(quantile);
        Latency { p50_micros: at(0.50), p99_micros: at(0.99), max_micros: self.latency_micros.max() }
    }

    /// Whether any delivery went wrong, in one line; nothing if all is well.
    pub(crate) fn trouble(&self) -> Option<String> {
        let mut troubles = Vec::new();
        let mut say = |count: u64, what: &str| {
            if count > 0 {
                troubles.push(format!("{count} {what}"));
            }
        };
        say(self.faults.lost, "lost");
        say(self.faults.doubled, "doubled");
        say(self.faults.disordered, "out of order");
        say(self.faults.foreign, "foreign or damaged");
        say(self.gaps, "gaps told");
        say(self.ended, "sessions ended by the server");
        if let Some(reason) = &self.reason {
            troubles.push(format!("it said {reason}"));
        }
        if let Some(rule) = self.malformed {
            troubles.push(format!("malformed: {rule}"));
        }
        (!troubles.is_empty()).then(|| troubles.join(", "))
    }
}
