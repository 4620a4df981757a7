//! What nearly arrived, and the command with which it would have.

use std::collections::BTreeMap;

use publication::{Publication, PublicationError};
use redis::ConnectionAddr;

use crate::{
    config::RedisConfig,
    diagnosis::{Diagnosis, Verdict},
    door::Door,
    wire,
};

/// Different ones that are listed.
const MAX_LISTED: usize = 50;

/// Why it does not arrive.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Miss {
    OtherPrefix,
    WrongDoor,
    Invalid,
}

/// Whatever nearly arrived, by why it did not and under which name it came.
#[derive(Default)]
pub(super) struct NearMisses(BTreeMap<(Miss, String), Met>);

/// How often, and the newest of them as it would arrive.
struct Met {
    count: u64,
    newest: Result<Publication, PublicationError>,
}

/// What it takes to say which command would have worked.
pub(super) struct Suggestion<'a> {
    pub(super) config: &'a RedisConfig,
    pub(super) door: Door,
    pub(super) address: ConnectionAddr,
}

impl Suggestion<'_> {
    /// The command, for a shell.
    pub(super) fn of(&self, publication: &Publication) -> String {
        let shown = wire::shown(self.door, self.config, publication);
        format!("{} {shown}", self.config.command_line(&self.address))
    }
}

impl NearMisses {
    pub(super) fn note(&mut self, miss: Miss, name: String, newest: Result<Publication, PublicationError>) {
        let (key, is_full) = ((miss, name), self.0.len() >= MAX_LISTED);
        match self.0.get_mut(&key) {
            Some(met) => *met = Met { count: met.count + 1, newest },
            None if is_full => {}
            None => drop(self.0.insert(key, Met { count: 1, newest })),
        }
    }

    pub(super) fn explain(&self, suggest: &Suggestion<'_>) -> Vec<Diagnosis> {
        let explain = |((miss, name), met): (&(Miss, String), &Met)| Diagnosis {
            verdict: Verdict::Warning,
            text: words(*miss, name, met, suggest),
            remedy: met.newest.as_ref().ok().map(|publication| suggest.of(publication)),
        };
        self.0.iter().map(explain).collect()
    }
}

fn words(miss: Miss, name: &str, met: &Met, suggest: &Suggestion<'_>) -> String {
    let times = if met.count == 1 { "once".to_owned() } else { format!("{} times", met.count) };
    match (miss, &met.newest, suggest.door) {
        (Miss::Invalid, Err(error), _) => format!("{name}: what came {times} is dropped: {error}"),
        (Miss::OtherPrefix, Err(error), _) => {
            format!(
                "{name}: published {times}, not under {}, and not valid: {error}",
                suggest.config.prefix()
            )
        }
        (Miss::OtherPrefix, Ok(_), _) => {
            format!("{name}: published {times}, but not under {}", suggest.config.prefix())
        }
        (_, _, Door::Stream) => {
            format!("{name}: published {times} by PUBLISH, but gateways on redis-stream read what XADD adds")
        }
        (_, _, Door::PubSub) => {
            format!("{name}: added {times} by XADD, but gateways on redis-pubsub listen to PUBLISH")
        }
    }
}
