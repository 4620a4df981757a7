//! The wiring: broker, edge, admin port, and the lanes between them.

use std::{future::pending, io, net::TcpListener, rc::Rc};

use broker::{Broker, Published, Publisher};
use edge::{Edge, Outcome, PublishRequest};
use futures_util::StreamExt;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook_tokio::Signals;
use socket2::SockRef;
use tokio::sync::mpsc;

use crate::{
    admin::{self, Admin},
    config::Settings,
    drain::drain,
    limits,
    metrics::Metrics,
    pump::Pump,
    readiness::{Readiness, warm},
};

/// Publications by clients that may wait for the broker.
const MAX_PUBLISHING: usize = 1_024;

/// Connections that may wait to be accepted; the kernel's own maximum may be lower.
const BACKLOG: i32 = 4_096;

/// The listeners of a gateway, bound before anything else is started.
pub(crate) struct Listeners {
    pub(crate) public: TcpListener,
    pub(crate) admin: TcpListener,
}

impl Listeners {
    pub(crate) fn bind(settings: &Settings) -> Result<Self, String> {
        let bind = |address, key: &str| {
            let listen = || {
                let listener = TcpListener::bind(address)?;
                listener.set_nonblocking(true)?;
                // The standard library's 128 is too few when everybody comes back at once: what does
                // not fit in the queue tries again after a second.
                SockRef::from(&listener).listen(BACKLOG)?;
                Ok::<_, io::Error>(listener)
            };
            listen().map_err(|error| format!("{address} cannot be listened on ({key}): {error}"))
        };
        Ok(Self {
            public: bind(settings.public, "listen.public")?,
            admin: bind(settings.admin, "listen.admin")?,
        })
    }
}

/// Runs a gateway until it is told to stop. Returns whether it came to a good end.
pub(crate) async fn serve(mut settings: Settings, listeners: Listeners) -> io::Result<bool> {
    let descriptors = limits::raise_descriptors();
    if settings.edge.max_sessions == 0 {
        settings.edge.max_sessions = limits::sessions_within(descriptors);
    }
    let metrics = Rc::new(Metrics::new().map_err(io::Error::other)?);
    metrics.sessions_max.set(i64::try_from(settings.edge.max_sessions).unwrap_or(i64::MAX));
    let (publish, publishing) = mpsc::channel(MAX_PUBLISHING);
    let shards = match settings.shards {
        0 => std::thread::available_parallelism()?.get(),
        shards => shards,
    };
    let edge = Rc::new(Edge::start(&settings.edge, shards, &metrics.edge, &publish)?);
    let Broker { publisher, status, mut failed } = Broker::start(
        settings.broker.clone(),
        settings.rules.clone(),
        metrics.broker.clone(),
        Pump(edge.inboxes()),
    )?;
    let readiness = Readiness::new(status.clone(), settings.broker_readiness);
    announce(&settings, &listeners, shards, descriptors)?;

    tokio::task::spawn_local(forward(publishing, publisher));
    let admin = Admin { edge: Rc::clone(&edge), metrics: Rc::clone(&metrics), readiness: readiness.clone() };
    tokio::task::spawn_local(admin::serve(Rc::new(admin), listeners.admin));
    let accepting = Rc::clone(&edge);
    tokio::task::spawn_local(async move { accepting.accept(listeners.public).await });
    let (warming, ready) = (Rc::clone(&edge), readiness.clone());
    let (kind, interval, heartbeat) =
        (settings.broker.clone(), settings.beacon_interval, settings.edge.heartbeat);
    tokio::task::spawn_local(async move {
        warm(status, &kind, interval, heartbeat).await;
        warming.complete();
        ready.set_ready();
        tracing::info!("ready");
    });

    let mut signals = Signals::new([SIGTERM, SIGINT])?;
    let refused = async {
        match (&mut failed).await {
            Ok(error) => error,
            Err(_) => pending().await,
        }
    };
    tokio::select! {
        _ = signals.next() => {}
        error = refused => {
            tracing::error!(%error, "this broker will never do");
            return Ok(false);
        }
    }
    tokio::select! {
        () = drain(&edge, &metrics, &readiness, settings.drain_delay, settings.edge.drain_spread) => Ok(true),
        _ = signals.next() => {
            tracing::warn!(sessions = edge.sessions(), "a second signal; leaving at once");
            Ok(false)
        }
    }
}

/// Hands what clients publish to the broker, and the outcome back.
async fn forward(mut requests: mpsc::Receiver<PublishRequest>, publisher: Publisher) {
    while let Some(PublishRequest { publication, reply }) = requests.recv().await {
        let publisher = publisher.clone();
        // One task a request: each holds a connection, and those are bounded.
        tokio::task::spawn_local(async move {
            let outcome = match publisher.publish(publication).await {
                Ok(Published::At(cursor)) => Outcome::At(cursor),
                Ok(Published::Subscribers(count)) => Outcome::Subscribers(count),
                Err(error) => Outcome::Failed(error.to_string()),
            };
            // Whoever asked may have hung up.
            let _ = reply.send(outcome);
        });
    }
}

/// Says what listens where, which broker it is, what is open to whom, and how to begin.
fn announce(settings: &Settings, listeners: &Listeners, shards: usize, descriptors: usize) -> io::Result<()> {
    let (public, admin) = (listeners.public.local_addr()?, listeners.admin.local_addr()?);
    let version = env!("CARGO_PKG_VERSION");
    tracing::info!(version, shards, descriptors, sessions_max = settings.edge.max_sessions, "fanfare");
    tracing::info!("browsers: http://{public}/events");
    tracing::info!("metrics and health: http://{admin}/metrics, /healthz, /readyz");
    match &settings.broker {
        broker::Kind::Embedded => {
            tracing::info!("broker: embedded; publish over HTTP");
        }
        broker::Kind::RedisPubSub(redis) => {
            tracing::info!(
                "broker: Redis Pub/Sub at {}, everything under {}",
                redis.address(),
                redis.prefix()
            );
        }
    }
    let proxies = &settings.edge.proxies;
    if !proxies.trusted().is_empty() {
        let trusted: Vec<_> = proxies.trusted().iter().map(ToString::to_string).collect();
        let by = if proxies.protocol() { "the PROXY protocol, then " } else { "" };
        tracing::info!("proxies: {} say whom they speak for: by {by}headers", trusted.join(", "));
    }
    let access = &settings.edge.access;
    if access.rules.is_empty() {
        tracing::info!("open: everything, to this machine; nothing to what comes through a proxy");
    }
    for rule in &access.rules {
        let edge::Rule { pattern, subscribe, publish, .. } = rule;
        tracing::info!("open: {pattern}: subscribe {}, publish {}", subscribe.label(), publish.label());
    }
    tracing::info!("look: http://{public}/");
    tracing::info!("try:  curl -N 'http://{public}/events?channel=news&transport=sse'");
    tracing::info!("try:  curl -d 'hello' 'http://{public}/events?channel=news'");
    tracing::info!("try:  fanfare publish news 'hello'");
    Ok(())
}
