//! What the program needs, made from what the user wrote: every value checked, every crate's own
//! configuration.

use std::{net::SocketAddr, path::Path, time::Duration};

use broker::{Kind, PresenceConfig, RedisConfig, Retention, TlsFiles, TlsProblem, Warmth, port::PortConfig};
use edge::{Access, Auth, Cors, Network, Proxies};
use tracing_subscriber::EnvFilter;

use crate::ask::AskConfig;

use super::{
    access::access,
    auth::{ask, auth},
    file::{self, BrokerKind, File, Format, Span},
    probe::probe,
    problem::Problem,
    watch::{Watch, watch},
};

/// The settings of a gateway.
pub(crate) struct Settings {
    pub(crate) public: SocketAddr,
    pub(crate) admin: SocketAddr,
    /// 0 means one a core.
    pub(crate) shards: usize,
    pub(crate) broker: Kind,
    /// Where the embedded broker has a port of its own, if it has one, and for whom.
    pub(crate) port: Option<(SocketAddr, PortConfig)>,
    /// How large a picture of what it knows this gateway gives to one that starts.
    pub(crate) snapshot_bytes: usize,
    /// How long it is remembered what was published by an `Idempotency-Key`.
    pub(crate) keep_idempotency_keys: Duration,
    /// How the application is asked whom cookies belong to, if it is.
    pub(crate) ask: Option<AskConfig>,
    /// How long a revocation is kept that does not say.
    pub(crate) keep_revocations: Duration,
    /// How often issuers' keys are read again from their URLs.
    pub(crate) key_refresh: Duration,
    pub(crate) presence: PresenceConfig,
    /// Broker trouble turns readiness red.
    pub(crate) broker_readiness: bool,
    /// `max_sessions` 0 means as many as descriptors allow, `max_new_per_second` 0 as many as the
    /// shards can well take in; see [`crate::limits::Machine`].
    pub(crate) edge: edge::Config,
    pub(crate) drain_delay: Duration,
    pub(crate) log_format: LogFormat,
    pub(crate) log_level: String,
    pub(crate) watch: Watch,
    pub(crate) probe: prober::Config,
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
        check_numbers(file, &mut problems);
        check_spans(file, &mut problems);
        check_texts(file, &mut problems);
        let broker = broker(file, &mut problems);
        let port = port(file, &mut problems);
        let auth = auth(&file.auth, &file.channels, &mut problems);
        let ask = ask(&file.auth, &mut problems);
        let access = access(file, auth.can_identify(), &mut problems);
        let proxies = proxies(file, &mut problems);
        let watch = watch(file, &mut problems);
        let probe = probe(&file.probe, &mut problems);
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Self {
            public: file.listen.public,
            admin: file.listen.admin,
            shards: file.listen.shards,
            broker,
            port,
            snapshot_bytes: file.broker.redis.snapshot_bytes,
            keep_idempotency_keys: file.broker.keep_idempotency_keys.0,
            ask,
            keep_revocations: file.auth.keep_revocations.0,
            key_refresh: file.auth.jwks_refresh.0,
            presence: PresenceConfig {
                max_members: file.presence.max_members,
                expire: file.presence.expire.0,
            },
            broker_readiness: file.broker.readiness,
            edge: edge(file, auth, access, proxies),
            drain_delay: file.drain.delay.0,
            log_format: match file.log.format {
                Format::Text => LogFormat::Text,
                Format::Json => LogFormat::Json,
            },
            log_level: file.log.level.clone(),
            watch,
            probe,
        })
    }
}

fn edge(file: &File, auth: Auth, access: Access, proxies: Proxies) -> edge::Config {
    let (sessions, history) = (&file.sessions, &file.history);
    edge::Config {
        head_timeout: file.listen.head_timeout.0,
        max_head_bytes: file.listen.max_head_bytes,
        max_headers: file.listen.max_headers,
        max_url_bytes: file.listen.max_url_bytes,
        keep_alive: file.listen.keep_alive.0,
        max_sessions: sessions.max,
        max_new_per_second: sessions.max_new_per_second,
        max_per_address: sessions.max_per_address,
        max_new_per_second_per_address: sessions.max_new_per_second_per_address,
        max_per_subject: sessions.max_per_subject,
        max_channels: sessions.max_channels,
        heartbeat: sessions.heartbeat.0,
        retry: sessions.retry.0,
        max_lifetime: sessions.max_lifetime.0,
        write_timeout: sessions.write_timeout.0,
        send_buffer_bytes: sessions.send_buffer_bytes,
        max_requests_per_second: sessions.max_requests_per_second,
        max_publications_per_second: sessions.max_publications_per_second,
        max_message_bytes: match sessions.max_message_bytes {
            // Room for escapes, and for what stands around the data.
            0 => 2 * file.broker.max_data_bytes,
            bytes => bytes,
        },
        max_member_bytes: file.presence.max_member_bytes,
        max_data_bytes: file.broker.max_data_bytes,
        max_batch_bytes: file.broker.max_batch_bytes,
        drain_spread: file.drain.spread.0,
        log_sessions: file.log.sessions,
        hub: hub::Config {
            keep_count: history.keep_count,
            keep_bytes: history.keep_bytes,
            keep_for: history.keep_for.0,
            keep_channels: history.keep_channels,
            keep_cursors: history.keep_cursors.0,
        },
        proxies,
        auth,
        access,
        cors: Cors::new(file.cors.origins.clone(), file.listen.public.ip().is_loopback()),
        pages: edge::PAGES,
    }
}

fn broker(file: &File, problems: &mut Vec<Problem>) -> Kind {
    let redis = &file.broker.redis;
    if redis.prefix.is_empty() {
        let reason = "an empty prefix would take every channel of this Redis for Fanfare's";
        problems.push(Problem::new("broker.redis.prefix", None, reason));
    }
    if file.broker.kind == BrokerKind::Embedded {
        return Kind::Embedded;
    }
    let config = match RedisConfig::new(&redis.url, &redis.prefix, redis.timeout.0, redis.beacon_interval.0) {
        Ok(config) => config,
        Err(reason) => {
            // The URL may hold a password, so it is not repeated.
            let reason = format!("{reason}; write it like redis://user:password@host:6379");
            problems.push(Problem::new("broker.redis.url", None, reason));
            return Kind::Embedded;
        }
    };
    let config = match config.watched_by(&redis.sentinels, &redis.sentinel_master) {
        Ok(config) => config,
        Err(reason) => {
            problems.push(Problem::new("broker.redis.sentinels", None, reason));
            return Kind::Embedded;
        }
    };
    let config = match config.with_tls(tls_files(redis)) {
        Ok(config) => config,
        Err(TlsProblem { key, reason }) => {
            problems.push(Problem::new(format!("broker.redis.{key}"), None, reason));
            return Kind::Embedded;
        }
    };
    if file.broker.kind == BrokerKind::RedisPubSub {
        return Kind::RedisPubSub(config);
    }
    let history = &file.history;
    let warmth = Warmth { count: history.keep_count, bytes: history.keep_bytes, age: history.keep_for.0 };
    let retention = Retention { count: redis.stream_keep_count, age: redis.stream_keep_for.0 };
    Kind::RedisStream(config, warmth, retention)
}

/// The embedded broker's own port.
fn port(file: &File, problems: &mut Vec<Problem>) -> Option<(SocketAddr, PortConfig)> {
    let embedded = &file.broker.embedded;
    if file.broker.kind != BrokerKind::Embedded || embedded.resp.is_empty() {
        return None;
    }
    let (key, value) = ("broker.embedded.resp", Some(format!("{:?}", embedded.resp)));
    let Ok(address) = embedded.resp.parse::<SocketAddr>() else {
        let reason = "this is an address with a port, such as \"127.0.0.1:6380\"; \"\" opens none";
        problems.push(Problem::new(key, value, reason));
        return None;
    };
    if !address.ip().is_loopback() && embedded.password.is_empty() {
        let reason =
            "this address can be reached from other machines, so broker.embedded.password must be set";
        problems.push(Problem::new(key, value, reason));
        return None;
    }
    let (prefix, password) = (file.broker.redis.prefix.clone(), embedded.password.clone());
    Some((address, PortConfig { prefix, password }))
}

fn tls_files(redis: &file::Redis) -> TlsFiles<'_> {
    TlsFiles {
        ca: named(&redis.tls_ca_file),
        certificate: named(&redis.tls_cert_file),
        key: named(&redis.tls_key_file),
    }
}

/// A file, if one is named.
fn named(path: &str) -> Option<&Path> {
    (!path.is_empty()).then(|| Path::new(path))
}

fn proxies(file: &File, problems: &mut Vec<Problem>) -> Proxies {
    let mut trusted = Vec::with_capacity(file.listen.trusted_proxies.len());
    for text in &file.listen.trusted_proxies {
        match text.parse::<Network>() {
            Ok(network) => trusted.push(network),
            Err(error) => {
                problems.push(Problem::new("listen.trusted_proxies", Some(format!("{text:?}")), error));
            }
        }
    }
    if file.listen.proxy_protocol && file.listen.trusted_proxies.is_empty() {
        let reason = "nobody is trusted to say by it whose a connection is; list your balancers in \
                      listen.trusted_proxies";
        problems.push(Problem::new("listen.proxy_protocol", Some("true".to_owned()), reason));
    }
    Proxies::new(trusted, file.listen.proxy_protocol)
}

/// Numbers that their type allows and that make no sense.
fn check_numbers(file: &File, problems: &mut Vec<Problem>) {
    let mut within = |key: &str, value: usize, least: usize, most: usize| {
        if !(least..=most).contains(&value) {
            let reason = match most {
                usize::MAX => format!("this must be at least {least}"),
                _ => format!("this must be from {least} to {most}"),
            };
            problems.push(Problem::new(key, Some(value.to_string()), reason));
        }
    };
    within("listen.shards", file.listen.shards, 0, 1024);
    // hyper's own least.
    within("listen.max_head_bytes", file.listen.max_head_bytes, 8_192, MIB);
    within("listen.max_headers", file.listen.max_headers, 1, 10_000);
    within("listen.max_url_bytes", file.listen.max_url_bytes, 64, 65_000);
    within("history.keep_count", file.history.keep_count, 1, 100_000_000);
    let keep = usize::try_from(file.broker.redis.stream_keep_count).unwrap_or(usize::MAX);
    within("broker.redis.stream_keep_count", keep, 1, usize::MAX);
    within("history.keep_bytes", file.history.keep_bytes, 1024, usize::MAX);
    within("sessions.max_new_per_second", file.sessions.max_new_per_second, 0, 1_000_000);
    within("auth.ask_max", file.auth.ask_max, 1, 10_000);
    within("sessions.max_channels", file.sessions.max_channels, 1, 10_000);
    within("sessions.send_buffer_bytes", file.sessions.send_buffer_bytes, 4096, 64 * MIB);
    within("sessions.max_requests_per_second", file.sessions.max_requests_per_second, 0, 1_000_000);
    within("sessions.max_message_bytes", file.sessions.max_message_bytes, 0, 64 * MIB);
    within("presence.max_members", file.presence.max_members, 0, 100_000);
    // It comes in a request's head.
    within("presence.max_member_bytes", file.presence.max_member_bytes, 2, 8 * 1024);
    // One publication is one frame, and frames are put together in memory.
    within("broker.max_data_bytes", file.broker.max_data_bytes, 1, 16 * MIB);
    within("broker.max_batch_bytes", file.broker.max_batch_bytes, 1, 64 * MIB);
}

const MIB: usize = 1024 * 1024;

/// Lengths of time that make no sense, or that the kernel's or the clock's numbers do not hold.
fn check_spans(file: &File, problems: &mut Vec<Problem>) {
    let mut within = |key: &str, value: Span, least: Duration, most: Duration| {
        if value.0 < least || value.0 > most {
            let reason = format!("this must be from {} to {}", Span(least), Span(most));
            problems.push(Problem::new(key, Some(value.to_string()), reason));
        }
    };
    let (millisecond, day) = (Duration::from_millis(1), Duration::from_secs(24 * 60 * 60));
    within("listen.head_timeout", file.listen.head_timeout, 10 * millisecond, day);
    within("listen.keep_alive", file.listen.keep_alive, 10 * millisecond, day);
    within("sessions.heartbeat", file.sessions.heartbeat, 100 * millisecond, day);
    within("sessions.retry", file.sessions.retry, 10 * millisecond, day);
    // A session's age is counted in milliseconds that 32 bits hold.
    within("sessions.max_lifetime", file.sessions.max_lifetime, Duration::ZERO, 30 * day);
    within("sessions.write_timeout", file.sessions.write_timeout, 100 * millisecond, day);
    within("broker.redis.timeout", file.broker.redis.timeout, 100 * millisecond, 60_000 * millisecond);
    within("broker.redis.beacon_interval", file.broker.redis.beacon_interval, 50 * millisecond, day);
    within("broker.redis.stream_keep_for", file.broker.redis.stream_keep_for, 1000 * millisecond, 3650 * day);
    within("broker.keep_idempotency_keys", file.broker.keep_idempotency_keys, 1_000 * millisecond, 30 * day);
    // Redis is written to three times meanwhile.
    within("presence.expire", file.presence.expire, 3_000 * millisecond, day);
    within("auth.jwks_refresh", file.auth.jwks_refresh, 1_000 * millisecond, day);
    within("auth.ask_timeout", file.auth.ask_timeout, 10 * millisecond, 60_000 * millisecond);
    within("auth.ask_cache", file.auth.ask_cache, Duration::ZERO, day);
    within("auth.keep_revocations", file.auth.keep_revocations, 1_000 * millisecond, 3650 * day);
    within("auth.leeway", file.auth.leeway, Duration::ZERO, 600 * 1_000 * millisecond);
    within("drain.delay", file.drain.delay, Duration::ZERO, day);
    within("drain.spread", file.drain.spread, Duration::ZERO, day);
    within("history.keep_for", file.history.keep_for, 100 * millisecond, 365 * day);
    // A publication that is still held must have a cursor that can be placed.
    within("history.keep_cursors", file.history.keep_cursors, file.history.keep_for.0, 365 * day);
}

/// Texts that have a form.
fn check_texts(file: &File, problems: &mut Vec<Problem>) {
    if let Err(error) = EnvFilter::try_new(&file.log.level) {
        let reason = format!("this is no level and no filter: {error}");
        problems.push(Problem::new("log.level", Some(format!("{:?}", file.log.level)), reason));
    }
    for origin in &file.cors.origins {
        if !is_origin(origin) {
            let reason = "an origin is written as browsers send it: https://app.example.com, without a path; \
                          https://*.example.com means all names below it";
            problems.push(Problem::new("cors.origins", Some(format!("{origin:?}")), reason));
        }
    }
}

fn is_origin(text: &str) -> bool {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let host = host.map(|host| host.strip_prefix("*.").unwrap_or(host));
    host.is_some_and(|host| {
        !host.is_empty()
            && !host.contains(['/', '*', '?', '#', '@', ' '])
            && host == host.to_ascii_lowercase()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_makes_no_sense_is_found_all_at_once() {
        let mut file = File::default();
        file.listen.public = ([0, 0, 0, 0], 80).into();
        file.sessions.write_timeout = Span::seconds(60 * 24 * 60 * 60);
        file.sessions.retry = Span(Duration::ZERO);
        file.history.keep_cursors = Span::seconds(1);
        file.history.keep_count = 0;
        file.broker.redis.prefix = String::new();
        file.cors.origins =
            vec!["*".to_owned(), "https://a/".to_owned(), "https://ok.example:8443".to_owned()];
        file.log.level = "a=b=c".to_owned();
        file.listen.trusted_proxies = vec!["10.0.0.0/8".to_owned(), "10.1.2.3/8".to_owned()];
        let problems = Settings::new(&file).err().unwrap();
        let keys: Vec<_> = problems.iter().map(|problem| &*problem.key).collect();
        assert_eq!(
            keys,
            [
                "history.keep_count",
                "sessions.retry",
                "sessions.write_timeout",
                "history.keep_cursors",
                "log.level",
                "cors.origins",
                "cors.origins",
                "broker.redis.prefix",
                "listen.public",
                "listen.trusted_proxies",
            ]
        );
    }

    #[test]
    fn the_proxy_protocol_needs_somebody_who_is_trusted() {
        let mut file = File::default();
        file.listen.proxy_protocol = true;
        let problems = Settings::new(&file).err().unwrap();
        assert!(problems[0].to_string().starts_with("listen.proxy_protocol = true: nobody is trusted"));
        file.listen.trusted_proxies = vec!["::1".to_owned()];
        assert!(Settings::new(&file).is_ok());
    }
}
