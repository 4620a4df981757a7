//! Publishing once what is asked for several times: what was asked for before is remembered for a while,
//! in Redis for all gateways, or in memory where there is only this one.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use publication::{Once, Publication, Published, Remembered};

use crate::{config::RedisConfig, lane::Lane, publish_error::PublishError, publisher::Publisher};

/// For how long nobody knows what became of a publication, if the gateway that asked for it does not say
/// so before: it may be asked for again then.
const UNDERWAY: Duration = Duration::from_secs(30);
/// Keys that are remembered in memory.
const MAX_KEPT: usize = 100_000;

/// What became of what is to be published once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Onced {
    /// It was published.
    Now(Published),
    /// It had been published before.
    Before(Published),
    /// Somebody else is at it, or nobody knows what became of it.
    Underway,
    /// The key was used for something else.
    Reused,
}

/// Where keys are remembered.
pub(crate) enum Memory {
    /// Here.
    Here(Mutex<Kept>),
    /// In Redis, under names that begin like this.
    Redis(Box<Lane>, Box<str>),
}

/// What is remembered here, and until when.
#[derive(Default)]
pub(crate) struct Kept {
    by_key: HashMap<String, (Remembered, Instant)>,
    /// The keys of what is over, the oldest first.
    over: VecDeque<String>,
}

impl Memory {
    pub(crate) fn in_redis(config: &RedisConfig) -> Arc<Self> {
        Arc::new(Self::Redis(Box::new(Lane::new(config)), format!("{}@once:", config.prefix()).into()))
    }

    /// Publishes, unless that was asked for before.
    pub(crate) async fn publish(
        &self,
        publisher: &Publisher,
        publication: Publication,
        once: &Once,
        keep_for: Duration,
    ) -> Result<Onced, PublishError> {
        let channel = publication.channels().next().unwrap_or_default();
        // Both may hold colons: without the length, two different pairs could be one.
        let name = format!("{}:{channel}:{}", channel.len(), once.key);
        let fingerprint = once.fingerprint;
        if let Some(before) = self.begin(&name, Remembered { fingerprint, published: None }).await? {
            return Ok(match before {
                Remembered { fingerprint: other, .. } if other != fingerprint => Onced::Reused,
                Remembered { published: Some(published), .. } => Onced::Before(published),
                Remembered { published: None, .. } => Onced::Underway,
            });
        }
        let published = publisher.publish(publication).await?;
        self.end(name, Remembered { fingerprint, published: Some(published) }, keep_for).await;
        Ok(Onced::Now(published))
    }

    /// Remembers that it is underway; or says what is remembered already.
    async fn begin(&self, name: &str, begun: Remembered) -> Result<Option<Remembered>, PublishError> {
        match self {
            Self::Here(kept) => {
                Ok(kept.lock().unwrap_or_else(PoisonError::into_inner).begin(name, begun, Instant::now()))
            }
            Self::Redis(lane, prefix) => {
                let key = format!("{prefix}{name}");
                let set = words(&["SET", &key, &begun.to_string(), "NX", "PX", &millis(UNDERWAY)]);
                if lane.send::<Option<String>>(&set).await?.is_some() {
                    return Ok(None);
                }
                let found: Option<String> = lane.send(&words(&["GET", &key])).await?;
                // What has been forgotten since, or cannot be read, may be asked for again in a moment.
                Ok(Some(found.and_then(|found| found.parse().ok()).unwrap_or(begun)))
            }
        }
    }

    /// Remembers what became of it.
    async fn end(&self, name: String, ended: Remembered, keep_for: Duration) {
        match self {
            Self::Here(kept) => {
                kept.lock().unwrap_or_else(PoisonError::into_inner).end(
                    name,
                    ended,
                    Instant::now() + keep_for,
                );
            }
            Self::Redis(lane, prefix) => {
                let key = format!("{prefix}{name}");
                let set = words(&["SET", &key, &ended.to_string(), "PX", &millis(keep_for)]);
                if let Err(error) = lane.send::<redis::Value>(&set).await {
                    tracing::debug!(%error, "what became of a publication cannot be remembered");
                }
            }
        }
    }
}

impl Kept {
    fn begin(&mut self, name: &str, begun: Remembered, now: Instant) -> Option<Remembered> {
        while let Some(oldest) = self.over.front()
            && (self.over.len() > MAX_KEPT || self.find(oldest, now).is_none())
            && let Some(oldest) = self.over.pop_front()
        {
            self.by_key.remove(&oldest);
        }
        let before = self.find(name, now);
        if before.is_none() {
            self.by_key.insert(name.to_owned(), (begun, now + UNDERWAY));
        }
        before
    }

    fn end(&mut self, name: String, ended: Remembered, until: Instant) {
        self.by_key.insert(name.clone(), (ended, until));
        self.over.push_back(name);
    }

    fn find(&self, name: &str, now: Instant) -> Option<Remembered> {
        self.by_key.get(name).filter(|(_, until)| *until > now).map(|(remembered, _)| *remembered)
    }
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn millis(duration: Duration) -> String {
    duration.as_millis().max(1).to_string()
}
