//! What the broker counts.

use prometheus::{Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, Opts, Registry};

/// The broker's metrics; cloning shares them.
#[derive(Clone)]
pub struct Metrics {
    /// Publications by outcome: `ok`, or why they were dropped.
    pub publications: IntCounterVec,
    /// 1 while beacons come back in time.
    pub roundtrip_ok: IntGauge,
    /// Links that broke and were made anew.
    pub reconnects: IntCounter,
    /// From a beacon's publishing to its coming back, or from a question about the stream to its answer.
    pub roundtrip: Histogram,
    /// Parts of the stream that were read back for those whom memory had left behind.
    pub stream_reads: IntCounter,
    /// Those who are present through this gateway; a session counts once for each of its channels.
    pub presence_members: IntGauge,
    /// 1 while it can be told who is present through other gateways.
    pub presence_ok: IntGauge,
    /// What backends had done with sessions, by its word; or `dropped`.
    pub directives: IntCounterVec,
    /// Revocations that are known.
    pub revocations: IntGauge,
    /// Connections to the embedded broker's own port that ended, by why.
    pub port_closed: IntCounterVec,
}

impl Metrics {
    /// Makes the metrics and registers them.
    ///
    /// # Errors
    /// A name is already taken in the registry.
    pub fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let seconds = HistogramOpts::new(
            "fanfare_broker_roundtrip_seconds",
            "From the publishing of a beacon to its coming back, or from a question about the stream to its answer",
        )
        .buckets(prometheus::exponential_buckets(0.000_1, 2.5, 13)?);
        let metrics = Self {
            publications: IntCounterVec::new(
                Opts::new(
                    "fanfare_publications_total",
                    "Publications from the broker: ok, or why they were dropped",
                ),
                &["outcome"],
            )?,
            roundtrip_ok: IntGauge::new(
                "fanfare_broker_roundtrip_ok",
                "1 while beacons come back, or the stream answers, in time",
            )?,
            reconnects: IntCounter::new(
                "fanfare_broker_reconnects_total",
                "Links to the broker that broke and were made anew",
            )?,
            roundtrip: Histogram::with_opts(seconds)?,
            stream_reads: IntCounter::new(
                "fanfare_stream_reads_total",
                "Parts of the stream that were read back for those whom memory had left behind",
            )?,
            presence_members: IntGauge::new(
                "fanfare_presence_members",
                "Those who are present through this gateway, once for each of their channels",
            )?,
            presence_ok: IntGauge::new(
                "fanfare_presence_ok",
                "1 while it can be told who is present through other gateways",
            )?,
            directives: IntCounterVec::new(
                Opts::new(
                    "fanfare_directives_total",
                    "What came on @control: what it does, or that it was dropped",
                ),
                &["kind"],
            )?,
            revocations: IntGauge::new(
                "fanfare_revocations",
                "Revocations of tokens and subjects that are known",
            )?,
            port_closed: IntCounterVec::new(
                Opts::new(
                    "fanfare_port_closed_total",
                    "Connections to the embedded broker's own port that ended, by why",
                ),
                &["reason"],
            )?,
        };
        registry.register(Box::new(metrics.directives.clone()))?;
        registry.register(Box::new(metrics.revocations.clone()))?;
        registry.register(Box::new(metrics.port_closed.clone()))?;
        registry.register(Box::new(metrics.publications.clone()))?;
        registry.register(Box::new(metrics.roundtrip_ok.clone()))?;
        registry.register(Box::new(metrics.reconnects.clone()))?;
        registry.register(Box::new(metrics.roundtrip.clone()))?;
        registry.register(Box::new(metrics.stream_reads.clone()))?;
        registry.register(Box::new(metrics.presence_members.clone()))?;
        registry.register(Box::new(metrics.presence_ok.clone()))?;
        Ok(metrics)
    }
}
