//! What a watcher says when it starts.

use std::net::TcpListener;

use broker::Kind;

use crate::config::Settings;

/// Says what it is, where it publishes, and what it asks.
pub(super) fn announce(settings: &Settings, listener: &TcpListener) {
    let (version, watch) = (env!("CARGO_PKG_VERSION"), &settings.watch);
    tracing::info!(version, "fanfare watch");
    if let Ok(admin) = listener.local_addr() {
        tracing::info!("metrics and health: http://{admin}/metrics, /healthz, /readyz");
    }
    match &settings.broker {
        Kind::Embedded => {
            let to =
                if watch.to.is_empty() { format!("http://{}", settings.public) } else { watch.to.clone() };
            tracing::info!(
                "publishes to the gateway at {to}; run one watcher: without Redis a second one would publish too"
            );
        }
        Kind::RedisPubSub(redis) => {
            tracing::info!("publishes by PUBLISH in Redis at {}", redis.address());
        }
        Kind::RedisStream(redis, ..) => {
            tracing::info!("publishes by XADD in Redis at {}", redis.address());
        }
    }
    for query in &watch.queries {
        tracing::info!(
            "query {}: every {} into {}",
            query.name,
            humantime::format_duration(query.interval),
            query.channel
        );
    }
}
