//! What the edge counts.

use hub::GapReason;
use prometheus::{
    Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
};

use crate::{close::CloseReason, request::Since, transport::Transport};

/// The edge's metrics; cloning shares them. Labels are fixed at the start, so that the data path
/// only adds to atomics.
#[derive(Clone)]
pub struct Metrics {
    by_transport: [ByTransport; Transport::ALL.len()],
    closed: IntCounterVec,
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

/// What is counted for each transport.
#[derive(Clone)]
pub(crate) struct ByTransport {
    /// Sessions that are here now, and polls that wait.
    pub(crate) sessions: IntGauge,
    /// Sessions that came, and polls that had to wait.
    pub(crate) opened: IntCounter,
    /// Frames that the kernel accepted, and publications in answers to polls.
    pub(crate) deliveries: IntCounter,
    /// Bytes of either.
    pub(crate) bytes: IntCounter,
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
            by_transport: Transport::ALL.map(|transport| {
                let label = &[transport.label()];
                ByTransport {
                    sessions: sessions.with_label_values(label),
                    opened: opened.with_label_values(label),
                    deliveries: deliveries.with_label_values(label),
                    bytes: bytes.with_label_values(label),
                }
            }),
            closed: counter(
                "fanfare_sessions_closed_total",
                "Sessions that ended, and why",
                &["transport", "reason"],
            )?,
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
        for transport in Transport::ALL {
            for reason in CloseReason::of(transport) {
                metrics.closed.with_label_values(&[transport.label(), reason.label()]);
            }
        }
        for reason in GapReason::ALL {
            metrics.gaps.with_label_values(&[reason.label()]);
        }
        Ok(metrics)
    }

    /// What is counted for this transport.
    pub(crate) fn of(&self, transport: Transport) -> &ByTransport {
        &self.by_transport[transport as usize]
    }

    /// A session began.
    pub(crate) fn count_opened(&self, transport: Transport) {
        self.of(transport).sessions.inc();
        self.of(transport).opened.inc();
    }

    /// A session ended.
    pub(crate) fn count_closed(&self, transport: Transport, reason: CloseReason) {
        self.of(transport).sessions.dec();
        self.closed.with_label_values(&[transport.label(), reason.label()]).inc();
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
