//! The registry of all metrics, and those that the gateway itself has.

use std::time::SystemTime;

use edge::Edge;
use prometheus::{Gauge, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};

use crate::admin;

/// All metrics of the process.
pub(crate) struct Metrics {
    registry: Registry,
    pub(crate) broker: broker::Metrics,
    pub(crate) edge: edge::Metrics,
    sessions_max: IntGauge,
    pub(crate) draining: IntGauge,
    /// Times that the application was asked whom cookies belong to, by outcome.
    pub(crate) asks: IntCounterVec,
    /// Times that an issuer's keys were read from its URL, by outcome.
    pub(crate) key_fetches: IntCounterVec,
    reload_successful: IntGauge,
    reload_at: Gauge,
    reloads: IntCounterVec,
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
        register_process(&registry)?;
        let history_oldest =
            Gauge::new("fanfare_history_oldest_seconds", "How far back a session can resume without a gap")?;
        registry.register(Box::new(history_oldest.clone()))?;
        let reload_at = Gauge::new(
            "fanfare_config_last_reload_success_timestamp_seconds",
            "When the configuration in force was read, in Unix time",
        )?;
        registry.register(Box::new(reload_at.clone()))?;
        let reloads = IntCounterVec::new(
            Opts::new("fanfare_config_reloads_total", "Times that the configuration was read again"),
            &["outcome"],
        )?;
        registry.register(Box::new(reloads.clone()))?;
        let asks = IntCounterVec::new(
            Opts::new("fanfare_asks_total", "Times that the application was asked whom cookies belong to"),
            &["outcome"],
        )?;
        registry.register(Box::new(asks.clone()))?;
        let key_fetches = IntCounterVec::new(
            Opts::new("fanfare_key_fetches_total", "Times that an issuer's keys were read from its URL"),
            &["outcome"],
        )?;
        registry.register(Box::new(key_fetches.clone()))?;
        for outcome in [true, false] {
            reloads.with_label_values(&[label(outcome)]);
            key_fetches.with_label_values(&[label(outcome)]);
        }
        let metrics = Self {
            broker: broker::Metrics::new(&registry)?,
            edge: edge::Metrics::new(&registry)?,
            sessions_max: gauge("fanfare_sessions_max", "Sessions that are taken in at most")?,
            asks,
            key_fetches,
            draining: gauge("fanfare_draining", "1 while the gateway drains")?,
            lagging: gauge("fanfare_sessions_lagging", "Sessions that have not read all")?,
            history_publications: gauge("fanfare_history_publications", "Publications in history")?,
            history_bytes: gauge("fanfare_history_bytes", "Bytes of the publications in history")?,
            history_oldest,
            channels: gauge("fanfare_channels", "Channels with a state")?,
            audiences: gauge("fanfare_audiences", "Audiences of all shards")?,
            beacons: gauge("fanfare_beacons", "Beacons from which cursors can be placed")?,
            reload_successful: gauge(
                "fanfare_config_last_reload_successful",
                "1 unless the configuration was not valid when it was last read",
            )?,
            reload_at,
            reloads,
            registry,
        };
        metrics.note_read(true);
        Ok(metrics)
    }

    /// The configuration was read for the first time, or again.
    fn note_read(&self, valid: bool) {
        self.reload_successful.set(valid.into());
        if valid {
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
            self.reload_at.set(now.map_or(0.0, |now| now.as_secs_f64()));
        }
    }

    /// The configuration was read again, and is in force if it was valid.
    pub(crate) fn count_reload(&self, valid: bool) {
        self.note_read(valid);
        self.reloads.with_label_values(&[label(valid)]).inc();
    }

    /// How many sessions are taken in.
    pub(crate) fn set_sessions_max(&self, max: usize) {
        self.sessions_max.set(i64::try_from(max).unwrap_or(i64::MAX));
    }

    /// Where further ones can be registered.
    pub(crate) fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Everything in Prometheus's text format.
    pub(crate) fn text(&self, edge: &Edge) -> Vec<u8> {
        self.refresh(edge);
        admin::encode(&self.registry)
    }

    /// Reads anew what is only looked at now and then.
    pub(crate) fn refresh(&self, edge: &Edge) {
        let state = edge.state();
        let set = |gauge: &IntGauge, value: usize| gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
        set(&self.lagging, state.behind);
        set(&self.history_publications, state.gauges.history_publications);
        set(&self.history_bytes, state.gauges.history_bytes);
        self.history_oldest.set(state.gauges.history_oldest.as_secs_f64());
        set(&self.channels, state.gauges.channels);
        set(&self.audiences, state.gauges.audiences);
        set(&self.beacons, state.gauges.beacons);
    }
}

/// What every process of ours shows of itself.
pub(crate) fn register_process(registry: &Registry) -> Result<(), prometheus::Error> {
    let build = IntGaugeVec::new(Opts::new("fanfare_build_info", "Always 1"), &["version"])?;
    build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
    registry.register(Box::new(build))?;
    #[cfg(target_os = "linux")]
    registry.register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))?;
    Ok(())
}

/// The outcome of a reload, and of other reading.
fn label(valid: bool) -> &'static str {
    if valid { "ok" } else { "failed" }
}
