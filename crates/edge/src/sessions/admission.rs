//! Sessions come.

use std::{io, net::SocketAddr};

use bytes::Bytes;
use hub::SessionKey;
use hyper::HeaderMap;
use mio::{Interest, Token};
use socket2::SockRef;

use super::Sessions;
use crate::{
    close::CloseReason,
    control,
    encoding::Encoding,
    head,
    load::Load,
    request::{CURSOR_WAIT, Since, Wanted},
    session::{Flags, Session, Wire},
};

/// A browser that is to become a session: its socket has left hyper, nothing is written yet.
pub(crate) struct Newcomer {
    pub(crate) socket: std::net::TcpStream,
    pub(crate) peer: SocketAddr,
    pub(crate) wanted: Wanted,
    pub(crate) chunked: bool,
    pub(crate) cors: Option<HeaderMap>,
    pub(crate) load: Load,
}

impl Sessions {
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
}
