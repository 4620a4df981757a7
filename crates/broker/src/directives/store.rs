//! Revocations as Redis keeps them: the hash `@revocations` under the prefix.
//!
//! `t:ID` and `s:SUBJECT` to times in seconds since 1970, `UNTIL` and `ISSUED UNTIL`; and under the empty name a
//! number that is another one after each change.

use std::{collections::HashSet, time::Duration};

use publication::{Revocation, Revocations};
use redis::FromRedisValue;
use tokio::time::timeout;

use crate::{config::RedisConfig, lane::Lane, publish_error::PublishError, rights};

/// The longest wait for an answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// Fields in one command.
const CHUNK: usize = 500;

pub(super) struct Store {
    config: RedisConfig,
    lane: Lane,
    key: String,
    /// The number that Redis had when it was last looked at.
    version: Option<u64>,
    /// What Redis has, as far as it was seen or written.
    stored: HashSet<Revocation>,
    /// As of which change of what is known here.
    generation: u64,
}

impl Store {
    pub(super) fn new(config: &RedisConfig) -> Self {
        Self {
            config: config.clone(),
            lane: Lane::new(config),
            key: format!("{}@revocations", config.prefix()),
            version: None,
            stored: HashSet::new(),
            generation: 0,
        }
    }

    /// Learns what Redis has, and writes what it has not.
    ///
    /// # Errors
    /// It may not have been done.
    pub(super) async fn exchange(&mut self, known: &Revocations, now: u64) -> Result<(), PublishError> {
        let exchanged = self.try_exchange(known, now).await;
        if exchanged.is_err() {
            // Whatever was begun on the connection there is ends with it, and Redis may be another one.
            self.lane.give_up();
            (self.version, self.generation) = (None, 0);
            self.stored.clear();
        }
        exchanged
    }

    async fn try_exchange(&mut self, known: &Revocations, now: u64) -> Result<(), PublishError> {
        let version: Option<u64> = self.ask(&["HGET", &self.key, ""]).await?;
        if version.is_none() || version != self.version {
            self.read(known, now).await?;
            self.version = version;
        }
        let generation = known.generation();
        if generation != self.generation {
            self.write(known).await?;
            self.generation = generation;
        }
        Ok(())
    }

    /// In parts, so that Redis holds up nobody else, however many there are; what has come counts at once.
    async fn read(&mut self, known: &Revocations, now: u64) -> Result<(), PublishError> {
        self.stored.clear();
        // What Redis has lost is written anew.
        self.generation = 0;
        let (mut cursor, count) = ("0".to_owned(), CHUNK.to_string());
        loop {
            let words = ["HSCAN", &self.key, &cursor, "COUNT", &count];
            let (next, fields): (String, Vec<(String, String)>) = self.ask(&words).await?;
            let all = fields.iter().filter_map(|(field, value)| Some((field, read(field, value)?)));
            let (past, valid): (Vec<_>, Vec<_>) = all.partition(|(_, revocation)| until(revocation) <= now);
            let valid: Vec<_> = valid.into_iter().map(|(_, revocation)| revocation).collect();
            known.take(valid.iter().cloned());
            self.stored.extend(valid);
            if !past.is_empty() {
                let fields = past.iter().map(|(field, _)| field.as_str());
                let _: u64 =
                    self.ask(&["HDEL", &self.key].into_iter().chain(fields).collect::<Vec<_>>()).await?;
            }
            if next == "0" {
                return Ok(());
            }
            cursor = next;
        }
    }

    async fn write(&mut self, known: &Revocations) -> Result<(), PublishError> {
        let missing: Vec<_> =
            known.all().into_iter().filter(|revocation| !self.stored.contains(revocation)).collect();
        for missing in missing.chunks(CHUNK) {
            let version: u64 = rand::random();
            let mut words = vec!["HSET".to_owned(), self.key.clone(), String::new(), version.to_string()];
            words.extend(missing.iter().flat_map(write));
            let words: Vec<_> = words.iter().map(String::as_str).collect();
            let _: u64 = self.ask(&words).await?;
            self.stored.extend(missing.iter().cloned());
            // Not taken for the version that was seen: others may have written in between.
        }
        Ok(())
    }

    async fn ask<T: FromRedisValue>(&self, words: &[&str]) -> Result<T, PublishError> {
        let words: Vec<_> = words.iter().map(|word| (*word).to_owned()).collect();
        let asked = timeout(PATIENCE, self.lane.send(&words)).await;
        asked.unwrap_or_else(|_| Err(PublishError::late()))
    }

    /// What would help against an error; empty if that is not known.
    pub(super) fn remedy(&self, error: &PublishError) -> String {
        let grant = rights::grant_revocations(&self.config, &error.to_string());
        grant.map_or(String::new(), |grant| format!("; grant what is missing: {grant}"))
    }
}

fn until(revocation: &Revocation) -> u64 {
    match revocation {
        Revocation::Token { until, .. } | Revocation::Subject { until, .. } => *until,
    }
}

/// A field and its value.
fn write(revocation: &Revocation) -> [String; 2] {
    match revocation {
        Revocation::Token { id, until } => [format!("t:{id}"), until.to_string()],
        Revocation::Subject { subject, issued, until } => {
            [format!("s:{subject}"), format!("{issued} {until}")]
        }
    }
}

/// What they mean; `None` if that is no revocation.
fn read(field: &str, value: &str) -> Option<Revocation> {
    if let Some(id) = field.strip_prefix("t:") {
        return Some(Revocation::Token { id: id.into(), until: value.parse().ok()? });
    }
    let subject = field.strip_prefix("s:")?.into();
    let (issued, until) = value.split_once(' ')?;
    Some(Revocation::Subject { subject, issued: issued.parse().ok()?, until: until.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(name in ".*", issued: u64, until: u64) {
            let name: Box<str> = name.into();
            for revocation in [
                Revocation::Token { id: name.clone(), until },
                Revocation::Subject { subject: name, issued, until },
            ] {
                let [field, value] = write(&revocation);
                prop_assert_eq!(read(&field, &value), Some(revocation));
            }
        }

        #[test]
        fn whatever_lies_there_is_read_without_harm(field in "[ts]?:?.*", value in "[0-9 ]*|.*") {
            let _ = read(&field, &value);
        }
    }
}
