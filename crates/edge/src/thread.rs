//! The thread of a shard: its own runtime, hub and sockets; it shares nothing with the others.

use std::{
    cell::{Cell, RefCell},
    future::ready,
    io,
    rc::Rc,
    sync::{Arc, Mutex, atomic::AtomicUsize},
    thread,
    time::{Duration, Instant},
};

use hub::Gauges;
use publication::{Batch, Directive, News, Snapshot};
use tokio::{
    io::unix::AsyncFd,
    runtime,
    sync::{Notify, mpsc, oneshot, watch},
    task::{LocalSet, unconstrained, yield_now},
    time::{Interval, MissedTickBehavior, interval},
};

use crate::{
    arrived::Arrived,
    census::Census,
    config::Config,
    conversation, door, fetch,
    inbox::Inbox,
    lanes::Lanes,
    metrics::Metrics,
    phase::Phase,
    readiness,
    sessions::Sessions,
    shard::Shard,
    survey::{Interest, SessionId, Survey},
};

/// Batches that may wait for a shard. When they do, the broker's reader waits too, and Redis feels it.
pub(crate) const INBOX_BATCHES: usize = 64;
/// News of presence that may wait for a shard; when they do, presence waits, and nothing else.
pub(crate) const MAX_NEWS: usize = 64;
/// Directives that may wait for a shard.
pub(crate) const MAX_DIRECTIVES: usize = 64;
/// Sockets that may wait for a shard.
pub(crate) const MAX_ARRIVED: usize = 1_024;
/// Questions that may wait for a shard.
pub(crate) const MAX_ASKS: usize = 4;
/// Events taken from the kernel at once.
const MAX_EVENTS: usize = 1_024;

/// What a shard is started with.
pub(crate) struct Start {
    /// Which of them it is.
    pub(crate) number: usize,
    pub(crate) config: watch::Receiver<Arc<Config>>,
    pub(crate) metrics: Metrics,
    pub(crate) census: Census,
    pub(crate) lanes: Lanes,
    pub(crate) phase: watch::Receiver<Phase>,
    /// How many shards can give out cursors.
    pub(crate) warm: watch::Sender<usize>,
    pub(crate) inbox: mpsc::Receiver<Arc<Batch>>,
    pub(crate) news: mpsc::Receiver<Arc<[News]>>,
    pub(crate) directives: mpsc::Receiver<Arc<Directive>>,
    pub(crate) arrived: mpsc::Receiver<Arrived>,
    pub(crate) asks: mpsc::Receiver<Ask>,
    pub(crate) pulse: Arc<Mutex<Pulse>>,
}

/// What other threads want of a shard, beside what is published.
pub(crate) enum Ask {
    /// A picture of what its hub knows, of so many bytes.
    Picture { max_bytes: usize, reply: oneshot::Sender<Option<Snapshot>> },
    /// How it is, and what became of that which operators follow.
    Survey { interests: Arc<[Interest]>, reply: oneshot::Sender<Survey> },
    /// The end of a session; whether it was there.
    End { session: SessionId, reply: oneshot::Sender<bool> },
    /// Operators are shown this.
    Show(Arc<str>),
}

/// What a shard says of itself once a second.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pulse {
    pub(crate) at: Instant,
    pub(crate) gauges: Gauges,
    pub(crate) behind: usize,
    pub(crate) observers: usize,
}

/// The sending ends of a shard.
pub(crate) struct Handle {
    pub(crate) inbox: mpsc::Sender<Arc<Batch>>,
    pub(crate) news: mpsc::Sender<Arc<[News]>>,
    pub(crate) directives: mpsc::Sender<Arc<Directive>>,
    pub(crate) arrived: mpsc::Sender<Arrived>,
    pub(crate) asks: mpsc::Sender<Ask>,
    pub(crate) load: Arc<AtomicUsize>,
    pub(crate) pulse: Arc<Mutex<Pulse>>,
}

/// Starts the thread of a shard.
pub(crate) fn spawn(number: usize, start: Start) -> io::Result<()> {
    let poll = mio::Poll::new()?;
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    thread::Builder::new().name(format!("shard-{number}")).spawn(move || {
        let local = LocalSet::new();
        runtime.block_on(local.run_until(run(poll, start)));
    })?;
    Ok(())
}

async fn run(poll: mio::Poll, start: Start) {
    let Start {
        number,
        config,
        metrics,
        census,
        lanes,
        phase,
        warm,
        inbox,
        news,
        directives,
        arrived,
        asks,
        pulse,
    } = start;
    let Lanes { publish, presence, fetch, ask, keys, operate, roll, revocations } = lanes;
    let registry = poll.registry().try_clone();
    let sockets = readiness::readable(poll);
    let (Ok(registry), Ok(sockets)) = (registry, sockets) else {
        tracing::error!("a shard cannot watch its sockets");
        // Without it, the sessions that it would be given would hear nothing.
        std::process::abort();
    };
    let current = Arc::clone(&config.borrow());
    let sessions = Sessions::new(
        number,
        Arc::clone(&current),
        metrics.clone(),
        census,
        roll,
        revocations.clone(),
        registry,
    );
    let shard = Rc::new(Shard {
        config: RefCell::new(current),
        metrics,
        sessions: RefCell::new(sessions),
        publish,
        presence,
        fetch,
        ask,
        keys,
        operate,
        revocations,
        phase,
        warm: Cell::new(Some(warm)),
        moved: Notify::new(),
        stirred: Notify::new(),
        turned: Notify::new(),
    });
    tokio::task::spawn_local(welcome(Rc::clone(&shard), arrived));
    tokio::task::spawn_local(tell(Rc::clone(&shard), asks));
    tokio::task::spawn_local(spread(Rc::clone(&shard), news));
    tokio::task::spawn_local(obey(Rc::clone(&shard), directives));
    // The loop looks at many sockets a turn: Tokio's cooperative budget would make it miss some.
    unconstrained(follow(&shard, sockets, Inbox::new(inbox), config, &pulse)).await;
}

/// Serves each connection that is handed over, in a task of its own for as long as it is in hyper.
async fn welcome(shard: Rc<Shard>, mut arrived: mpsc::Receiver<Arrived>) {
    while let Some(connection) = arrived.recv().await {
        tokio::task::spawn_local(door::serve(Rc::clone(&shard), connection));
    }
}

/// Does what other threads ask for. Whoever asked may have given up before the answer.
async fn tell(shard: Rc<Shard>, mut asks: mpsc::Receiver<Ask>) {
    while let Some(ask) = asks.recv().await {
        let mut sessions = shard.sessions.borrow_mut();
        match ask {
            Ask::Picture { max_bytes, reply } => {
                let _ = reply.send(sessions.hub.snapshot(max_bytes, Instant::now()));
            }
            Ask::Survey { interests, reply } => {
                let _ = reply.send(sessions.survey(&interests));
            }
            Ask::End { session, reply } => {
                let _ = reply.send(sessions.end(session));
            }
            Ask::Show(overview) => sessions.show(&overview),
        }
        shard.stirred.notify_one();
    }
}

/// Tells those who watch who is present.
async fn spread(shard: Rc<Shard>, mut news: mpsc::Receiver<Arc<[News]>>) {
    while let Some(news) = news.recv().await {
        shard.sessions.borrow_mut().tell(&news);
        shard.stirred.notify_one();
    }
}

/// Does with sessions what backends want.
async fn obey(shard: Rc<Shard>, mut directives: mpsc::Receiver<Arc<Directive>>) {
    while let Some(directive) = directives.recv().await {
        shard.sessions.borrow_mut().obey(&directive);
        shard.stirred.notify_one();
    }
}

/// The loop of a shard. Its inputs: the inbox, the sessions' sockets, newcomers, time, the phase, the
/// settings.
async fn follow(
    shard: &Rc<Shard>,
    mut sockets: AsyncFd<mio::Poll>,
    mut inbox: Inbox,
    mut config: watch::Receiver<Arc<Config>>,
    pulse: &Mutex<Pulse>,
) {
    let mut events = mio::Events::with_capacity(MAX_EVENTS);
    let mut phase = shard.phase.clone();
    let mut sweeps = timer(shard.sessions.borrow().sweep_interval());
    let mut ticks = timer(Duration::from_secs(1));
    let mut busy = false;
    loop {
        let room = shard.sessions.borrow().has_room();
        tokio::select! {
            more = inbox.wait(), if room => {
                if !more {
                    return;
                }
                take_batches(shard, &mut inbox);
            }
            guard = sockets.readable_mut() => {
                if let Ok(mut guard) = guard {
                    take_events(shard, guard.get_inner_mut(), &mut events);
                    guard.clear_ready();
                }
            }
            () = shard.stirred.notified() => {}
            _ = sweeps.tick() => shard.sessions.borrow_mut().sweep(),
            _ = ticks.tick() => tick(shard, pulse),
            Ok(()) = phase.changed() => enter_phase(shard, *phase.borrow_and_update()),
            Ok(()) = config.changed() => {
                shard.reconfigure(&config.borrow_and_update());
                sweeps = timer(shard.sessions.borrow().sweep_interval());
            }
            () = ready(()), if busy => {}
        }
        if busy {
            // Others that are ready go first: what has come in meanwhile makes the batch bigger.
            yield_now().await;
            take_events(shard, sockets.get_mut(), &mut events);
            take_batches(shard, &mut inbox);
        }
        busy = shard.sessions.borrow_mut().turn();
        fetch::start(shard);
        door::answer_called(shard);
        conversation::start(shard);
        shard.turned.notify_waiters();
    }
}

/// Ticks that come late shift those after them, instead of coming all at once.
fn timer(period: Duration) -> Interval {
    let mut timer = interval(period);
    timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
    timer
}

fn take_batches(shard: &Shard, inbox: &mut Inbox) {
    if inbox.drain_into(&mut shard.sessions.borrow_mut()) {
        shard.moved.notify_waiters();
        shard.tell_if_warm();
    }
}

/// Takes every event that the kernel has, so that the outer readiness may be cleared.
fn take_events(shard: &Shard, poll: &mut mio::Poll, events: &mut mio::Events) {
    loop {
        match poll.poll(events, Some(Duration::ZERO)) {
            Ok(()) if events.is_empty() => return,
            Ok(()) => {
                let mut sessions = shard.sessions.borrow_mut();
                events.iter().for_each(|event| sessions.take_event(event));
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                tracing::error!(%error, "the sockets cannot be watched");
                return;
            }
        }
    }
}

fn tick(shard: &Shard, pulse: &Mutex<Pulse>) {
    let mut sessions = shard.sessions.borrow_mut();
    sessions.tick();
    let at = Instant::now();
    if let Ok(mut pulse) = pulse.lock() {
        *pulse = Pulse {
            at,
            gauges: sessions.hub.gauges(at),
            behind: sessions.hub.behind(),
            observers: sessions.observers(),
        };
    }
}

fn enter_phase(shard: &Shard, phase: Phase) {
    match phase {
        Phase::Starting | Phase::Serving => {}
        Phase::Draining => shard.sessions.borrow_mut().drain(shard.config().drain_spread),
    }
}
