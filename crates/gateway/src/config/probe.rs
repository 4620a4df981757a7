//! What the prober looks at, from the file's words.

use std::time::Duration;

use prober::{Config, Target};

use super::{
    file::{self, Span},
    problem::Problem,
};

/// The prober; that there are targets is asked for by who runs it.
pub(super) fn probe(file: &file::Probe, problems: &mut Vec<Problem>) -> Config {
    let least = Duration::from_millis(100);
    let spans = [("interval", file.interval), ("timeout", file.timeout), ("slow_after", file.slow_after)];
    for (key, span) in spans {
        if span.0 < least {
            let reason = format!("this must be at least {}", Span(least));
            problems.push(Problem::new(format!("probe.{key}"), Some(span.to_string()), reason));
        }
    }
    let is_database = file.database.starts_with("sqlite:") || file.database.starts_with("postgres");
    if !file.targets.is_empty() && !is_database {
        // It may hold a password, so it is not repeated.
        let reason = "write it like postgres://user:password@host/name or sqlite:/path/to/file.db?mode=rwc";
        problems.push(Problem::new("probe.database", None, reason));
    }
    let mut targets: Vec<Target> = Vec::with_capacity(file.targets.len());
    for (index, words) in file.targets.iter().enumerate() {
        let key = format!("probe.targets[{index}]");
        let name = if words.name.is_empty() { &words.id } else { &words.name };
        match Target::new(&words.id, name, &words.url) {
            Ok(target) if targets.iter().any(|other| other.id == target.id) => {
                problems.push(Problem::new(key, None, format!("another target has the id {:?}", target.id)));
            }
            Ok(target) => targets.push(target),
            Err(error) => problems.push(Problem::new(key, None, error)),
        }
    }
    Config {
        database: file.database.clone(),
        targets,
        interval: file.interval.0,
        timeout: file.timeout.0,
        slow_after: file.slow_after.0,
    }
}
