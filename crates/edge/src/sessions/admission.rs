//! Sessions come.

use std::{
    io,
    net::IpAddr,
    time::{Duration, Instant},
};

use hub::{AudienceKey, Place, SessionKey};
use mio::{Interest, Token};
use publication::SessionName;
use socket2::SockRef;

use super::Sessions;
use crate::{
    asker::Asker,
    census::{Claim, Crowded, Permit, Visit},
    close::CloseReason,
    control,
    dialogue::Dialogue,
    encoding::Encoding,
    load::Load,
    presence,
    present::{Present, Wish},
    request::{Since, Wanted},
    session::{Flags, Session},
    subscriber::Subscriber,
    wire::Wire,
};

/// A browser that is to become a session: its socket has left hyper, nothing is written yet.
pub(crate) struct Newcomer {
    pub(crate) socket: std::net::TcpStream,
    pub(crate) load: Load,
    pub(crate) subscriber: Subscriber,
    pub(crate) encoding: Encoding,
    /// What is to be written before anything else.
    pub(crate) head: Vec<u8>,
    /// Its permit, if it has one already.
    pub(crate) permit: Option<Permit>,
    pub(crate) dialogue: Option<Box<Dialogue>>,
}

/// Why one is turned away, and for how long.
pub(crate) struct TurnedAway {
    pub(crate) reason: CloseReason,
    pub(crate) away: Duration,
}

impl Sessions {
    /// Why a newcomer is turned away now, if so.
    pub(crate) fn refusal(&self) -> Option<CloseReason> {
        self.closed_for.or_else(|| (!self.hub.is_warm()).then_some(CloseReason::Starting))
    }

    /// Turns newcomers away from now on.
    pub(crate) fn close_for(&mut self, reason: CloseReason) {
        self.closed_for = Some(reason);
    }

    /// A permit for a newcomer.
    ///
    /// # Errors
    /// It is turned away.
    pub(crate) fn permit(&self, claim: Claim<'_>) -> Result<Permit, TurnedAway> {
        self.check_open()?;
        self.census.admit(claim).map_err(|crowded| self.turn_away(crowded))
    }

    /// A place for a connection that is no session.
    ///
    /// # Errors
    /// Its address has as many as it may.
    pub(crate) fn visit(&self, address: IpAddr) -> Result<Option<Visit>, Crowded> {
        self.census.visit(address)
    }

    /// A permit for a poll that waits.
    ///
    /// # Errors
    /// It is turned away.
    pub(crate) fn permit_to_wait(&self, claim: Claim<'_>) -> Result<Permit, TurnedAway> {
        self.census.admit_at_once(claim).map_err(|crowded| self.turn_away(crowded))
    }

    pub(super) fn turn_away(&self, crowded: Crowded) -> TurnedAway {
        let (reason, turn) = match crowded {
            Crowded::Full => (CloseReason::Overloaded, None),
            Crowded::Rush(turn) => (CloseReason::Overloaded, Some(turn)),
            Crowded::Address(turn) => (CloseReason::AddressLimit, turn),
            Crowded::Subject => (CloseReason::SubjectLimit, None),
        };
        // The turns are spread already; the jitter keeps those of several gateways apart.
        let away = turn.map_or_else(|| self.away(reason), |turn| turn + control::jittered(self.config.retry));
        TurnedAway { reason, away }
    }

    fn check_open(&self) -> Result<(), TurnedAway> {
        match self.refusal() {
            Some(reason) => Err(TurnedAway { reason, away: self.away(reason) }),
            None => Ok(()),
        }
    }

    /// Makes a session of a newcomer, or says good-bye.
    pub(crate) fn admit(&mut self, newcomer: Newcomer) {
        let Newcomer { socket, load, subscriber, encoding, head, permit, dialogue } = newcomer;
        let Subscriber { client, asker, wanted, start } = subscriber;
        let mut out = head;
        if let Err(error) = self.prepare(&socket) {
            tracing::debug!(%client, %error, "a connection broke before its session began");
            return;
        }
        let mut wire = Wire::new(mio::net::TcpStream::from_std(socket), client, load);
        // It may have closed since a permit was given out.
        let permit = match permit {
            Some(permit) => self.check_open().map(|()| permit),
            // It is to see also why nobody is let in.
            None if wanted.observes => Ok(self.census.admit_operator()),
            None if asker.operates => self.check_open().map(|()| self.census.admit_operator()),
            None => self.permit(Claim { address: client.address, identity: asker.identity.as_ref() }),
        };
        let permit = match permit {
            Ok(permit) => permit,
            Err(TurnedAway { reason, away }) => {
                self.metrics.count_rejected(reason.label());
                control::write_bye(&mut out, encoding, None, reason, away);
                return self.dismiss(wire, out, encoding, reason);
            }
        };
        let key = self.hub.enter(&wanted.selection, encoding.number(), start, Instant::now());
        let interest = Interest::READABLE | Interest::WRITABLE;
        if let Err(error) = self.registry.register(&mut wire.socket, Token(key as usize), interest) {
            tracing::error!(%error, "a socket cannot be watched");
            return self.forget(key);
        }
        let now = self.millis();
        // What came in behind a handshake is to be heard, and no event tells of it.
        let audible = dialogue.is_some();
        let flags = Flags { since_last: wanted.since_last, audible, ..Flags::default() };
        let when_slow = self.config.access.when_slow(&wanted.patterns);
        let name = dialogue.as_ref().map(|dialogue| dialogue.name);
        let present = self.begin_presence(key, name, &wanted, &asker);
        let mut session = Session {
            asker,
            when_slow,
            wire,
            encoding,
            flags,
            owed: None,
            dialogue,
            present,
            opened: now,
            last_write: now,
            delivered: 0,
            permit,
        };
        if session.asker.operates {
            self.operators.push(key);
        }
        if wanted.observes {
            self.observers.push(key);
        }
        self.greet(key, &mut session, wanted.since, out);
        self.insert(key, session);
    }

    /// Has a newcomer take part in presence, if it wants to; under `name`, if it has one already.
    fn begin_presence(
        &mut self,
        key: SessionKey,
        name: Option<SessionName>,
        wanted: &Wanted,
        asker: &Asker,
    ) -> Option<Box<Present>> {
        if !wanted.wish.is_something() {
            return None;
        }
        let name = name.unwrap_or_else(|| SessionName(rand::random()));
        let Wish { about, watches } = &wanted.wish;
        let about = about.as_deref().map(|member| presence::about(member, asker.identity.as_deref()));
        let wish = Wish { about, watches: *watches };
        let mut present = Present::new(name, self.roll.clone(), wish);
        self.begin_watching(key, &present);
        present.move_to(&wanted.patterns);
        Some(Box::new(present))
    }

    /// Pins the session's first words: the head and `fanfare.open`. Latest values follow if asked for.
    fn greet(&mut self, key: SessionKey, session: &mut Session, since: Since, mut out: Vec<u8>) {
        self.metrics.count_start(since, self.hub.is_waiting(key), self.hub.pending_gap(key));
        let last = since == Since::Last;
        // Without a cursor that could be read it has none until it has been told the gap: cut off
        // before, it must come back with what it had.
        let cursor = self.hub.cursor_at(key).filter(|_| !last);
        let (retry, heartbeat) = (self.config.retry, self.config.heartbeat);
        let present = session.present.as_ref().map(|present| present.name);
        let name = present.or_else(|| session.dialogue.as_ref().map(|dialogue| dialogue.name));
        control::write_open(&mut out, session.encoding, cursor, retry, heartbeat, name);
        session.wire.pinned.push(out.into(), 0);
        if last {
            session.owe_latest(self.latest_upto(self.hub.audience_of(key)));
        }
    }

    /// Up to which place a newcomer needs the latest values: those that others of its audience read
    /// already are as good if nothing has come for it since.
    fn latest_upto(&self, audience: AudienceKey) -> Place {
        let newest = self.hub.audience(audience).and_then(|(selection, _)| self.hub.newest(selection));
        let is_new = |at: &Place| newest.is_none_or(|entry| entry.place <= *at);
        self.tapes.latest_at(audience).filter(is_new).unwrap_or(self.hub.place())
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
        self.metrics.count_opened(session.encoding.transport());
        self.slots[index] = Some(session);
        self.enqueue(key);
    }
}
