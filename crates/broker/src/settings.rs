//! Settings of Redis that will hurt, and what to do about them.

use crate::{
    connection::Connection,
    diagnosis::{Diagnosis, Verdict},
    door::Door,
    link_error::LinkError,
    resp::Reply,
};

/// What Redis sets out with for a subscriber that reads more slowly than is published, in bytes: cut
/// off at once behind the first, after a minute behind the second.
const DEFAULT_LIMITS: (u64, u64) = (32 * MIB, 8 * MIB);
const MIB: u64 = 1024 * 1024;

/// Looks at them. What may not be read is passed over: whoever forbids CONFIG has their reasons.
pub(crate) async fn look(connection: &mut Connection, door: Door) -> Result<Vec<Diagnosis>, LinkError> {
    let mut found = Vec::new();
    match door {
        Door::PubSub => {
            let limits = get(connection, "client-output-buffer-limit").await?;
            found.extend(limits.as_deref().and_then(buffer));
        }
        Door::Stream => {
            let (policy, memory) =
                (get(connection, "maxmemory-policy").await?, get(connection, "maxmemory").await?);
            found.extend(policy.zip(memory).and_then(|(policy, memory)| eviction(&policy, &memory)));
            let (log, snapshots) = (get(connection, "appendonly").await?, get(connection, "save").await?);
            found.extend(log.zip(snapshots).and_then(|(log, snapshots)| persistence(&log, &snapshots)));
        }
    }
    Ok(found)
}

/// Whether they may be read at all.
pub(crate) async fn may_read(connection: &mut Connection) -> Result<bool, LinkError> {
    Ok(get(connection, "maxmemory").await?.is_some())
}

async fn get(connection: &mut Connection, name: &str) -> Result<Option<String>, LinkError> {
    match connection.ask(&["CONFIG", "GET", name]).await {
        Ok(Reply::List(pair)) => Ok(pair.get(1).and_then(Reply::text)),
        Ok(_) | Err(LinkError::Refused { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Such as `normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60`.
fn buffer(limits: &str) -> Option<Diagnosis> {
    let words: Vec<_> = limits.split_whitespace().collect();
    let class = words.chunks_exact(4).find(|class| class[0] == "pubsub")?;
    let (hard, soft): (u64, u64) = (class[1].parse().ok()?, class[2].parse().ok()?);
    let low = |limit: u64, default: u64| limit != 0 && limit <= default;
    if !low(hard, DEFAULT_LIMITS.0) && !low(soft, DEFAULT_LIMITS.1) {
        return None;
    }
    let shown = |limit: u64| match limit {
        0 => "any number of".to_owned(),
        limit => format!("{:.1}", limit as f64 / MIB as f64),
    };
    Some(Diagnosis::new(
        Verdict::Warning,
        format!(
            "a burst can cost a gap: Redis cuts a gateway off that is {} MB behind, or {} MB for {} s",
            shown(hard),
            shown(soft),
            class[3]
        ),
        "CONFIG SET client-output-buffer-limit 'pubsub 256mb 64mb 60'",
    ))
}

fn eviction(policy: &str, memory: &str) -> Option<Diagnosis> {
    (policy.starts_with("allkeys-") && memory != "0").then(|| {
        Diagnosis::new(
            Verdict::Warning,
            format!("the whole stream can be evicted when memory is full: maxmemory-policy is {policy}"),
            "CONFIG SET maxmemory-policy noeviction (or one that begins with volatile-)",
        )
    })
}

fn persistence(log: &str, snapshots: &str) -> Option<Diagnosis> {
    (log == "no" && snapshots.is_empty()).then(|| {
        Diagnosis::new(
            Verdict::Warning,
            "the stream does not survive a restart of Redis, which writes nothing to disk",
            "CONFIG SET appendonly yes",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_warned_about_up_to_the_default() {
        let warned =
            |pubsub: &str| buffer(&format!("normal 0 0 0 slave 268435456 67108864 60 pubsub {pubsub}"));
        let default = warned("33554432 8388608 60").unwrap();
        assert!(default.text.contains("32.0 MB behind, or 8.0 MB for 60 s"), "{}", default.text);
        assert!(warned("1048576 0 0").is_some());
        assert!(warned("0 0 0").is_none());
        assert!(warned("268435456 67108864 60").is_none());
        assert!(buffer("something else").is_none());
    }

    #[test]
    fn only_what_can_lose_the_stream_is_warned_about() {
        assert!(eviction("allkeys-lru", "1000").is_some());
        assert!(eviction("allkeys-lru", "0").is_none());
        assert!(eviction("volatile-lru", "1000").is_none());
        assert!(persistence("no", "").is_some());
        assert!(persistence("no", "3600 1").is_none());
        assert!(persistence("yes", "").is_none());
    }
}
