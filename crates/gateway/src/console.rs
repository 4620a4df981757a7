//! What the console shows: once a second, while somebody looks on, every shard is asked how it is, and every operator is
//! told.

use std::{
    cmp::Reverse,
    collections::HashMap,
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use edge::{ChannelSeen, Edge, Interest, OperatorRequest, SessionSeen, Survey, TraceSeen};
use serde_json::{Map, Value, json};
use tokio::{
    sync::mpsc,
    time::{MissedTickBehavior, interval, sleep_until},
};

use crate::{metrics::Metrics, readiness::Readiness};

/// Between two looks.
const TICK: Duration = Duration::from_secs(1);
/// Until a newcomer's session is there.
const SOON: Duration = Duration::from_millis(100);
/// For how long something is followed after an operator last asked for it, and how much at once.
/// (A page in the background asks once a minute.)
const FOLLOW: (Duration, usize) = (Duration::from_secs(90), 64);
/// Publications of a trace that every shard still knows: each remembers a few more.
const SURE_ROWS: usize = 40;
/// Sessions and channels that are shown.
const MAX_SHOWN: usize = 100;

/// Who looks at all shards for operators.
pub(crate) struct Console {
    pub(crate) edge: Rc<Edge>,
    pub(crate) metrics: Rc<Metrics>,
    pub(crate) readiness: Readiness,
}

impl Console {
    /// Serves operators for as long as it is polled.
    pub(crate) async fn serve(self, mut requests: mpsc::Receiver<OperatorRequest>) {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut followed: HashMap<Interest, Instant> = HashMap::new();
        // Those who come together are shown it together.
        let mut soon = None;
        loop {
            tokio::select! {
                request = requests.recv() => match request {
                    None => return,
                    Some(OperatorRequest::Look) => drop(soon.get_or_insert(Instant::now() + SOON)),
                    Some(OperatorRequest::Follow(interest)) => {
                        if follow(&mut followed, interest) {
                            soon.get_or_insert(Instant::now() + SOON);
                        }
                    }
                    Some(OperatorRequest::End { session, reply }) => {
                        // Whoever asked may have hung up.
                        let _ = reply.send(self.edge.end(session).await);
                    }
                },
                () = sleep_until(soon.unwrap_or_else(Instant::now).into()), if soon.is_some() => {
                    soon = None;
                    self.show(&mut followed).await;
                }
                _ = ticks.tick() => {
                    followed.retain(|_, asked| asked.elapsed() < FOLLOW.0);
                    if self.edge.state().observers > 0 {
                        self.show(&mut followed).await;
                    }
                }
            }
        }
    }

    async fn show(&self, followed: &mut HashMap<Interest, Instant>) {
        let interests: Arc<[Interest]> = followed.keys().cloned().collect();
        let surveys = self.edge.survey(interests).await;
        // A search is made once.
        followed.retain(|interest, _| !matches!(interest, Interest::Text(_)));
        let overview: Arc<str> = self.overview(surveys).to_string().into();
        self.edge.show(&overview).await;
    }

    fn overview(&self, surveys: Vec<Survey>) -> Value {
        self.metrics.refresh(&self.edge);
        let (ready, state) = self.readiness.report();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let (mut sessions, mut channels, mut traces) = (Vec::new(), Vec::new(), Vec::new());
        for survey in surveys {
            sessions.extend(survey.sessions);
            add_channels(&mut channels, survey.channels);
            add_traces(&mut traces, survey.traces);
        }
        sort(&mut sessions);
        channels.sort_by_key(|seen: &ChannelSeen| Reverse((seen.recent, seen.sessions)));
        channels.truncate(MAX_SHOWN);
        json!({
            "at_ms": u64::try_from(now.as_millis()).unwrap_or(u64::MAX),
            "version": env!("CARGO_PKG_VERSION"),
            "ready": ready,
            "state": state.trim_end(),
            "metrics": metrics(self.metrics.registry()),
            "sessions": sessions,
            "channels": channels,
            "traces": traces,
        })
    }
}

/// Returns whether it was not followed before.
fn follow(followed: &mut HashMap<Interest, Instant>, interest: Interest) -> bool {
    if followed.len() >= FOLLOW.1
        && !followed.contains_key(&interest)
        && let Some(oldest) =
            followed.iter().min_by_key(|(_, asked)| **asked).map(|(oldest, _)| oldest.clone())
    {
        followed.remove(&oldest);
    }
    followed.insert(interest, Instant::now()).is_none()
}

/// The slowest first.
fn sort(sessions: &mut Vec<SessionSeen>) {
    let slowness = |session: &SessionSeen| {
        let blocked = if session.state == "blocked" { session.silent_ms.max(1) } else { 0 };
        (blocked, session.state != "live", session.age_ms)
    };
    sessions.sort_by_key(|session| Reverse(slowness(session)));
    sessions.truncate(MAX_SHOWN);
}

/// Every shard has the same publications, and sessions of its own.
fn add_channels(all: &mut Vec<ChannelSeen>, channels: Vec<ChannelSeen>) {
    for seen in channels {
        match all.iter_mut().find(|other| other.channel == seen.channel) {
            Some(other) => {
                other.recent = other.recent.max(seen.recent);
                other.sessions += seen.sessions;
            }
            None => all.push(seen),
        }
    }
}

fn add_traces(all: &mut Vec<TraceSeen>, traces: Vec<TraceSeen>) {
    for seen in traces {
        let Some(other) = all.iter_mut().find(|other| other.interest == seen.interest) else {
            all.push(seen);
            continue;
        };
        for row in seen.rows {
            match other.rows.iter_mut().find(|known| known.cursor == row.cursor) {
                Some(known) => known.add(&row),
                None => other.rows.push(row),
            }
        }
        other.rows.sort_by_key(|row| row.arrived_ms);
        // What one shard has forgotten is not known of all.
        other.rows.drain(..other.rows.len().saturating_sub(SURE_ROWS));
        other.sessions.extend(seen.sessions);
        sort(&mut other.sessions);
        other.found += seen.found;
        other.ended = other.ended.or(seen.ended);
    }
}

/// Every metric by its name with its labels, as in Prometheus's text format; of histograms the counts up to each bound.
fn metrics(registry: &prometheus::Registry) -> Value {
    let mut all = Map::new();
    for family in registry.gather() {
        for metric in family.get_metric() {
            let labels: Vec<_> = metric
                .get_label()
                .iter()
                .map(|label| format!("{}={:?}", label.name(), label.value()))
                .collect();
            let name = match labels.is_empty() {
                true => family.name().to_owned(),
                false => format!("{}{{{}}}", family.name(), labels.join(",")),
            };
            let value = match family.get_field_type() {
                prometheus::proto::MetricType::COUNTER => json!(metric.get_counter().get_value()),
                prometheus::proto::MetricType::GAUGE => json!(metric.get_gauge().get_value()),
                prometheus::proto::MetricType::HISTOGRAM => {
                    let histogram = metric.get_histogram();
                    let bounds = histogram.get_bucket().iter();
                    let bounds: Vec<_> = bounds
                        .map(|bucket| json!([bucket.upper_bound(), bucket.cumulative_count()]))
                        .collect();
                    json!({ "count": histogram.get_sample_count(), "sum": histogram.get_sample_sum(), "bounds": bounds })
                }
                _ => continue,
            };
            all.insert(name, value);
        }
    }
    all.into()
}
