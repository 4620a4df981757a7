//! What a client says over its WebSocket, as far as it has been heard.

use std::{collections::VecDeque, time::Duration};

use hub::Place;
use publication::{Pattern, SessionName};
use tokio::task::AbortHandle;

use crate::{
    command::Ask,
    websocket::{Incoming, Reader, Violation},
};

/// Publications of its own that a session is not shown, and that it has not come to yet. Beyond this
/// many it is shown them.
const MAX_UNECHOED: usize = 1_024;

/// The client's side of a session. One request at a time waits for its answer; until then nothing
/// more is heard, and the client's own socket holds it back.
pub(crate) struct Dialogue {
    /// By which others know the session.
    pub(crate) name: SessionName,
    /// Where those of its own publications stand that it is not shown.
    unechoed: VecDeque<Place>,
    /// Its channels, as they were asked for.
    pub(crate) patterns: Vec<Pattern>,
    /// Those among them that a backend gave it.
    pub(crate) given: Vec<Pattern>,
    pub(crate) request: Request,
    reader: Reader,
    /// What was read from the socket, and how much of it has been heard.
    unheard: Vec<u8>,
    heard: usize,
    /// What it may still ask for, and publish.
    requests: Allowance,
    publications: Allowance,
    /// When the message that is coming in was seen first, if one is.
    begun: Option<u32>,
    /// When it was pinged last, and how many pings it has not answered.
    pinged: u32,
    unanswered: u8,
}

/// How many more of something it may have at once, as of some millisecond of the shard's life.
struct Allowance {
    left: f32,
    counted: u32,
}

impl Allowance {
    /// As many as may ever be had at once.
    const fn full() -> Self {
        Self { left: f32::INFINITY, counted: 0 }
    }

    /// Takes one of so many a second, where 0 is no bound. False if there is none.
    fn take(&mut self, per_second: usize, now: u32) -> bool {
        if per_second == 0 {
            return true;
        }
        let most = per_second as f32;
        let passed = now.wrapping_sub(self.counted) as f32 / 1e3;
        self.left = (self.left + passed * most).min(most);
        self.counted = now;
        let has_one = self.left >= 1.0;
        if has_one {
            self.left -= 1.0;
        }
        has_one
    }
}

/// What has become of the request at hand.
pub(crate) enum Request {
    /// There is none.
    None,
    /// It is to be answered.
    Made(Box<Ask>),
    /// A task is at it.
    Answering { _ends_with_the_session: Task },
}

/// A task that is ended by dropping this.
pub(crate) struct Task(pub(crate) AbortHandle);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Dialogue {
    /// One that begins with what came in behind the handshake.
    pub(crate) fn new(patterns: Vec<Pattern>, unheard: Vec<u8>) -> Self {
        Self {
            name: SessionName(rand::random()),
            unechoed: VecDeque::new(),
            patterns,
            given: Vec::new(),
            request: Request::None,
            reader: Reader::default(),
            unheard,
            heard: 0,
            requests: Allowance::full(),
            publications: Allowance::full(),
            begun: None,
            pinged: 0,
            unanswered: 0,
        }
    }

    /// A publication of its own came that it is not to be shown.
    pub(crate) fn pass_over(&mut self, place: Place) {
        if self.unechoed.len() < MAX_UNECHOED {
            self.unechoed.push_back(place);
        }
    }

    /// The first place after this one at which it is not to be shown what stands there.
    pub(crate) fn passes_over(&mut self, after: Place) -> Option<Place> {
        while self.unechoed.pop_front_if(|place| *place <= after).is_some() {}
        self.unechoed.front().copied()
    }

    /// Places mean something else now.
    pub(crate) fn begin_anew(&mut self) {
        self.unechoed.clear();
    }

    /// Whether more may be heard: nothing waits for its answer.
    pub(crate) fn listens(&self) -> bool {
        matches!(self.request, Request::None)
    }

    /// These bytes came; all before them has been heard.
    pub(crate) fn hear(&mut self, bytes: &[u8]) {
        self.unheard.clear();
        self.unheard.extend_from_slice(bytes);
        self.heard = 0;
    }

    /// The next thing that was said. `None` if all that came has been heard.
    ///
    /// # Errors
    /// What may not be sent.
    pub(crate) fn next(&mut self, max: usize, now: u32) -> Result<Option<Incoming>, Violation> {
        let mut rest = &self.unheard[self.heard..];
        let incoming = self.reader.next(&mut rest, max)?;
        self.heard = self.unheard.len() - rest.len();
        if incoming.is_some() {
            self.unanswered = 0;
        } else {
            // Between two messages it holds nothing.
            (self.unheard, self.heard) = (Vec::new(), 0);
        }
        self.begun = if self.reader.has_begun() { self.begun.or(Some(now)) } else { None };
        Ok(incoming)
    }

    /// Counts a request against so many a second. False if it is one too many.
    pub(crate) fn may_ask(&mut self, per_second: usize, now: u32) -> bool {
        self.requests.take(per_second, now)
    }

    /// The same for a publication.
    pub(crate) fn may_publish(&mut self, per_second: usize, now: u32) -> bool {
        self.publications.take(per_second, now)
    }

    /// Whether a message has been coming in for longer than `limit`.
    pub(crate) fn dawdles(&self, limit: Duration, now: u32) -> bool {
        self.begun.is_some_and(|begun| Duration::from_millis(now.wrapping_sub(begun).into()) > limit)
    }

    /// Whether it is time for a ping.
    pub(crate) fn is_ping_due(&self, interval: Duration, now: u32) -> bool {
        Duration::from_millis(now.wrapping_sub(self.pinged).into()) >= interval
    }

    /// It is pinged. Returns how many pings before it were not answered; those do not count that came
    /// while its request waited for an answer, since nothing of it is heard then.
    pub(crate) fn ping(&mut self, now: u32) -> u8 {
        self.pinged = now;
        let before = self.unanswered;
        if self.listens() {
            self.unanswered = before.saturating_add(1);
        }
        before
    }
}
