//! How the stream is: how much it holds, how far it reaches back, and whether memory is enough.

use std::time::Duration;

use crate::{
    config::RedisConfig,
    connection::Connection,
    diagnosis::{Diagnosis, Verdict},
    link_error::LinkError,
    stream::{Clock, Retention, Survey},
};

const MIB: f64 = 1024.0 * 1024.0;
/// The share of Redis' memory above which what the stream will take is worth a word.
const LARGE_SHARE: f64 = 0.5;

/// Looks at it.
pub(super) async fn look(
    connection: &mut Connection,
    config: &RedisConfig,
    retention: Retention,
) -> Result<Vec<Diagnosis>, LinkError> {
    let key = config.stream_key();
    let survey = match Survey::take(connection, &key).await {
        Ok(survey) => survey,
        Err(LinkError::Refused { error, .. }) if error.starts_with("WRONGTYPE") => {
            let text = format!("the key {key} is there, but is no stream");
            let remedy = format!("rename it (RENAME {key} ...), or set broker.redis.prefix");
            return Ok(vec![Diagnosis::new(Verdict::Problem, text, remedy)]);
        }
        // Rights are another matter, and told as such.
        Err(LinkError::Refused { .. }) => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let Some(Survey { first: Some(first), length, .. }) = survey else {
        return Ok(vec![Diagnosis::fine(format!("the stream {key} is empty"))]);
    };
    let age = Duration::from_millis(Clock::ask(connection).await?.now_ms().saturating_sub(first.ms));
    let mut text = format!("the stream {key} holds {length} entries, the oldest {} old", rough(age));
    let mut found = Vec::new();
    if let Some(bytes) = usage(connection, &key).await? {
        text.push_str(&format!(", in {:.1} MB", bytes / MIB));
        let whole = bytes / length as f64 * expected(length, age, retention);
        found.extend(memory(connection, whole).await?);
    }
    found.insert(0, Diagnosis::fine(text));
    Ok(found)
}

/// How many entries it will hold when it is as old as it may get, if they keep coming as they did.
fn expected(length: u64, age: Duration, retention: Retention) -> f64 {
    let growth = retention.age.as_secs_f64() / age.as_secs_f64().max(60.0);
    (length as f64 * growth.max(1.0)).min(retention.count as f64)
}

async fn usage(connection: &mut Connection, key: &str) -> Result<Option<f64>, LinkError> {
    match connection.ask(&["MEMORY", "USAGE", key, "SAMPLES", "100"]).await {
        Ok(reply) => Ok(reply.text().and_then(|text| text.parse().ok())),
        Err(LinkError::Refused { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether what the stream will take fits into what Redis may take, if that is limited.
async fn memory(connection: &mut Connection, whole: f64) -> Result<Option<Diagnosis>, LinkError> {
    let limit = connection.info("memory", "maxmemory").await?.and_then(|text| text.parse::<f64>().ok());
    let Some(limit) = limit.filter(|limit| *limit > 0.0 && whole > limit * LARGE_SHARE) else {
        return Ok(None);
    };
    let text = format!(
        "kept as configured, the stream will take about {:.0} MB, and Redis may take {:.0} MB in all",
        whole / MIB,
        limit / MIB
    );
    let remedy = "lower broker.redis.stream_keep_count or stream_keep_for, or raise maxmemory";
    Ok(Some(Diagnosis::new(Verdict::Warning, text, remedy)))
}

/// In the largest unit that says something.
fn rough(age: Duration) -> String {
    match age.as_secs() {
        seconds @ 0..=119 => format!("{seconds} s"),
        seconds @ 120..=7_199 => format!("{} min", seconds / 60),
        seconds @ 7_200..=172_799 => format!("{} h", seconds / 3_600),
        seconds => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_stream_will_hold_is_bounded_by_age_and_by_count() {
        let retention = Retention { count: 1_000_000, age: Duration::from_secs(86_400) };
        let check = |length, hours: u64, entries: f64| {
            let age = Duration::from_secs(hours * 3_600);
            assert!((expected(length, age, retention) - entries).abs() < 1.0);
        };
        check(1_000, 1, 24_000.0);
        check(100_000, 1, 1_000_000.0);
        check(5_000, 48, 5_000.0);
        // What has only just begun says little.
        assert!(expected(60, Duration::ZERO, retention) <= 86_400.0);
    }
}
