//! All sessions of a shard: they come, are written to, and go.

mod sweep;

use std::{
    collections::VecDeque,
    io,
    net::SocketAddr,
    rc::Rc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use hub::{AudienceKey, Gap, Hub, Place, SessionKey, Step};
use hyper::HeaderMap;
use mio::{Interest, Registry, Token, event::Event};
use publication::Batch;
use slab::Slab;
use socket2::SockRef;

use self::sweep::Sweep;
use crate::{
    census::Census,
    close::CloseReason,
    config::Config,
    control,
    encoding::Encoding,
    head,
    load::Load,
    metrics::Metrics,
    request::{CURSOR_WAIT, Since, Wanted},
    session::{Flags, Heard, Leaving, Session, Wire, write},
    sse,
    tally::Tally,
    tape::Tapes,
};

/// Writes after which the runtime gets a turn, so that handshakes never wait for a sweep.
const TURN_WRITES: usize = 256;
/// Bytes after which a session goes to the end of the ready list.
const SESSION_BYTES: usize = 256 * 1024;
/// Writes between two looks at the clock.
const CLOCK_WRITES: usize = 32;
/// How long a session that has ended may take to hear its last words.
const LINGER: Duration = Duration::from_secs(2);
/// Tokens from here on belong to sessions that have ended.
const LEAVING: usize = 1 << 32;

/// A browser that is to become a session: its socket has left hyper, nothing is written yet.
pub(crate) struct Newcomer {
    pub(crate) socket: std::net::TcpStream,
    pub(crate) peer: SocketAddr,
    pub(crate) wanted: Wanted,
    pub(crate) chunked: bool,
    pub(crate) cors: Option<HeaderMap>,
    pub(crate) load: Load,
}

/// The sessions of a shard, and what they read.
pub(crate) struct Sessions {
    pub(crate) hub: Hub,
    config: Rc<Config>,
    metrics: Metrics,
    census: Census,
    registry: Registry,
    tapes: Tapes,
    /// By the hub's key.
    slots: Vec<Option<Session>>,
    leaving: Slab<Leaving>,
    /// Sessions that have something to do and a socket that may take it.
    ready: VecDeque<SessionKey>,
    woken: Vec<SessionKey>,
    tally: Tally,
    /// Why newcomers are turned away, if they are.
    closed_for: Option<CloseReason>,
    started: Instant,
    now: Instant,
    sweep: Sweep,
}

impl Sessions {
    pub(crate) fn new(config: Rc<Config>, metrics: Metrics, census: Census, registry: Registry) -> Self {
        let now = Instant::now();
        Self {
            hub: Hub::new(config.hub),
            tally: Tally::new(&metrics),
            config,
            metrics,
            census,
            registry,
            tapes: Tapes::default(),
            slots: Vec::new(),
            leaving: Slab::new(),
            ready: VecDeque::new(),
            woken: Vec::new(),
            closed_for: None,
            started: now,
            now,
            sweep: Sweep::default(),
        }
    }

    // ---- publications

    /// Takes what arrived.
    pub(crate) fn append(&mut self, batch: &Batch) {
        for arrival in &batch.arrivals {
            self.hub.append(arrival);
        }
        self.tally.note_arrival(self.hub.place(), batch.arrived);
    }

    // ---- coming

    /// Why a newcomer is turned away now, if so.
    pub(crate) fn refusal(&self) -> Option<CloseReason> {
        self.closed_for.or_else(|| self.hub.tip().is_none().then_some(CloseReason::Starting))
    }

    /// Turns newcomers away from now on.
    pub(crate) fn close_for(&mut self, reason: CloseReason) {
        self.closed_for = Some(reason);
    }

    /// Makes a session of a newcomer, or says good-bye.
    pub(crate) fn admit(&mut self, newcomer: Newcomer) {
        let Newcomer { socket, peer, wanted, chunked, cors, load } = newcomer;
        let encoding = Encoding { envelope: wanted.envelope, chunked };
        let mut out = head::event_stream(chunked, cors.as_ref());
        if let Err(error) = self.prepare(&socket) {
            tracing::debug!(%peer, %error, "a connection broke before its session began");
            return;
        }
        let socket = mio::net::TcpStream::from_std(socket);
        let permit = match self.refusal() {
            Some(reason) => Err(reason),
            None => self.census.admit().ok_or(CloseReason::Overloaded),
        };
        match permit {
            Err(reason) => {
                self.metrics.count_rejected(reason.label());
                control::write_bye(&mut out, encoding, None, reason, self.config.retry);
                let wire = Wire::new(socket, Bytes::new(), peer, load);
                self.dismiss(wire, out, encoding);
            }
            Ok(permit) => {
                let key = self.enter(&wanted, encoding, &mut out);
                let flags = Flags { since_last: wanted.since == Since::Last, ..Flags::default() };
                let now = self.millis();
                let mut wire = Wire::new(socket, out.into(), peer, load);
                let interest = Interest::READABLE | Interest::WRITABLE;
                if let Err(error) = self.registry.register(&mut wire.socket, Token(key as usize), interest) {
                    tracing::error!(%error, "a socket cannot be watched");
                    self.forget(key);
                    return;
                }
                let session = Session {
                    wire,
                    encoding,
                    flags,
                    opened: now,
                    last_write: now,
                    delivered: 0,
                    _permit: permit,
                };
                self.insert(key, session);
            }
        }
    }

    /// Enters the hub and adds the session's first words to `out`.
    fn enter(&mut self, wanted: &Wanted, encoding: Encoding, out: &mut Vec<u8>) -> SessionKey {
        let start = wanted.since.start();
        self.metrics.count_start(&self.hub, &wanted.selection, start);
        let key = self.hub.enter(&wanted.selection, encoding.number(), start, self.now + CURSOR_WAIT);
        let config = &self.config;
        if wanted.since == Since::Last {
            control::write_open(out, encoding, None, config.retry, config.heartbeat);
            out.extend_from_slice(&self.tapes.latest(&self.hub, self.hub.audience_of(key)));
        } else {
            let cursor = self.hub.cursor_at(key).or_else(|| self.hub.tip());
            control::write_open(out, encoding, cursor, config.retry, config.heartbeat);
        }
        key
    }

    fn prepare(&self, socket: &std::net::TcpStream) -> io::Result<()> {
        socket.set_nonblocking(true)?;
        let options = SockRef::from(socket);
        // The kernel would else hold megabytes for a reader that has stalled.
        options.set_send_buffer_size(self.config.send_buffer_bytes)?;
        #[cfg(target_os = "linux")]
        options.set_tcp_user_timeout(Some(self.config.write_timeout))?;
        Ok(())
    }

    fn insert(&mut self, key: SessionKey, session: Session) {
        let index = key as usize;
        if index >= self.slots.len() {
            self.slots.resize_with(index + 1, || None);
        }
        self.slots[index] = Some(session);
        self.metrics.sse_sessions.inc();
        self.metrics.sse_opened.inc();
        self.enqueue(key);
    }

    // ---- going

    /// Ends a session with a bye that holds its place.
    pub(crate) fn finish(&mut self, key: SessionKey, reason: CloseReason) {
        let cursor = self.hub.cursor_at(key);
        let Some(session) = self.remove(key, reason) else { return };
        let Session { wire, encoding, .. } = session;
        let mut out = Vec::new();
        control::write_bye(&mut out, encoding, cursor, reason, self.config.retry);
        self.dismiss(wire, out, encoding);
    }

    /// Ends a session that can no longer be told.
    fn drop_session(&mut self, key: SessionKey, reason: CloseReason) {
        drop(self.remove(key, reason));
    }

    fn remove(&mut self, key: SessionKey, reason: CloseReason) -> Option<Session> {
        let session = self.slots.get_mut(key as usize)?.take()?;
        self.forget(key);
        self.metrics.sse_sessions.dec();
        self.metrics.count_closed(reason);
        if self.config.log_sessions {
            let lasted = Duration::from_millis(self.millis().saturating_sub(session.opened).into());
            tracing::info!(
                reason = reason.label(),
                peer = %session.wire.peer,
                seconds = lasted.as_secs_f32(),
                delivered = session.delivered,
                "a session ended"
            );
        }
        Some(session)
    }

    fn forget(&mut self, key: SessionKey) {
        let audience = self.hub.audience_of(key);
        self.hub.leave(key);
        self.release(audience);
    }

    /// Sends a socket its last words: what is pinned, `out`, and the end of the body.
    fn dismiss(&mut self, mut wire: Wire, mut out: Vec<u8>, encoding: Encoding) {
        if encoding.chunked {
            out.extend_from_slice(sse::LAST_CHUNK);
        }
        wire.pinned = [&wire.pinned, &out[..]].concat().into();
        let interest = Interest::READABLE | Interest::WRITABLE;
        let mut leaving = Leaving::new(wire, self.now + LINGER);
        if leaving.proceed() {
            return;
        }
        let entry = self.leaving.vacant_entry();
        let token = Token(LEAVING + entry.key());
        let socket = &mut leaving.wire.socket;
        // One that was a session is registered already, a newcomer is not.
        let registered = self
            .registry
            .reregister(socket, token, interest)
            .or_else(|_| self.registry.register(socket, token, interest));
        if registered.is_ok() {
            entry.insert(leaving);
        }
    }

    // ---- writing

    /// What a socket reported.
    pub(crate) fn take_event(&mut self, event: &Event) {
        let Token(token) = event.token();
        if let Some(leaving) = token.checked_sub(LEAVING) {
            if self.leaving.get_mut(leaving).is_some_and(Leaving::proceed) {
                self.leaving.remove(leaving);
            }
            return;
        }
        let Some(session) = self.slots.get_mut(token).and_then(Option::as_mut) else { return };
        // The table is indexed by the hub's keys, which have 32 bits.
        let key = token as SessionKey;
        if event.is_readable() || event.is_read_closed() || event.is_error() {
            match session.wire.hear() {
                Heard::Nothing => {}
                Heard::TooMuch => return self.finish(key, CloseReason::Talkative),
                Heard::HungUp => return self.drop_session(key, CloseReason::Gone),
            }
        }
        if event.is_writable() && session.flags.blocked {
            session.flags.blocked = false;
            self.enqueue(key);
        }
    }

    /// Serves sessions that are ready, up to a bound. Returns whether some are left.
    pub(crate) fn turn(&mut self) -> bool {
        self.now = Instant::now();
        let mut woken = std::mem::take(&mut self.woken);
        self.hub.wake(self.now, &mut woken);
        for key in woken.drain(..) {
            self.enqueue(key);
        }
        self.woken = woken;
        let mut writes = 0;
        while writes < TURN_WRITES
            && let Some(key) = self.ready.pop_front()
        {
            let before = writes / CLOCK_WRITES;
            writes += self.serve(key);
            if writes / CLOCK_WRITES != before {
                self.now = Instant::now();
            }
        }
        self.tally.flush();
        !self.ready.is_empty()
    }

    /// Writes to one session what it has to read, as far as the socket takes it and its share of
    /// the turn goes. Returns the number of writes.
    fn serve(&mut self, key: SessionKey) -> usize {
        let Some(session) = session_mut(&mut self.slots, key) else { return 0 };
        session.flags.queued = false;
        if session.flags.blocked {
            return 0;
        }
        let (mut writes, mut bytes) = (0, 0);
        while bytes < SESSION_BYTES {
            match self.write_next(key) {
                Ok(Wrote::All(count)) => bytes += count,
                Ok(Wrote::Some) => return writes + 1,
                Ok(Wrote::Nothing) => return writes,
                Err(_) => {
                    self.drop_session(key, CloseReason::Gone);
                    return writes + 1;
                }
            }
            writes += 1;
        }
        self.enqueue(key);
        writes
    }

    /// Writes the next thing that the session is to get.
    fn write_next(&mut self, key: SessionKey) -> io::Result<Wrote> {
        let Some(session) = session_mut(&mut self.slots, key) else { return Ok(Wrote::Nothing) };
        if !session.wire.pinned.is_empty() {
            return self.write_pinned(key);
        }
        match self.hub.step(key) {
            Step::Rest => {
                session.flags.live = true;
                self.release(self.hub.audience_of(key));
                Ok(Wrote::Nothing)
            }
            Step::Gap(gap) => {
                self.pin_gap(key, &gap);
                self.write_pinned(key)
            }
            Step::Read { after, until } => self.write_page(key, after, until),
        }
    }

    fn write_pinned(&mut self, key: SessionKey) -> io::Result<Wrote> {
        let now = self.millis();
        let Some(session) = session_mut(&mut self.slots, key) else { return Ok(Wrote::Nothing) };
        let count = session.wire.flush()?;
        if count > 0 {
            session.last_write = now;
            self.tally.bytes += count as u64;
        }
        if !session.wire.pinned.is_empty() {
            session.flags.blocked = true;
            return Ok(Wrote::Some);
        }
        if std::mem::take(&mut session.flags.cut) {
            session.delivered = session.delivered.saturating_add(1);
            self.tally.frames += 1;
        }
        Ok(Wrote::All(count))
    }

    /// Writes the audience's page after `after`; what of a frame does not go out is pinned.
    fn write_page(&mut self, key: SessionKey, after: Place, until: Place) -> io::Result<Wrote> {
        let now = self.millis();
        let Some(session) = session_mut(&mut self.slots, key) else { return Ok(Wrote::Nothing) };
        let page = self.tapes.page(&self.hub, self.hub.audience_of(key), after, until);
        let bytes = page.after(after);
        if bytes.is_empty() {
            self.hub.advance(key, page.upto());
            return Ok(Wrote::All(0));
        }
        let count = write(&mut session.wire.socket, bytes)?;
        let progress = page.progress(after, count);
        self.hub.advance(key, progress.place);
        self.tally.bytes += count as u64;
        self.tally.frames += progress.frames as u64;
        if count > 0 {
            session.last_write = now;
            // One session never gets four billion frames in one write.
            session.delivered = session.delivered.saturating_add(progress.frames as u32);
        }
        if session.flags.live
            && let Some(first) = page.first_after(after)
        {
            self.tally.observe(first, self.now);
        }
        if count == bytes.len() {
            return Ok(Wrote::All(count));
        }
        session.flags.blocked = true;
        if !progress.cut.is_empty() {
            session.wire.pinned = Bytes::copy_from_slice(progress.cut);
            session.flags.cut = true;
        }
        Ok(Wrote::Some)
    }

    fn pin_gap(&mut self, key: SessionKey, gap: &Gap) {
        self.metrics.count_gap(gap.reason);
        let audience = self.hub.audience_of(key);
        let Some(session) = session_mut(&mut self.slots, key) else { return };
        let mut out = Vec::new();
        control::write_gap(&mut out, session.encoding, gap);
        if session.flags.since_last {
            out.extend_from_slice(&self.tapes.latest(&self.hub, audience));
        }
        session.wire.pinned = out.into();
    }

    fn enqueue(&mut self, key: SessionKey) {
        if let Some(session) = session_mut(&mut self.slots, key)
            && !std::mem::replace(&mut session.flags.queued, true)
        {
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

/// What a write has come to.
enum Wrote {
    /// All that was to be written, so many bytes; there may be more.
    All(usize),
    /// A part; the socket is full.
    Some,
    /// There was nothing to write.
    Nothing,
}

fn session_mut(slots: &mut [Option<Session>], key: SessionKey) -> Option<&mut Session> {
    slots.get_mut(key as usize)?.as_mut()
}
