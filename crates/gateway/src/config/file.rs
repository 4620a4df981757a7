//! The configuration exactly as it is written, with all defaults.

mod probe;
mod span;
mod watch;

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

pub(crate) use self::{
    probe::{Probe, ProbeTarget},
    span::Span,
    watch::{Watch, WatchQuery},
};

/// The whole file.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct File {
    pub(crate) listen: Listen,
    pub(crate) broker: Broker,
    pub(crate) history: History,
    pub(crate) sessions: Sessions,
    pub(crate) presence: Presence,
    pub(crate) drain: Drain,
    pub(crate) cors: Cors,
    pub(crate) auth: Auth,
    pub(crate) log: Log,
    pub(crate) watch: Watch,
    pub(crate) probe: Probe,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) channels: Vec<Channels>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Listen {
    pub(crate) public: SocketAddr,
    pub(crate) admin: SocketAddr,
    pub(crate) head_timeout: Span,
    pub(crate) max_head_bytes: usize,
    pub(crate) max_headers: usize,
    pub(crate) max_url_bytes: usize,
    pub(crate) keep_alive: Span,
    pub(crate) shards: usize,
    pub(crate) trusted_proxies: Vec<String>,
    pub(crate) proxy_protocol: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Broker {
    pub(crate) kind: BrokerKind,
    pub(crate) max_data_bytes: usize,
    pub(crate) max_batch_bytes: usize,
    pub(crate) keep_idempotency_keys: Span,
    pub(crate) readiness: bool,
    pub(crate) redis: Redis,
    pub(crate) embedded: Embedded,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Embedded {
    pub(crate) resp: String,
    pub(crate) password: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum BrokerKind {
    Embedded,
    #[serde(rename = "redis-pubsub")]
    RedisPubSub,
    #[serde(rename = "redis-stream")]
    RedisStream,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Redis {
    pub(crate) url: String,
    pub(crate) prefix: String,
    pub(crate) tls_ca_file: String,
    pub(crate) tls_cert_file: String,
    pub(crate) tls_key_file: String,
    pub(crate) timeout: Span,
    pub(crate) beacon_interval: Span,
    pub(crate) snapshot_bytes: usize,
    pub(crate) sentinels: Vec<String>,
    pub(crate) sentinel_master: String,
    pub(crate) stream_keep_count: u64,
    pub(crate) stream_keep_for: Span,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct History {
    pub(crate) keep_count: usize,
    pub(crate) keep_bytes: usize,
    pub(crate) keep_for: Span,
    pub(crate) keep_channels: usize,
    pub(crate) keep_cursors: Span,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Sessions {
    pub(crate) max: usize,
    pub(crate) max_new_per_second: usize,
    pub(crate) max_per_address: usize,
    pub(crate) max_new_per_second_per_address: usize,
    pub(crate) max_per_subject: usize,
    pub(crate) max_channels: usize,
    pub(crate) heartbeat: Span,
    pub(crate) retry: Span,
    pub(crate) max_lifetime: Span,
    pub(crate) write_timeout: Span,
    pub(crate) send_buffer_bytes: usize,
    pub(crate) max_requests_per_second: usize,
    pub(crate) max_publications_per_second: usize,
    pub(crate) max_message_bytes: usize,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Presence {
    pub(crate) max_members: usize,
    pub(crate) max_member_bytes: usize,
    pub(crate) expire: Span,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Drain {
    pub(crate) delay: Span,
    pub(crate) spread: Span,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Cors {
    pub(crate) origins: Vec<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Auth {
    pub(crate) secret: String,
    pub(crate) public_key_file: String,
    pub(crate) jwks_url: String,
    pub(crate) jwks_refresh: Span,
    pub(crate) issuer: String,
    pub(crate) audience: Vec<String>,
    pub(crate) leeway: Span,
    pub(crate) keep_revocations: Span,
    pub(crate) ask: String,
    pub(crate) ask_timeout: Span,
    pub(crate) ask_cache: Span,
    pub(crate) ask_max: usize,
    pub(crate) cookie: String,
    pub(crate) cookie_path: String,
    pub(crate) query: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) issuers: Vec<Issuer>,
}

/// A further issuer.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Issuer {
    pub(crate) secret: String,
    pub(crate) public_key_file: String,
    pub(crate) jwks_url: String,
    pub(crate) issuer: String,
    pub(crate) audience: Vec<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Log {
    pub(crate) format: Format,
    pub(crate) level: String,
    pub(crate) sessions: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Format {
    Text,
    Json,
}

/// A rule for channels.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Channels {
    #[serde(rename = "match")]
    pub(crate) pattern: String,
    #[serde(default)]
    pub(crate) subscribe: Who,
    #[serde(default)]
    pub(crate) publish: Who,
    #[serde(default)]
    pub(crate) presence: Who,
    #[serde(default)]
    pub(crate) data: Data,
    #[serde(default)]
    pub(crate) when_slow: WhenSlow,
    #[serde(default = "yes")]
    pub(crate) keep_last: bool,
}

fn yes() -> bool {
    true
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum WhenSlow {
    #[default]
    Skip,
    Latest,
    Close,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Who {
    Anyone,
    Token,
    #[default]
    Nobody,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Data {
    #[default]
    Text,
    Json,
}

impl Default for Listen {
    fn default() -> Self {
        Self {
            public: SocketAddr::from(([127, 0, 0, 1], 8080)),
            admin: SocketAddr::from(([127, 0, 0, 1], 9180)),
            head_timeout: Span::seconds(10),
            max_head_bytes: 16 * 1024,
            max_headers: 64,
            max_url_bytes: 8 * 1024,
            keep_alive: Span::seconds(75),
            shards: 0,
            trusted_proxies: Vec::new(),
            proxy_protocol: false,
        }
    }
}

impl Default for Broker {
    fn default() -> Self {
        Self {
            kind: BrokerKind::Embedded,
            max_data_bytes: 64 * 1024,
            max_batch_bytes: 1024 * 1024,
            keep_idempotency_keys: Span::seconds(60 * 60),
            readiness: false,
            redis: Redis::default(),
            embedded: Embedded::default(),
        }
    }
}

impl Default for Embedded {
    fn default() -> Self {
        Self { resp: "127.0.0.1:6380".to_owned(), password: String::new() }
    }
}

impl Default for Redis {
    fn default() -> Self {
        Self {
            url: "redis://127.0.0.1:6379".to_owned(),
            prefix: "fanfare:".to_owned(),
            tls_ca_file: String::new(),
            tls_cert_file: String::new(),
            tls_key_file: String::new(),
            timeout: Span::seconds(5),
            beacon_interval: Span::seconds(1),
            snapshot_bytes: 16 * 1024 * 1024,
            sentinels: Vec::new(),
            sentinel_master: "mymaster".to_owned(),
            stream_keep_count: 1_000_000,
            stream_keep_for: Span::seconds(24 * 60 * 60),
        }
    }
}

impl Default for History {
    fn default() -> Self {
        Self {
            keep_count: 50_000,
            keep_bytes: 64 * 1024 * 1024,
            keep_for: Span::seconds(600),
            keep_channels: 50_000,
            keep_cursors: Span::seconds(24 * 60 * 60),
        }
    }
}

impl Default for Sessions {
    fn default() -> Self {
        Self {
            max: 0,
            max_new_per_second: 0,
            max_per_address: 0,
            max_new_per_second_per_address: 0,
            max_per_subject: 0,
            max_channels: 100,
            heartbeat: Span::seconds(15),
            retry: Span::seconds(3),
            max_lifetime: Span::seconds(60 * 60),
            write_timeout: Span::seconds(30),
            send_buffer_bytes: 64 * 1024,
            max_requests_per_second: 100,
            max_publications_per_second: 0,
            max_message_bytes: 0,
        }
    }
}

impl Default for Presence {
    fn default() -> Self {
        Self { max_members: 1_000, max_member_bytes: 1_024, expire: Span::seconds(10) }
    }
}

impl Default for Drain {
    fn default() -> Self {
        Self { delay: Span::seconds(5), spread: Span::seconds(20) }
    }
}

impl Default for Auth {
    fn default() -> Self {
        Self {
            secret: String::new(),
            public_key_file: String::new(),
            jwks_url: String::new(),
            jwks_refresh: Span::seconds(15 * 60),
            issuer: String::new(),
            audience: Vec::new(),
            leeway: Span::seconds(0),
            keep_revocations: Span::seconds(30 * 24 * 60 * 60),
            ask: String::new(),
            ask_timeout: Span::seconds(3),
            ask_cache: Span::seconds(5),
            ask_max: 100,
            cookie: "fanfare_token".to_owned(),
            cookie_path: "/".to_owned(),
            query: "token".to_owned(),
            issuers: Vec::new(),
        }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self { format: Format::Text, level: "info".to_owned(), sessions: false }
    }
}
