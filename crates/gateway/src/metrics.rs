//! The registry of all metrics, and those that the gateway itself has.

use edge::Edge;
use prometheus::{Encoder, Gauge, IntGauge, IntGaugeVec, Opts, Registry, TextEncoder};

/// All metrics of the process.
pub(crate) struct Metrics {
    registry: Registry,
    pub(crate) broker: broker::Metrics,
    pub(crate) edge: edge::Metrics,
    pub(crate) sessions_max: IntGauge,
    pub(crate) draining: IntGauge,
    lagging: IntGauge,
    history_publications: IntGauge,
    history_bytes: IntGauge,
    history_oldest: Gauge,
    channels: IntGauge,
    audiences: IntGauge,
    beacons: IntGauge,
}

impl Metrics {
    pub(crate) fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let gauge = |name: &str, help: &str| {
            let gauge = IntGauge::new(name, help)?;
            registry.register(Box::new(gauge.clone()))?;
            Ok::<_, prometheus::Error>(gauge)
        };
        let build = IntGaugeVec::new(Opts::new("fanfare_build_info", "Always 1"), &["version"])?;
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        registry.register(Box::new(build))?;
        let history_oldest =
            Gauge::new("fanfare_history_oldest_seconds", "How far back a session can resume without a gap")?;
        registry.register(Box::new(history_oldest.clone()))?;
        #[cfg(target_os = "linux")]
        registry.register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))?;
        Ok(Self {
            broker: broker::Metrics::new(&registry)?,
            edge: edge::Metrics::new(&registry)?,
            sessions_max: gauge("fanfare_sessions_max", "Sessions that are taken in at most")?,
            draining: gauge("fanfare_draining", "1 while the gateway drains")?,
            lagging: gauge("fanfare_sessions_lagging", "Sessions that have not read all")?,
            history_publications: gauge("fanfare_history_publications", "Publications in history")?,
            history_bytes: gauge("fanfare_history_bytes", "Bytes of the publications in history")?,
            history_oldest,
            channels: gauge("fanfare_channels", "Channels with a state")?,
            audiences: gauge("fanfare_audiences", "Audiences of all shards")?,
            beacons: gauge("fanfare_beacons", "Beacons from which cursors can be placed")?,
            registry,
        })
    }

    /// Everything in Prometheus's text format.
    pub(crate) fn text(&self, edge: &Edge) -> Vec<u8> {
        let state = edge.state();
        let set = |gauge: &IntGauge, value: usize| gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
        set(&self.lagging, state.behind);
        set(&self.history_publications, state.gauges.history_publications);
        set(&self.history_bytes, state.gauges.history_bytes);
        self.history_oldest.set(state.gauges.history_oldest.as_secs_f64());
        set(&self.channels, state.gauges.channels);
        set(&self.audiences, state.gauges.audiences);
        set(&self.beacons, state.gauges.beacons);
        let mut out = Vec::new();
        if let Err(error) = TextEncoder::new().encode(&self.registry.gather(), &mut out) {
            tracing::error!(%error, "the metrics cannot be written");
        }
        out
    }
}
