//! All sessions of a shard: they come, are written to, and go.

mod admission;
mod conversation;
mod delivery;
mod directives;
mod farewell;
mod overview;
mod sweep;
mod tracing;
mod waiting;
mod watching;

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Instant,
};

use hub::{AudienceKey, Hub, SessionKey};
use mio::{Registry, Token, event::Event};
use publication::{Arrival, Batch, Revocations, Roll, SessionName};
use slab::Slab;

pub(crate) use self::admission::{Newcomer, TurnedAway};
use self::{farewell::LEAVING, sweep::Sweep, waiting::Waiting, watching::Watching};
use crate::{
    census::Census,
    close::CloseReason,
    config::Config,
    dialogue::Dialogue,
    fetch::Fetches,
    metrics::Metrics,
    session::Session,
    tally::Tally,
    tape::Tapes,
    trace::Trace,
    wire::{Heard, Leaving},
};

/// Writes, and things heard, after which the runtime gets a turn, so that handshakes never wait for a
/// sweep, nor for a client that never stops.
const TURN_STEPS: usize = 256;
/// Of them, those between two looks at the clock.
const CLOCK_STEPS: usize = 32;

/// The sessions of a shard, and what they read.
pub(crate) struct Sessions {
    /// Which shard's they are.
    number: usize,
    pub(crate) hub: Hub,
    config: Arc<Config>,
    metrics: Metrics,
    census: Census,
    registry: Registry,
    tapes: Tapes,
    /// By the hub's key.
    slots: Vec<Option<Session>>,
    leaving: Slab<Leaving>,
    waiting: Waiting,
    /// Those who are shown how all is.
    observers: Vec<SessionKey>,
    /// Those of operators, who are no readers in a trace.
    operators: Vec<SessionKey>,
    traces: Vec<Trace>,
    watching: Watching,
    roll: Roll,
    /// Tokens that count no longer.
    revocations: Revocations,
    /// As of which change of them all sessions were looked at.
    revocations_seen: u64,
    /// Sessions that have something to do and a socket that may take it.
    ready: VecDeque<SessionKey>,
    woken: Vec<SessionKey>,
    /// Sessions that have made a request.
    asking: Vec<SessionKey>,
    /// Sessions that have published what they are not to be shown.
    unechoed: HashMap<SessionName, SessionKey>,
    /// Sessions that wait for something to be read back.
    fetches: Fetches,
    tally: Tally,
    /// Why newcomers are turned away, if they are.
    closed_for: Option<CloseReason>,
    started: Instant,
    now: Instant,
    sweep: Sweep,
}

impl Sessions {
    pub(crate) fn new(
        number: usize,
        config: Arc<Config>,
        metrics: Metrics,
        census: Census,
        roll: Roll,
        revocations: Revocations,
        registry: Registry,
    ) -> Self {
        let now = Instant::now();
        Self {
            number,
            hub: Hub::new(config.hub),
            tally: Tally::new(&metrics),
            config,
            metrics,
            census,
            registry,
            tapes: Tapes::default(),
            slots: Vec::new(),
            leaving: Slab::new(),
            waiting: Waiting::default(),
            observers: Vec::new(),
            operators: Vec::new(),
            traces: Vec::new(),
            watching: Watching::default(),
            roll,
            revocations,
            revocations_seen: 0,
            ready: VecDeque::new(),
            woken: Vec::new(),
            asking: Vec::new(),
            unechoed: HashMap::new(),
            fetches: Fetches::default(),
            closed_for: None,
            started: now,
            now,
            sweep: Sweep::default(),
        }
    }

    /// Goes on with other settings. Who is here stays, also where it would not be let in any more.
    pub(crate) fn reconfigure(&mut self, config: Arc<Config>) {
        self.hub.set_config(config.hub);
        if config.max_lifetime != self.config.max_lifetime {
            self.renew_lifetimes();
        }
        self.config = config;
    }

    /// Whether more may be taken. If not, sessions whose sockets are willing have not yet been
    /// served with what came before: history must not go on without them.
    pub(crate) fn has_room(&self) -> bool {
        self.hub.has_room()
    }

    /// Takes what arrived, from the arrival of this number on, for as long as there is room. Returns
    /// the number of the first that was not taken.
    pub(crate) fn append(&mut self, batch: &Batch, from: usize) -> usize {
        let mut upto = from;
        for arrival in &batch.arrivals[from..] {
            if !self.has_room() {
                break;
            }
            upto += 1;
            if matches!(arrival, Arrival::Anew { .. }) {
                self.begin_anew();
            }
            self.hub.append(arrival, batch.arrived);
            if !self.traces.is_empty() {
                self.trace_arrival(arrival, batch.arrived);
            }
            if let Arrival::Publication(publication) | Arrival::Entry(_, Some(publication)) = arrival
                && let Some(except) = publication.except()
            {
                self.pass_over(publication, except);
            }
        }
        if let Some(current) = batch.current
            && upto == batch.arrivals.len()
        {
            self.hub.set_current(current);
        }
        if upto > from {
            self.tally.note_arrival(self.hub.place(), batch.arrived);
        }
        upto
    }

    /// Places mean something else now. Whoever was owed latest values is told a gap, and gets them again.
    fn begin_anew(&mut self) {
        self.tapes = Tapes::default();
        self.tally.begin_anew();
        self.traces.iter_mut().for_each(Trace::begin_anew);
        for session in self.slots.iter_mut().flatten() {
            session.owed = None;
            if let Some(dialogue) = &mut session.dialogue {
                dialogue.begin_anew();
            }
        }
    }

    /// What a socket reported.
    pub(crate) fn take_event(&mut self, event: &Event) {
        let Token(token) = event.token();
        if let Some(leaving) = token.checked_sub(LEAVING) {
            if self.leaving.get_mut(leaving).is_some_and(|leaving| leaving.proceed(&mut self.tally)) {
                self.leaving.remove(leaving);
            }
            return;
        }
        // The table is indexed by the hub's keys, which have 32 bits.
        let key = token as SessionKey;
        let Some(session) = session_mut(&mut self.slots, key) else {
            return self.take_poll_event(key, event);
        };
        let came = event.is_readable() || event.is_read_closed() || event.is_error();
        if came && session.dialogue.is_some() {
            if event.is_error() {
                return self.drop_session(key, CloseReason::Gone);
            }
            session.flags.audible = true;
        } else if came {
            match session.wire.hear() {
                Heard::Nothing => {}
                Heard::TooMuch => return self.finish(key, CloseReason::Talkative),
                Heard::HungUp => return self.drop_session(key, CloseReason::Gone),
            }
        }
        let unblocked = event.is_writable() && std::mem::take(&mut session.flags.blocked);
        if unblocked || session.flags.audible {
            self.enqueue(key);
        }
    }

    /// Serves sessions that are ready, up to a bound. Returns whether some are left.
    pub(crate) fn turn(&mut self) -> bool {
        self.now = Instant::now();
        let mut woken = std::mem::take(&mut self.woken);
        self.hub.wake(&mut woken);
        for key in woken.drain(..) {
            self.enqueue(key);
        }
        self.woken = woken;
        let mut steps = 0;
        while steps < TURN_STEPS
            && let Some(key) = self.ready.pop_front()
        {
            let before = steps / CLOCK_STEPS;
            steps += self.serve(key);
            if steps / CLOCK_STEPS != before {
                self.now = Instant::now();
            }
        }
        self.tally.flush();
        if self.ready.is_empty() {
            self.hub.note_served();
        }
        !self.ready.is_empty()
    }

    /// Sessions of all shards, now.
    pub(crate) fn count_all(&self) -> usize {
        self.census.count()
    }

    /// What sessions want to have read back.
    pub(crate) fn fetches(&mut self) -> &mut Fetches {
        &mut self.fetches
    }

    /// Something was read back: those who waited look again.
    pub(crate) fn look_again(&mut self, waiting: Vec<SessionKey>) {
        for key in waiting {
            if let Some(session) = session_mut(&mut self.slots, key) {
                session.flags.fetching = false;
            }
            self.enqueue(key);
        }
    }

    fn session(&self, key: SessionKey) -> Option<&Session> {
        self.slots.get(key as usize)?.as_ref()
    }

    fn dialogue(&mut self, key: SessionKey) -> Option<&mut Dialogue> {
        session_mut(&mut self.slots, key)?.dialogue.as_deref_mut()
    }

    /// Has the session write this before anything else.
    fn pin(&mut self, key: SessionKey, bytes: Vec<u8>) {
        if let Some(session) = session_mut(&mut self.slots, key) {
            session.wire.pinned.push(bytes.into(), 0);
            self.enqueue(key);
        }
    }

    fn enqueue(&mut self, key: SessionKey) {
        let Some(session) = session_mut(&mut self.slots, key) else {
            // A poll that waits, or one that has gone.
            return self.ready.push_back(key);
        };
        if !std::mem::replace(&mut session.flags.queued, true) {
            self.ready.push_back(key);
        }
    }

    fn release(&mut self, audience: AudienceKey) {
        if self.hub.has_read_all(audience) {
            self.tapes.release(audience);
        }
    }

    fn millis(&self) -> u32 {
        // Wraps after 49 days; only differences are looked at.
        self.now.duration_since(self.started).as_millis() as u32
    }
}

fn session_mut(slots: &mut [Option<Session>], key: SessionKey) -> Option<&mut Session> {
    slots.get_mut(key as usize)?.as_mut()
}
