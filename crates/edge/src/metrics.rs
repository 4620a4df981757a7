//! What the edge counts.

use hub::GapReason;
use prometheus::{
    Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
};

use crate::{close::CloseReason, request::Since};

/// The edge's metrics; cloning shares them. Labels are fixed at the start, so that the data path
/// only adds to atomics.
#[derive(Clone)]
pub struct Metrics {
    /// Sessions that are here now.
    pub sse_sessions: IntGauge,
    /// Sessions that came.
    pub sse_opened: IntCounter,
    /// Polls that wait now.
    pub polls_waiting: IntGauge,
    /// Polls that had to wait.
    pub polls_opened: IntCounter,
    closed: IntCounterVec,
    /// Frames that the kernel accepted.
    pub sse_deliveries: IntCounter,
    /// Publications in answers to polls.
    pub poll_deliveries: IntCounter,
    /// Bytes that the kernel accepted.
    pub sse_bytes: IntCounter,
    /// Bytes of answers to polls.
    pub poll_bytes: IntCounter,
    gaps: IntCounterVec,
    /// Writes to sessions that lagged, of the latest publications only.
    pub conflated: IntCounter,
    /// Sessions and polls that came with a cursor, by what it was worth.
    pub resumes: IntCounterVec,
    /// What was refused, by its error code.
    pub rejected: IntCounterVec,
    /// From the arrival of a publication to its being written; one observation a write.
    pub delivery: Histogram,
    /// From a publication's being added to the stream to its being written; one observation a write.
    pub since_published: Histogram,
}

impl Metrics {
    /// Makes the metrics and registers them.
    ///
    /// # Errors
    /// A name is already taken in the registry.
    pub fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let by_transport = ["transport"];
        let sessions = IntGaugeVec::new(Opts::new("fanfare_sessions", "Sessions now"), &by_transport)?;
        let counter = |name: &str, help: &str, labels: &[&str]| {
            let counter = IntCounterVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(counter.clone()))?;
            Ok::<_, prometheus::Error>(counter)
        };
        let opened = counter("fanfare_sessions_opened_total", "Sessions that came", &by_transport)?;
        let deliveries =
            counter("fanfare_deliveries_total", "Frames that the kernel accepted", &by_transport)?;
        let bytes =
            counter("fanfare_delivered_bytes_total", "Bytes that the kernel accepted", &by_transport)?;
        let seconds = HistogramOpts::new(
            "fanfare_gateway_delivery_seconds",
            "From a publication's arrival to its being written",
        )
        .buckets(prometheus::exponential_buckets(0.000_1, 2.5, 13)?);
        let since_published = HistogramOpts::new(
            "fanfare_publish_to_delivery_seconds",
            "From a publication's being added to the stream (by the clock of Redis) to its being written",
        )
        .buckets(prometheus::exponential_buckets(0.000_5, 2.5, 13)?);
        let metrics = Self {
            sse_sessions: sessions.with_label_values(&["sse"]),
            sse_opened: opened.with_label_values(&["sse"]),
            polls_waiting: sessions.with_label_values(&["poll"]),
            polls_opened: opened.with_label_values(&["poll"]),
            closed: counter(
                "fanfare_sessions_closed_total",
                "Sessions that ended, and why",
                &["transport", "reason"],
            )?,
            sse_deliveries: deliveries.with_label_values(&["sse"]),
            poll_deliveries: deliveries.with_label_values(&["poll"]),
            sse_bytes: bytes.with_label_values(&["sse"]),
            poll_bytes: bytes.with_label_values(&["poll"]),
            gaps: counter("fanfare_gaps_total", "Gaps told to sessions and polls, and why", &["reason"])?,
            conflated: IntCounter::new(
                "fanfare_conflated_total",
                "Times that a slow session was given the latest publications only, by its channels' rule",
            )?,
            resumes: counter(
                "fanfare_resumes_total",
                "Cursors that came back, and what of them",
                &["outcome"],
            )?,
            rejected: counter(
                "fanfare_rejected_total",
                "Requests and sessions refused, and why",
                &["reason"],
            )?,
            delivery: Histogram::with_opts(seconds)?,
            since_published: Histogram::with_opts(since_published)?,
        };
        registry.register(Box::new(sessions))?;
        registry.register(Box::new(metrics.conflated.clone()))?;
        registry.register(Box::new(metrics.delivery.clone()))?;
        registry.register(Box::new(metrics.since_published.clone()))?;
        for reason in CloseReason::ALL {
            metrics.closed.with_label_values(&["sse", reason.label()]);
        }
        for reason in [CloseReason::Answered, CloseReason::Gone] {
            metrics.closed.with_label_values(&["poll", reason.label()]);
        }
        for reason in GapReason::ALL {
            metrics.gaps.with_label_values(&[reason.label()]);
        }
        Ok(metrics)
    }

    /// A session ended.
    pub(crate) fn count_closed(&self, transport: &str, reason: CloseReason) {
        self.closed.with_label_values(&[transport, reason.label()]).inc();
    }

    /// A session or a poll was told a gap.
    pub(crate) fn count_gap(&self, reason: GapReason) {
        self.gaps.with_label_values(&[reason.label()]).inc();
    }

    /// A session or a poll began; if with a cursor, what that was worth is counted.
    pub(crate) fn count_start(&self, since: Since, waits: bool, gap: Option<GapReason>) {
        let outcome = match (since, gap) {
            (Since::Absent | Since::Last | Since::Earliest, _) => return,
            (_, Some(reason)) => reason.label(),
            (_, None) if waits => "ahead",
            (_, None) => "complete",
        };
        self.resumes.with_label_values(&[outcome]).inc();
    }

    /// Something was refused.
    pub(crate) fn count_rejected(&self, reason: &str) {
        self.rejected.with_label_values(&[reason]).inc();
    }
}
