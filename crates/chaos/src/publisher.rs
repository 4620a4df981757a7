//! Publishes at a steady rate from a thread of its own, and notes what Redis acknowledged.
//!
//! Every number is sent once, on one connection after the other: only so is the order in which Redis
//! carries them out known. A connection that is silent is waited for, since what was sent on it may
//! still be carried out.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use crate::{broker::Broker, lab::Primary, ledger::Ledger, stamp};

/// Publications go out together, once in this time.
const TICK: Duration = Duration::from_millis(10);
/// Later than this, what is due is not made up for: the rate is what matters, not the count.
const MAX_LATE: Duration = Duration::from_millis(100);
/// Between two attempts to connect.
const PAUSE: Duration = Duration::from_millis(50);
/// Longer than any fault of a scenario holds an answer up.
const ANSWER_LIMIT: Duration = Duration::from_secs(60);
/// Fillers, if asked for, go through so many channel names that nobody listens to.
const FILLER_CHANNELS: u64 = 20_000;

/// What is published.
#[derive(Clone, Debug)]
pub(crate) struct Load {
    /// Publications a second, on all channels of the ledger in turn.
    pub(crate) rate: u32,
    /// The length of each.
    pub(crate) data_bytes: usize,
    /// With each tick, one more on ever another channel: it fills the gateways' last values.
    pub(crate) fillers: bool,
}

/// A running publisher; it stops when this is dropped.
pub(crate) struct Publisher {
    state: Arc<State>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct State {
    stopped: AtomicBool,
    paused: AtomicBool,
    /// Paused, with nothing under way.
    resting: AtomicBool,
    failures: AtomicU32,
}

struct Work {
    broker: Broker,
    primary: Primary,
    load: Load,
    ledger: Arc<Ledger>,
    state: Arc<State>,
    turn: usize,
    fillers: u64,
}

impl Publisher {
    /// Starts publishing.
    pub(crate) fn start(
        broker: Broker,
        primary: Primary,
        load: Load,
        ledger: Arc<Ledger>,
    ) -> std::io::Result<Self> {
        let state = Arc::new(State::default());
        let work = Work { broker, primary, load, ledger, state: Arc::clone(&state), turn: 0, fillers: 0 };
        let thread = thread::Builder::new().name("publisher".to_owned()).spawn(move || work.run())?;
        Ok(Self { state, thread: Some(thread) })
    }

    /// Pauses; when this returns nothing is under way.
    pub(crate) fn pause(&self) {
        self.state.paused.store(true, Ordering::SeqCst);
        while !self.state.resting.load(Ordering::SeqCst) {
            thread::sleep(TICK);
        }
    }

    /// Goes on after a pause.
    pub(crate) fn resume(&self) {
        self.state.paused.store(false, Ordering::SeqCst);
    }

    /// How often a connection to Redis broke or could not be had.
    pub(crate) fn failures(&self) -> u32 {
        self.state.failures.load(Ordering::Relaxed)
    }

    /// Stops; everything that will ever be acknowledged is.
    pub(crate) fn stop(&mut self) {
        self.state.stopped.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            // A panic in it has ended this process already.
            let _ = thread.join();
        }
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Work {
    fn run(mut self) {
        let mut connection = None;
        let mut began = Instant::now();
        let mut sent = 0;
        while !self.state.stopped.load(Ordering::SeqCst) {
            thread::sleep(TICK);
            let paused = self.state.paused.load(Ordering::SeqCst);
            self.state.resting.store(paused, Ordering::SeqCst);
            let due = (began.elapsed().as_secs_f64() * f64::from(self.load.rate)) as u64;
            let late = Duration::from_secs_f64((due - sent) as f64 / f64::from(self.load.rate));
            if paused || late > MAX_LATE {
                (began, sent) = (Instant::now(), 0);
                continue;
            }
            connection = connection.or_else(|| self.connect());
            if let Some(open) = &mut connection
                && due > sent
            {
                if self.publish(open, due - sent).is_err() {
                    self.note_failure();
                    connection = None;
                }
                sent = due;
            }
        }
    }

    fn connect(&self) -> Option<redis::Connection> {
        let connection = self.primary.connect().and_then(|connection| {
            connection.set_read_timeout(Some(ANSWER_LIMIT)).ok()?;
            Some(connection)
        });
        if connection.is_none() {
            self.note_failure();
            thread::sleep(PAUSE);
        }
        connection
    }

    fn publish(&mut self, connection: &mut redis::Connection, count: u64) -> redis::RedisResult<()> {
        let mut pipeline = redis::pipe();
        let mut numbers = Vec::new();
        for _ in 0..count {
            let channel = self.turn % self.ledger.channels();
            self.turn += 1;
            let number = self.ledger.begin(channel);
            numbers.push((channel, number));
            let data = stamp::encode(channel, number, self.load.data_bytes);
            pipeline.add_command(self.broker.publish_command(&stamp::channel_name(channel), &data)).ignore();
        }
        if self.load.fillers {
            let channel = format!("filler-{}", self.fillers % FILLER_CHANNELS);
            self.fillers += 1;
            pipeline.add_command(self.broker.publish_command(&channel, "filler")).ignore();
        }
        // One error among the answers leaves all of them in doubt, which only means that nobody counts
        // on them.
        pipeline.query::<()>(connection)?;
        for (channel, number) in numbers {
            self.ledger.acknowledge(channel, number);
        }
        Ok(())
    }

    fn note_failure(&self) {
        self.state.failures.fetch_add(1, Ordering::Relaxed);
    }
}
