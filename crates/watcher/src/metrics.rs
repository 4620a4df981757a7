//! What a watcher counts.

use prometheus::{
    Gauge, GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge,
    IntGaugeVec, Opts, Registry,
};

/// The upper bounds of what a query may take, in seconds.
const BUCKETS: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// All metrics of the watcher; labels are the names of queries, which the configuration bounds.
#[derive(Clone)]
pub struct Metrics {
    /// Whether this process is the one that publishes.
    pub active: IntGauge,
    /// Times that it became the one.
    pub terms: IntCounter,
    runs: IntCounterVec,
    late: IntCounterVec,
    publications: IntCounterVec,
    skipped: IntCounterVec,
    rows: IntGaugeVec,
    seconds: HistogramVec,
    run_seconds: HistogramVec,
    succeeded: GaugeVec,
}

/// Those of one query.
pub(crate) struct QueryMetrics {
    all: Metrics,
    query: String,
    /// Runs that were due while another one was under way.
    pub(crate) late: IntCounter,
    /// Rows that cannot be published.
    pub(crate) skipped: IntCounter,
    /// Of the latest result.
    pub(crate) rows: IntGauge,
    /// From the question to the last row.
    pub(crate) seconds: Histogram,
    /// From the question until all that differs is published.
    pub(crate) run_seconds: Histogram,
    /// When all of a result was last shown, in Unix time.
    pub(crate) succeeded: Gauge,
}

impl Metrics {
    /// Registers them.
    ///
    /// # Errors
    /// One of that name is registered already.
    pub fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let counters = |name: &str, help: &str, labels: &[&str]| {
            let counters = IntCounterVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(counters.clone()))?;
            Ok::<_, prometheus::Error>(counters)
        };
        let runs = counters("fanfare_watch_runs_total", "Runs of a query", &["query", "outcome"])?;
        let late = counters(
            "fanfare_watch_late_total",
            "Runs that were due while the one before was under way",
            &["query"],
        )?;
        let publications =
            counters("fanfare_watch_publications_total", "What was published, by why", &["query", "kind"])?;
        let skipped =
            counters("fanfare_watch_rows_skipped_total", "Rows that cannot be published", &["query"])?;
        let rows =
            IntGaugeVec::new(Opts::new("fanfare_watch_rows", "Rows of the latest result"), &["query"])?;
        let seconds = |name: &str, help: &str| {
            let options = HistogramOpts::new(name, help).buckets(BUCKETS.to_vec());
            let seconds = HistogramVec::new(options, &["query"])?;
            registry.register(Box::new(seconds.clone()))?;
            Ok::<_, prometheus::Error>(seconds)
        };
        let run_seconds =
            seconds("fanfare_watch_run_seconds", "From the question until all that differs is published")?;
        let seconds = seconds("fanfare_watch_query_seconds", "From the question to the last row")?;
        let succeeded = GaugeVec::new(
            Opts::new(
                "fanfare_watch_last_success_timestamp_seconds",
                "When all of a result was last shown, in Unix time",
            ),
            &["query"],
        )?;
        let active = IntGauge::new("fanfare_watch_active", "Whether this process is the one that publishes")?;
        let terms = IntCounter::new("fanfare_watch_terms_total", "Times that it became the one")?;
        registry.register(Box::new(rows.clone()))?;
        registry.register(Box::new(succeeded.clone()))?;
        registry.register(Box::new(active.clone()))?;
        registry.register(Box::new(terms.clone()))?;
        Ok(Self { active, terms, runs, late, publications, skipped, rows, seconds, run_seconds, succeeded })
    }

    pub(crate) fn of(&self, query: &str) -> QueryMetrics {
        let label = &[query];
        QueryMetrics {
            late: self.late.with_label_values(label),
            skipped: self.skipped.with_label_values(label),
            rows: self.rows.with_label_values(label),
            seconds: self.seconds.with_label_values(label),
            run_seconds: self.run_seconds.with_label_values(label),
            succeeded: self.succeeded.with_label_values(label),
            query: query.to_owned(),
            all: self.clone(),
        }
    }
}

impl QueryMetrics {
    pub(crate) fn count_run(&self, outcome: &str) {
        self.all.runs.with_label_values(&[&*self.query, outcome]).inc();
    }

    pub(crate) fn count_published(&self, kind: &str) {
        self.all.publications.with_label_values(&[&*self.query, kind]).inc();
    }
}
