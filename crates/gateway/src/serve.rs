//! The wiring: broker, edge, admin port, and the lanes between them.

use std::{future::pending, io, net::TcpListener, rc::Rc, time::Duration};

use broker::{Archive, Broker, Directives, Onced, Pictures, Publisher, Whereabouts, port};
use edge::{Edge, FetchRequest, Lanes, Outcome, PresenceRequest, PublishRequest};
use futures_util::StreamExt;
use identity::Keyring;
use publication::{Revocations, Roll};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook_tokio::Signals;
use socket2::SockRef;
use tokio::{sync::mpsc, time::sleep};

use crate::{
    admin::{self, Admin},
    ask,
    config::Settings,
    console::Console,
    demo::{self, Demo},
    drain::drain,
    explanation::Explanation,
    keys::Keys,
    limits::Machine,
    manager::Manager,
    metrics::Metrics,
    pump::{Herald, Marshal, Pump},
    readiness::{Readiness, warm},
    reload::{Configured, Reloader},
    rules::Rules,
};

/// Publications by clients that may wait for the broker.
const MAX_PUBLISHING: usize = 1_024;

/// Questions of who is present that may wait.
const MAX_ASKING: usize = 1_024;

/// Parts of the stream that may wait to be read back.
const MAX_FETCHING: usize = 1_024;

/// Those who may wait until it is known who they are.
const MAX_UNKNOWN: usize = 1_024;

/// What operators want that may wait.
const MAX_OPERATING: usize = 64;

/// Between two looks whether revocations are known.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);

/// Connections that may wait to be accepted; the kernel's own maximum may be lower.
const BACKLOG: i32 = 4_096;

/// The listeners of a gateway, bound before anything else is started.
pub(crate) struct Listeners {
    pub(crate) public: TcpListener,
    pub(crate) admin: TcpListener,
    /// The embedded broker's own.
    pub(crate) port: Option<TcpListener>,
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
        let port = settings.port.as_ref();
        Ok(Self {
            public: bind(settings.public, "listen.public")?,
            admin: bind(settings.admin, "listen.admin")?,
            port: port.map(|(address, _)| bind(*address, "broker.embedded.resp")).transpose()?,
        })
    }
}

/// Runs a gateway until it is told to stop. Returns whether it came to a good end.
pub(crate) async fn serve(
    mut configured: Configured,
    listeners: Listeners,
    demo: Option<&Demo>,
) -> io::Result<bool> {
    // First of all: until they are caught, each of them ends the process.
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP])?;
    let manager = Manager::find()?;
    let machine = Machine::prepare(configured.settings.shards)?;
    machine.complete(&mut configured.settings.edge);
    if demo.is_some() {
        configured.settings.edge.pages = demo::PAGES;
    }
    let settings = &configured.settings;
    let metrics = Rc::new(Metrics::new().map_err(io::Error::other)?);
    metrics.set_sessions_max(settings.edge.max_sessions);
    let (publish, publishing) = mpsc::channel(MAX_PUBLISHING);
    let (presence, asking) = mpsc::channel(MAX_ASKING);
    let (fetch, fetching) = mpsc::channel(MAX_FETCHING);
    let (ask, asked) = mpsc::channel(MAX_UNKNOWN);
    let (keys, unknown_keys) = mpsc::channel(MAX_UNKNOWN);
    let (operate, operating) = mpsc::channel(MAX_OPERATING);
    let roll = Roll::default();
    let revocations = Revocations::default();
    let lanes = Lanes {
        publish,
        presence,
        fetch,
        ask,
        keys,
        operate,
        roll: roll.clone(),
        revocations: revocations.clone(),
    };
    let edge = Rc::new(Edge::start(settings.edge.clone(), machine.shards, &metrics.edge, &lanes)?);
    let keys = Keys::new(&edge, settings.key_refresh, metrics.key_fetches.clone());
    keys.complete(&mut Keyring::clone(&settings.edge.auth.keyring));
    tokio::task::spawn_local(keys.clone().serve(unknown_keys));
    let outcomes = metrics.asks.clone();
    tokio::task::spawn_local(ask::serve(settings.ask.clone(), Rc::downgrade(&edge), asked, outcomes));
    let rules = Rules::new(settings.edge.access.clone());
    revocations.set_wanted(settings.edge.auth.can_identify());
    let directives = Directives::start(
        &settings.broker,
        settings.keep_revocations,
        revocations.clone(),
        metrics.broker.clone(),
        Marshal(edge.directives()),
    )?;
    let Broker { publisher, status, mut failed, archive, pictures } = Broker::start(
        settings.broker.clone(),
        rules.for_broker(settings.edge.max_data_bytes),
        metrics.broker.clone(),
        directives.clone(),
        Pump(edge.inboxes()),
    )?;
    let herald = Herald(edge.news());
    let whereabouts =
        Whereabouts::start(&settings.broker, settings.presence, roll, metrics.broker.clone(), herald)?;
    let readiness = Readiness::new(status.clone(), settings.broker_readiness);
    announce(settings, &listeners, machine)?;
    if let (Some(listener), Some((_, config))) = (listeners.port, &settings.port) {
        let (rules, counted) = (rules.for_broker(settings.edge.max_data_bytes), metrics.broker.clone());
        port::listen(listener, config.clone(), rules, &publisher, directives, counted)?;
    }

    if let Some(demo) = demo {
        demo.start(publisher.clone(), settings, metrics.registry()).await?;
    }
    tokio::task::spawn_local(forward(publishing, publisher, settings.keep_idempotency_keys));
    tokio::task::spawn_local(ask_around(asking, whereabouts));
    if let Some(archive) = archive {
        tokio::task::spawn_local(read_back(fetching, archive));
    }
    if let Some((pictures, wanted)) = pictures {
        tokio::task::spawn_local(tell(wanted, pictures, Rc::clone(&edge), settings.snapshot_bytes));
    }
    let admin = Admin { edge: Rc::clone(&edge), metrics: Rc::clone(&metrics), readiness: readiness.clone() };
    tokio::task::spawn_local(admin::serve(Rc::new(admin), listeners.admin));
    let console =
        Console { edge: Rc::clone(&edge), metrics: Rc::clone(&metrics), readiness: readiness.clone() };
    tokio::task::spawn_local(console.serve(operating));
    let accepting = Rc::clone(&edge);
    tokio::task::spawn_local(async move { accepting.accept(listeners.public).await });
    tokio::task::spawn_local(manager.clone().keep_told(Rc::clone(&edge), readiness.clone()));
    let (warming, ready, told) = (Rc::clone(&edge), readiness.clone(), manager.clone());
    let (heartbeat, revoked) = (settings.edge.heartbeat, revocations.clone());
    tokio::task::spawn_local(async move {
        warm(status, heartbeat).await;
        while revoked.are_wanted() && !revoked.are_complete() {
            // Until then no token is accepted.
            sleep(LOOK_INTERVAL).await;
        }
        warming.warmed().await;
        warming.complete();
        if ready.set_ready() {
            told.tell_ready();
            tracing::info!("ready");
        }
    });

    let mut reloader =
        Reloader { configured, machine, edge, rules, keys, revocations, readiness, metrics, manager };
    let refused = async {
        match (&mut failed).await {
            Ok(error) => error,
            Err(_) => pending().await,
        }
    };
    tokio::select! {
        () = told_to_stop(&mut signals, || reloader.reload()) => {}
        error = refused => {
            tracing::error!(%error, "this broker will never do");
            return Ok(false);
        }
    }
    let too_late = || tracing::warn!("the configuration is not read again while draining");
    tokio::select! {
        () = drain(&reloader) => Ok(true),
        () = told_to_stop(&mut signals, too_late) => {
            tracing::warn!(sessions = reloader.edge.sessions(), "a second signal; leaving at once");
            Ok(false)
        }
    }
}

/// Waits for SIGTERM or SIGINT, and calls `reload` at each SIGHUP until then.
async fn told_to_stop(signals: &mut Signals, mut reload: impl FnMut()) {
    while signals.next().await == Some(SIGHUP) {
        reload();
    }
}

/// Hands what clients publish to the broker, and the outcome back.
async fn forward(mut requests: mpsc::Receiver<PublishRequest>, publisher: Publisher, keep_keys: Duration) {
    while let Some(PublishRequest { publication, once, reply }) = requests.recv().await {
        let publisher = publisher.clone();
        // One task a request: each holds a connection, and those are bounded.
        tokio::task::spawn_local(async move {
            let onced = match once {
                None => publisher.publish(publication).await.map(Onced::Now),
                Some(once) => publisher.publish_once(publication, &once, keep_keys).await,
            };
            let outcome = match onced {
                Ok(Onced::Now(published)) => Outcome::Published { published, before: false },
                Ok(Onced::Before(published)) => Outcome::Published { published, before: true },
                Ok(Onced::Underway) => Outcome::Underway,
                Ok(Onced::Reused) => Outcome::Reused,
                Err(error) if error.is_refusal() => Outcome::Refused(error.to_string()),
                Err(error) => Outcome::Failed(error.to_string()),
            };
            // Whoever asked may have hung up.
            let _ = reply.send(outcome);
        });
    }
}

/// Asks who is in a channel.
async fn ask_around(mut requests: mpsc::Receiver<PresenceRequest>, whereabouts: Whereabouts) {
    while let Some(PresenceRequest { channel, reply }) = requests.recv().await {
        whereabouts.ask(channel, reply).await;
    }
}

/// Has what memory no longer holds read back.
async fn read_back(mut requests: mpsc::Receiver<FetchRequest>, archive: Archive) {
    while let Some(FetchRequest { after, reply }) = requests.recv().await {
        archive.ask(after, reply).await;
    }
}

/// Tells other gateways that start what this one knows.
async fn tell(mut wanted: mpsc::Receiver<u64>, pictures: Pictures, edge: Rc<Edge>, max_bytes: usize) {
    while let Some(token) = wanted.recv().await {
        let told = match edge.snapshot(max_bytes).await {
            Some(snapshot) => {
                let publications = snapshot.publications.len();
                let stored = pictures.store(token, &snapshot).await;
                stored.map(|()| tracing::info!(publications, "told another gateway what this one knows"))
            }
            None => pictures.decline(token).await,
        };
        if let Err(error) = told {
            tracing::warn!(%error, "another gateway cannot be told what this one knows");
        }
    }
}

/// Says what listens where, which broker it is, what is open to whom, and how to begin.
fn announce(settings: &Settings, listeners: &Listeners, machine: Machine) -> io::Result<()> {
    let (public, admin) = (listeners.public.local_addr()?, listeners.admin.local_addr()?);
    let version = env!("CARGO_PKG_VERSION");
    let Machine { shards, descriptors } = machine;
    tracing::info!(version, shards, descriptors, sessions_max = settings.edge.max_sessions, "fanfare");
    tracing::info!("browsers: http://{public}/events");
    tracing::info!("metrics and health: http://{admin}/metrics, /healthz, /readyz");
    tracing::info!("console: http://{admin}/console");
    match &settings.broker {
        broker::Kind::Embedded => match &listeners.port {
            Some(port) => {
                let port = port.local_addr()?;
                tracing::info!("broker: embedded; publish over HTTP, or as into Redis at redis://{port}");
            }
            None => tracing::info!("broker: embedded; publish over HTTP"),
        },
        broker::Kind::RedisStream(redis, ..) => {
            tracing::info!("broker: Redis stream {}@stream at {}", redis.prefix(), redis.address());
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
    announce_access(&settings.edge);
    tracing::info!("look: http://{public}/");
    if settings.edge.access.rules.is_empty() {
        tracing::info!("try:  curl -N 'http://{public}/events?channel=news&transport=sse'");
        tracing::info!("try:  curl -d 'hello' 'http://{public}/events?channel=news'");
        tracing::info!("try:  fanfare publish news 'hello'");
    }
    Ok(())
}

/// Says what is open to whom, and what cannot be meant.
pub(crate) fn announce_access(config: &edge::Config) {
    let Explanation { lines, warnings } = Explanation::of(config);
    for line in lines {
        tracing::info!("open: {line}");
    }
    for warning in warnings {
        tracing::warn!("{warning}");
    }
}
