//! The edge as a whole: its shards, and what the gateway does with them.

use std::{
    io,
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures_util::future::join_all;
use identity::{Key, Keyring};
use publication::{Batch, Directive, News, Snapshot};
use tokio::sync::{mpsc, oneshot, watch};

use crate::{
    accept::{accept, hand_over},
    census::Census,
    config::Config,
    lanes::Lanes,
    metrics::Metrics,
    phase::Phase,
    survey::{Interest, SessionId, Survey},
    thread::{self, Ask, Handle, INBOX_BATCHES, MAX_ARRIVED, MAX_ASKS, MAX_DIRECTIVES, MAX_NEWS, Pulse},
};

/// A shard that has not ticked for so long is stuck.
const STUCK_AFTER: Duration = Duration::from_secs(5);

/// The running edge.
pub struct Edge {
    shards: Vec<Handle>,
    phase: watch::Sender<Phase>,
    /// How many shards can give out cursors.
    warm: watch::Sender<usize>,
    census: Census,
    metrics: Metrics,
    config: watch::Sender<Arc<Config>>,
}

/// The state of all shards together. What each shard holds of the same publications is counted
/// once.
#[derive(Clone, Copy, Debug, Default)]
pub struct State {
    /// The fullest history, and the channels and beacons of one shard; audiences of all.
    pub gauges: hub::Gauges,
    /// Sessions that have not read all.
    pub behind: usize,
    /// Every shard ticks.
    pub alive: bool,
    /// Operators that look on.
    pub observers: usize,
}

impl Edge {
    /// Starts the shards.
    ///
    /// # Errors
    /// A thread or its runtime cannot be made.
    pub fn start(config: Config, shards: usize, metrics: &Metrics, lanes: &Lanes) -> io::Result<Self> {
        let (phase, watched) = watch::channel(Phase::Starting);
        let warm = watch::Sender::new(0);
        let census = Census::new(&config);
        let config = watch::Sender::new(Arc::new(config));
        let mut handles = Vec::with_capacity(shards);
        for number in 0..shards {
            let (inbox, inbox_end) = mpsc::channel(INBOX_BATCHES);
            let (news, news_end) = mpsc::channel(MAX_NEWS);
            let (directives, directives_end) = mpsc::channel(MAX_DIRECTIVES);
            let (arrived, arrived_end) = mpsc::channel(MAX_ARRIVED);
            let (asks, asks_end) = mpsc::channel(MAX_ASKS);
            let pulse = Pulse { at: Instant::now(), gauges: hub::Gauges::default(), behind: 0, observers: 0 };
            let pulse = Arc::new(Mutex::new(pulse));
            let start = thread::Start {
                number,
                config: config.subscribe(),
                metrics: metrics.clone(),
                census: census.clone(),
                lanes: lanes.clone(),
                phase: watched.clone(),
                warm: warm.clone(),
                inbox: inbox_end,
                news: news_end,
                directives: directives_end,
                arrived: arrived_end,
                asks: asks_end,
                pulse: Arc::clone(&pulse),
            };
            thread::spawn(number, start)?;
            let load = Arc::new(AtomicUsize::new(0));
            handles.push(Handle { inbox, news, directives, arrived, asks, load, pulse });
        }
        let metrics = metrics.clone();
        Ok(Self { shards: handles, phase, warm, census, metrics, config })
    }

    /// Where each shard takes publications.
    #[must_use]
    pub fn inboxes(&self) -> Vec<mpsc::Sender<Arc<Batch>>> {
        self.shards.iter().map(|shard| shard.inbox.clone()).collect()
    }

    /// Where each shard takes what those who watch presence are to be told.
    #[must_use]
    pub fn news(&self) -> Vec<mpsc::Sender<Arc<[News]>>> {
        self.shards.iter().map(|shard| shard.news.clone()).collect()
    }

    /// Where each shard takes what is to be done with sessions.
    #[must_use]
    pub fn directives(&self) -> Vec<mpsc::Sender<Arc<Directive>>> {
        self.shards.iter().map(|shard| shard.directives.clone()).collect()
    }

    /// Accepts connections for as long as it is polled.
    pub async fn accept(&self, listener: TcpListener) {
        accept(listener, &self.shards, &self.config, &self.metrics).await;
    }

    /// Takes in a connection that came by the admin port, where this was `asked` with it.
    pub async fn take_in(&self, socket: TcpStream, peer: SocketAddr, asked: Bytes) {
        hand_over(socket, peer, Some(asked), &self.shards, &self.config).await;
    }

    /// Goes on with other settings: what is decided from now on is decided by them. Who is here
    /// stays, and each shard takes them up at its next turn.
    pub fn reconfigure(&self, config: Config) {
        self.census.set_limits(&config);
        self.config.send_replace(Arc::new(config));
    }

    /// Goes on with what an issuer says at this URL that it signs with.
    pub fn learn_keys(&self, url: &str, keys: &[Key]) {
        self.config.send_modify(|config| {
            let mut changed = Config::clone(config);
            Arc::make_mut(&mut changed.auth.keyring).learn(url, keys);
            *config = Arc::new(changed);
        });
    }

    /// Whose tokens are accepted now.
    #[must_use]
    pub fn keyring(&self) -> Arc<Keyring> {
        Arc::clone(&self.config.borrow().auth.keyring)
    }

    /// A picture of what one of the shards knows: each knows the same.
    pub async fn snapshot(&self, max_bytes: usize) -> Option<Snapshot> {
        let (reply, snapshot) = oneshot::channel();
        self.shards.first()?.asks.send(Ask::Picture { max_bytes, reply }).await.ok()?;
        snapshot.await.ok()?
    }

    /// What operators want to know of every shard that answers, of the sessions and channels there and of what they
    /// follow.
    pub async fn survey(&self, interests: Arc<[Interest]>) -> Vec<Survey> {
        let surveys = self.shards.iter().map(async |shard| {
            let (reply, survey) = oneshot::channel();
            shard.asks.send(Ask::Survey { interests: Arc::clone(&interests), reply }).await.ok()?;
            survey.await.ok()
        });
        join_all(surveys).await.into_iter().flatten().collect()
    }

    /// Ends a session. Returns whether it was there.
    pub async fn end(&self, session: SessionId) -> bool {
        let Some(shard) = self.shards.get(session.shard()) else { return false };
        let (reply, ended) = oneshot::channel();
        shard.asks.send(Ask::End { session, reply }).await.is_ok() && ended.await.unwrap_or(false)
    }

    /// Shows operators how all is: an object in JSON.
    pub async fn show(&self, overview: &Arc<str>) {
        for shard in &self.shards {
            // A shard that is gone takes its process with it.
            let _ = shard.asks.send(Ask::Show(Arc::clone(overview))).await;
        }
    }

    /// Resolves when every shard can give out cursors: the broker has begun, and they have all taken
    /// what it began with.
    pub async fn warmed(&self) {
        // It is never closed: the edge holds an end of it.
        let _ = self.warm.subscribe().wait_for(|warm| *warm == self.shards.len()).await;
    }

    /// All that other gateways know is known here too.
    pub fn complete(&self) {
        self.phase.send_if_modified(|phase| {
            let starting = *phase == Phase::Starting;
            if starting {
                *phase = Phase::Serving;
            }
            starting
        });
    }

    /// Says good-bye to all sessions, and to all that come.
    pub fn drain(&self) {
        self.phase.send_replace(Phase::Draining);
    }

    /// Sessions now.
    #[must_use]
    pub fn sessions(&self) -> usize {
        self.census.count()
    }

    /// Connections now, whether they are sessions or not.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.shards.iter().map(|shard| shard.load.load(Ordering::Relaxed)).sum()
    }

    /// How the shards are, as of their last tick.
    #[must_use]
    pub fn state(&self) -> State {
        let mut state = State { alive: true, ..State::default() };
        for pulse in self.shards.iter().filter_map(|shard| Some(*shard.pulse.lock().ok()?)) {
            let (all, one) = (&mut state.gauges, pulse.gauges);
            all.history_publications = all.history_publications.max(one.history_publications);
            all.history_bytes = all.history_bytes.max(one.history_bytes);
            all.history_oldest = all.history_oldest.max(one.history_oldest);
            all.channels = all.channels.max(one.channels);
            all.beacons = all.beacons.max(one.beacons);
            all.audiences += one.audiences;
            state.behind += pulse.behind;
            state.observers += pulse.observers;
            state.alive &= pulse.at.elapsed() < STUCK_AFTER;
        }
        state
    }
}
