//! What the program needs, made from what the user wrote: every value checked, every crate's own
//! configuration.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use broker::{Kind, RedisConfig, Rules};
use edge::{Access, Cors, Rule, Who};
use publication::Pattern;

use super::{
    file::{self, BrokerKind, Data, File, Format, Span},
    problem::Problem,
};

/// The settings of a gateway.
pub(crate) struct Settings {
    pub(crate) public: SocketAddr,
    pub(crate) admin: SocketAddr,
    /// 0 means one a core.
    pub(crate) shards: usize,
    pub(crate) broker: Kind,
    pub(crate) rules: Rules,
    pub(crate) beacon_interval: Duration,
    /// Broker trouble turns readiness red.
    pub(crate) broker_readiness: bool,
    /// `max_sessions` 0 means as many as descriptors allow.
    pub(crate) edge: edge::Config,
    pub(crate) drain_delay: Duration,
    pub(crate) log_format: LogFormat,
    pub(crate) log_level: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

impl Settings {
    /// Checks what the types of the file do not say.
    ///
    /// # Errors
    /// Every problem that was found.
    pub(crate) fn new(file: &File) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        check_ranges(file, &mut problems);
        let broker = broker(file, &mut problems);
        let access = access(file, &mut problems);
        if !problems.is_empty() {
            return Err(problems);
        }
        let rules_access = access.clone();
        let max_data_bytes = file.broker.max_data_bytes;
        Ok(Self {
            public: file.listen.public,
            admin: file.listen.admin,
            shards: file.listen.shards,
            broker,
            rules: Rules {
                max_data_bytes,
                takes_json: Arc::new(move |channel| rules_access.takes_json(channel)),
            },
            beacon_interval: file.broker.redis.beacon_interval.0,
            broker_readiness: file.broker.readiness,
            edge: edge(file, access),
            drain_delay: file.drain.delay.0,
            log_format: match file.log.format {
                Format::Text => LogFormat::Text,
                Format::Json => LogFormat::Json,
            },
            log_level: file.log.level.clone(),
        })
    }
}

fn edge(file: &File, access: Access) -> edge::Config {
    let (sessions, history) = (&file.sessions, &file.history);
    edge::Config {
        head_timeout: file.listen.head_timeout.0,
        keep_alive: file.listen.keep_alive.0,
        max_sessions: sessions.max,
        max_channels: sessions.max_channels,
        heartbeat: sessions.heartbeat.0,
        retry: sessions.retry.0,
        write_timeout: sessions.write_timeout.0,
        send_buffer_bytes: sessions.send_buffer_bytes,
        max_data_bytes: file.broker.max_data_bytes,
        drain_spread: file.drain.spread.0,
        log_sessions: file.log.sessions,
        hub: hub::Config {
            keep_count: history.keep_count,
            keep_bytes: history.keep_bytes,
            keep_for: history.keep_for.0,
            keep_channels: history.keep_channels,
            keep_cursors: history.keep_cursors.0,
        },
        access,
        cors: Cors::new(file.cors.origins.clone(), file.listen.public.ip().is_loopback()),
    }
}

fn broker(file: &File, problems: &mut Vec<Problem>) -> Kind {
    let redis = &file.broker.redis;
    if redis.prefix.is_empty() {
        let reason = "an empty prefix would take every channel of this Redis for Fanfare's";
        problems.push(Problem::new("broker.redis.prefix", None, reason));
    }
    match file.broker.kind {
        BrokerKind::Embedded => Kind::Embedded,
        BrokerKind::RedisPubSub => {
            match RedisConfig::new(&redis.url, &redis.prefix, redis.beacon_interval.0) {
                Ok(config) => Kind::RedisPubSub(config),
                Err(reason) => {
                    // The URL may hold a password, so it is not repeated.
                    let reason = format!("{reason}; write it like redis://user:password@host:6379");
                    problems.push(Problem::new("broker.redis.url", None, reason));
                    Kind::Embedded
                }
            }
        }
    }
}

fn access(file: &File, problems: &mut Vec<Problem>) -> Access {
    let mut rules = Vec::with_capacity(file.channels.len());
    for (index, rule) in file.channels.iter().enumerate() {
        match Pattern::parse(&rule.pattern) {
            Ok(pattern) => rules.push(Rule {
                pattern,
                subscribe: who(rule.subscribe),
                publish: who(rule.publish),
                json: rule.data == Data::Json,
            }),
            Err(error) => {
                let value = Some(format!("{:?}", rule.pattern));
                problems.push(Problem::new(format!("channels[{index}].match"), value, error));
            }
        }
    }
    let loopback = file.listen.public.ip().is_loopback();
    if file.channels.is_empty() && !loopback {
        let reason = "this address can be reached from other machines, so a rule must say what is open to whom, \
                      such as: [[channels]] match = \"*\", subscribe = \"anyone\"";
        problems.push(Problem::new("listen.public", Some(file.listen.public.to_string()), reason));
    }
    Access { rules, open_without_rules: loopback }
}

fn who(who: file::Who) -> Who {
    match who {
        file::Who::Anyone => Who::Anyone,
        file::Who::Nobody => Who::Nobody,
    }
}

/// Values that every type allows and that make no sense.
fn check_ranges(file: &File, problems: &mut Vec<Problem>) {
    let mut at_least = |key: &str, value: usize, least: usize| {
        if value < least {
            problems.push(Problem::new(
                key,
                Some(value.to_string()),
                format!("this must be at least {least}"),
            ));
        }
    };
    at_least("history.keep_count", file.history.keep_count, 1);
    at_least("history.keep_bytes", file.history.keep_bytes, 1024);
    at_least("sessions.max_channels", file.sessions.max_channels, 1);
    at_least("sessions.send_buffer_bytes", file.sessions.send_buffer_bytes, 4096);
    at_least("broker.max_data_bytes", file.broker.max_data_bytes, 1);
    let mut not_shorter = |key: &str, value: Span, least: Duration| {
        if value.0 < least {
            let reason = format!("this must be at least {}", Span(least));
            problems.push(Problem::new(key, Some(value.to_string()), reason));
        }
    };
    not_shorter("listen.head_timeout", file.listen.head_timeout, Duration::from_millis(10));
    not_shorter("listen.keep_alive", file.listen.keep_alive, Duration::from_millis(10));
    not_shorter("sessions.heartbeat", file.sessions.heartbeat, Duration::from_millis(100));
    not_shorter("sessions.write_timeout", file.sessions.write_timeout, Duration::from_millis(100));
    not_shorter("broker.redis.beacon_interval", file.broker.redis.beacon_interval, Duration::from_millis(50));
    if file.broker.max_data_bytes > MAX_DATA_BYTES {
        let value = Some(file.broker.max_data_bytes.to_string());
        problems.push(Problem::new("broker.max_data_bytes", value, "this must be at most 16 MiB"));
    }
}

/// One publication is one frame, and frames are written whole into memory.
const MAX_DATA_BYTES: usize = 16 * 1024 * 1024;
