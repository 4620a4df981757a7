//! The load generator: one epoll loop that opens, reads and checks every session.

mod opening;
mod waiting;

use std::collections::VecDeque;
use std::net::SocketAddrV4;
use std::time::Duration;

use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::time::Timespec;
use slab::Slab;

use crate::Result;
use crate::clock;
use crate::interrupt;
use crate::session::{Session, Stage, Subscription};
use crate::stream::Malformed;
use crate::tally::Tally;
use crate::transport::Transport;

/// Connections that are opened but not live yet; a page reload of a whole site is not gentler.
pub(crate) const MAX_IN_FLIGHT: usize = 2_000;
/// All sessions share it: what a read brings is parsed before the next one.
const READ_BUFFER_BYTES: usize = 256 * 1024;
const MAX_EVENTS_PER_TURN: usize = 1_024;

/// The sessions of one measurement, all on one server.
pub(crate) struct Generator {
    /// What has come so far.
    pub(crate) tally: Tally,
    server: SocketAddrV4,
    run: u32,
    transport: Transport,
    awaits_open: bool,
    epoll: OwnedFd,
    sessions: Slab<Session>,
    waiting: VecDeque<Subscription>,
    in_flight: usize,
    live: usize,
    opened: u32,
    read_buffer: Vec<u8>,
    /// What a server wants to hear at once, for the moment between a read and a write.
    answers: Vec<u8>,
    events: Vec<epoll::Event>,
}

impl Generator {
    /// A generator without sessions. `awaits_open`: the server sends `fanfare.open`.
    pub(crate) fn new(
        server: SocketAddrV4,
        run: u32,
        transport: Transport,
        awaits_open: bool,
    ) -> Result<Generator> {
        Ok(Generator {
            tally: Tally::new(),
            server,
            run,
            transport,
            awaits_open,
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
            sessions: Slab::new(),
            waiting: VecDeque::new(),
            in_flight: 0,
            live: 0,
            opened: 0,
            read_buffer: vec![0; READ_BUFFER_BYTES],
            answers: Vec::new(),
            events: Vec::with_capacity(MAX_EVENTS_PER_TURN),
        })
    }

    /// Sessions that are live now.
    pub(crate) fn live(&self) -> usize {
        self.live
    }

    /// Asks for sessions; they open while the generator runs, a bounded number at a time.
    pub(crate) fn subscribe(&mut self, subscriptions: impl IntoIterator<Item = Subscription>) {
        self.waiting.extend(subscriptions);
    }

    /// Stops reading from some sessions; their sockets stay open.
    pub(crate) fn pause(&mut self, some: impl Fn(usize) -> bool) -> Result<()> {
        for (key, session) in &self.sessions {
            if let Some(socket) = session.socket.as_ref().filter(|_| some(key)) {
                epoll::delete(&self.epoll, socket)?;
            }
        }
        Ok(())
    }

    /// Reads again from sessions that were paused.
    pub(crate) fn unpause(&mut self, some: impl Fn(usize) -> bool) -> Result<()> {
        for (key, session) in &self.sessions {
            if let Some(socket) = session.socket.as_ref().filter(|_| some(key)) {
                let token = EventData::new_u64(key as u64);
                epoll::add(&self.epoll, socket, token, EventFlags::IN)?;
            }
        }
        Ok(())
    }

    /// Closes sessions until only this many are left.
    pub(crate) fn shrink_to(&mut self, keep: usize) {
        let surplus = self.sessions.len().saturating_sub(keep);
        let keys: Vec<usize> = self.sessions.iter().map(|(key, _)| key).collect();
        for key in keys.into_iter().rev().take(surplus) {
            let session = self.sessions.remove(key);
            self.live -= usize::from(session.stage == Stage::Live);
        }
    }

    /// Counts as lost what has not come by now, given how many were published on each channel.
    pub(crate) fn finish(&mut self, published: impl Fn(u32) -> u32) {
        for (_, session) in &self.sessions {
            session.checker.finish(&published, &mut self.tally.faults);
        }
    }

    /// Opens what may be opened, waits for readiness and serves it once.
    fn turn(&mut self, sleep: Duration) -> Result<()> {
        interrupt::check()?;
        while self.in_flight < MAX_IN_FLIGHT
            && let Some(subscription) = self.waiting.pop_front()
        {
            self.open(&subscription)?;
        }
        let timeout = Timespec::try_from(sleep)?;
        match epoll::wait(&self.epoll, spare_capacity(&mut self.events), Some(&timeout)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let mut events = std::mem::take(&mut self.events);
        for event in events.drain(..) {
            let key = event.data.u64() as usize;
            match self.sessions.get(key).map(|session| session.stage) {
                Some(Stage::Connecting) => self.send_request(key)?,
                Some(Stage::Asked | Stage::Live) => self.read(key),
                Some(Stage::Ended) | None => {}
            }
        }
        self.events = events;
        Ok(())
    }

    fn read(&mut self, key: usize) {
        let session = &mut self.sessions[key];
        let Some(socket) = &session.socket else { return };
        let was = session.stage;
        match rustix::io::read(socket, &mut self.read_buffer[..]) {
            Ok(0) => self.end(key),
            Ok(length) => {
                let bytes = &self.read_buffer[..length];
                self.tally.received_bytes += length as u64;
                let outcome = session.receive(bytes, clock::now_nanos(), &mut self.answers, &mut self.tally);
                if was == Stage::Asked && session.stage == Stage::Live {
                    self.in_flight -= 1;
                    self.live += 1;
                }
                if let Err(malformed) = outcome.and_then(|()| self.answer(key)) {
                    self.tally.malformed = Some(malformed.0);
                    // They were for this session, which is over.
                    self.answers.clear();
                    self.end(key);
                }
            }
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(_) => self.end(key),
        }
    }

    /// Writes what the server wants to hear.
    fn answer(&mut self, key: usize) -> std::result::Result<(), Malformed> {
        if self.answers.is_empty() {
            return Ok(());
        }
        let length = self.answers.len();
        let written = match &self.sessions[key].socket {
            Some(socket) => rustix::io::write(socket, &self.answers),
            None => Ok(length),
        };
        self.answers.clear();
        match written {
            Ok(written) if written == length => Ok(()),
            Ok(_) | Err(Errno::AGAIN) => Err(Malformed("it does not read what it asked for")),
            // A broken connection is seen by reading on.
            Err(_) => Ok(()),
        }
    }

    /// The server, not the scenario, ended a session: it is kept, because what it misses is lost.
    fn end(&mut self, key: usize) {
        let session = &mut self.sessions[key];
        self.tally.ended += 1;
        match session.stage {
            Stage::Live => self.live -= 1,
            _ => self.in_flight -= 1,
        }
        session.stage = Stage::Ended;
        session.socket = None;
    }
}
