//! A watcher on a table of a hundred thousand rows, a thousand of which change between two runs: what a run takes, to
//! its last publication, against the bare query.

use std::time::{Duration, Instant};

use tests::{Postgres, Redis, Watcher};

use crate::Result;
use crate::lab::Lab;
use crate::report::{Figure, Row, Unit};
use crate::statistics::Interval;
use crate::verdict::Target;

pub(super) const NAME: &str = "watch";
const ROWS: u32 = 100_000;
const CHANGES: u32 = 1_000;
const SQL: &str = "SELECT * FROM monitors";
/// Between two looks at the watcher's counters.
const LOOK: Duration = Duration::from_millis(20);
/// The longest wait for a run.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) fn run(lab: &mut Lab) -> Result<()> {
    let (postgres, redis) = (Postgres::start(), Redis::start());
    postgres.run(&format!(
        "CREATE TABLE monitors (id INTEGER PRIMARY KEY, name TEXT, up BOOLEAN, latency FLOAT8, price NUMERIC, at TIMESTAMPTZ, \
         tags TEXT[], meta JSONB); INSERT INTO monitors SELECT i, 'monitor ' || i, i % 7 <> 0, random() * 100, i * 1.1, now(), \
         ARRAY['a', 'b c'], '{{\"a\": 1}}' FROM generate_series(1, {ROWS}) AS i; ANALYZE monitors"
    ));
    let plan = Watcher::on_stream(&redis).set("database", &format!("{:?}", postgres.url()));
    let watcher = plan.query("monitors", SQL, "key = 'id'\ninterval = '3s'").start();
    next_run(&watcher, Counts::default(), u64::from(ROWS))?;
    let (mut ours, mut bare, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for pair in 0..lab.scale.pairs {
        // Before anything changes: a run may begin at once.
        let before = Counts::of(&watcher);
        let offset = u64::try_from(pair).unwrap_or_default() * 7;
        postgres.run(&format!(
            "UPDATE monitors SET latency = latency + 1, at = now() WHERE (id + {offset}) % {} = 0",
            ROWS / CHANGES
        ));
        let run = next_run(&watcher, before, u64::from(CHANGES))?;
        // The watcher rests until its next run.
        let began = Instant::now();
        postgres.run(&format!("\\copy ({SQL}) TO /dev/null"));
        let copied = began.elapsed().as_secs_f64();
        ours.push(run);
        bare.push(copied);
        ratios.push(run / copied);
    }
    let mut row =
        Row::new(NAME, format!("a run over {ROWS} rows, {CHANGES} of them new"), Unit::Seconds).ours(ours);
    row.base = Figure::of("psql, \\copy to /dev/null", bare);
    row.ratio = Interval::of(&ratios);
    lab.report.rows.push(row.target(Target::AtMost(2.0), None));
    let memory = watcher.metric("process_resident_memory_bytes");
    lab.report.rows.push(Row::new(NAME, "the watcher's memory", Unit::Bytes).ours(vec![memory]));
    lab.report.note("watch: exactly the rows that changed are published, or the scenario fails");
    Ok(())
}

/// What the watcher has counted.
#[derive(Clone, Copy, Default)]
struct Counts {
    runs: f64,
    published: f64,
    /// What all runs took.
    seconds: f64,
}

impl Counts {
    /// All of the same moment: of a run that is under way some may be published already.
    fn of(watcher: &Watcher) -> Self {
        let metrics = watcher.metrics();
        let value = |name: &str| tests::watcher::metric(&metrics, name);
        Self {
            runs: value("fanfare_watch_runs_total{outcome=\"ok\",query=\"monitors\"}"),
            published: value("fanfare_watch_publications_total{kind=\"changed\",query=\"monitors\"}"),
            seconds: value("fanfare_watch_run_seconds_sum{query=\"monitors\"}"),
        }
    }
}

/// What the next run that publishes took, in seconds; it is to publish so many.
fn next_run(watcher: &Watcher, mut before: Counts, changes: u64) -> Result<f64> {
    let (began, published) = (Instant::now(), before.published);
    while began.elapsed() < PATIENCE {
        std::thread::sleep(LOOK);
        let now = Counts::of(watcher);
        let found = now.published - published;
        if now.runs > before.runs && found > 0.0 {
            if (found - changes as f64).abs() > 0.5 {
                return Err(format!("{found} publications, where {changes} rows had changed").into());
            }
            return Ok(now.seconds - before.seconds);
        }
        if found == 0.0 {
            before = now;
        }
    }
    Err("the watcher finds nothing".into())
}
