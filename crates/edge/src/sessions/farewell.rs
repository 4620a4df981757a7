//! Sessions go.

use std::time::Duration;

use hub::SessionKey;
use mio::{Interest, Token};
use publication::Cursor;

use super::Sessions;
use crate::{
    close::CloseReason,
    control,
    encoding::Encoding,
    session::Session,
    sse,
    transport::Transport,
    websocket,
    wire::{Leaving, Wire},
};

/// How long a session that has ended may take to hear its last words.
const LINGER: Duration = Duration::from_secs(2);
/// Tokens from here on belong to sessions that have ended.
pub(super) const LEAVING: usize = 1 << 32;

impl Sessions {
    /// Ends a session with a bye that holds its place.
    pub(crate) fn finish(&mut self, key: SessionKey, reason: CloseReason) {
        let Some(session) = super::session_mut(&mut self.slots, key) else {
            // The hub knows nothing of a key that nobody has.
            return;
        };
        // Cut off from latest values, it must come back with what it had.
        let cursor = if session.owed.is_none() { self.hub.cursor_at(key) } else { None };
        self.say_bye(key, reason, cursor);
    }

    /// Ends a session of which memory no longer holds all that it is owed. It has its place: the
    /// last that it received.
    pub(super) fn finish_slow(&mut self, key: SessionKey) {
        self.say_bye(key, CloseReason::Slow, None);
    }

    fn say_bye(&mut self, key: SessionKey, reason: CloseReason, cursor: Option<Cursor>) {
        let Some(session) = self.remove(key, reason) else { return };
        let Session { wire, encoding, .. } = session;
        let mut out = Vec::new();
        control::write_bye(&mut out, encoding, cursor, reason, self.away(reason));
        self.dismiss(wire, out, encoding, reason);
    }

    /// Closes a WebSocket with this code, without a bye: its client has closed it, or would not
    /// understand one.
    pub(super) fn close(&mut self, key: SessionKey, reason: CloseReason, code: Option<u16>, words: &str) {
        let Some(Session { wire, encoding, .. }) = self.remove(key, reason) else { return };
        let mut out = Vec::new();
        websocket::write_close(&mut out, code, words);
        self.part(wire, out, encoding.transport());
    }

    /// How long to stay away after an end for this reason.
    pub(crate) fn away(&self, reason: CloseReason) -> Duration {
        control::jittered(self.config.retry.mul_f64(reason.patience()))
    }

    /// Ends a session that can no longer be told.
    pub(super) fn drop_session(&mut self, key: SessionKey, reason: CloseReason) {
        drop(self.remove(key, reason));
    }

    fn remove(&mut self, key: SessionKey, reason: CloseReason) -> Option<Session> {
        let session = self.slots.get_mut(key as usize)?.take()?;
        self.forget(key);
        self.observers.retain(|observer| *observer != key);
        self.operators.retain(|operator| *operator != key);
        if !self.traces.is_empty() {
            self.trace_end(key, session.opened, reason);
        }
        if let Some(dialogue) = &session.dialogue {
            self.unechoed.remove(&dialogue.name);
        }
        if let Some(present) = &session.present {
            self.forget_watcher(key, present);
        }
        self.metrics.count_closed(session.encoding.transport(), reason);
        if self.config.log_sessions {
            let lasted = Duration::from_millis(self.millis().saturating_sub(session.opened).into());
            tracing::info!(
                reason = reason.label(),
                client = %session.wire.client,
                seconds = lasted.as_secs_f32(),
                delivered = session.delivered,
                "a session ended"
            );
        }
        Some(session)
    }

    pub(super) fn forget(&mut self, key: SessionKey) {
        let audience = self.hub.audience_of(key);
        match self.hub.leave(key) {
            Some(ended) => self.tapes.remove(ended),
            None => self.release(audience),
        }
    }

    /// Sends a socket its last words: what is pinned, `out`, and what ends the transport.
    pub(super) fn dismiss(&mut self, wire: Wire, mut out: Vec<u8>, encoding: Encoding, reason: CloseReason) {
        match encoding {
            Encoding::Events(form) if form.chunked => out.extend_from_slice(sse::LAST_CHUNK),
            Encoding::Events(_) => {}
            Encoding::WebSocket => websocket::write_close(&mut out, Some(reason.code()), reason.label()),
        }
        self.part(wire, out, encoding.transport());
    }

    fn part(&mut self, mut wire: Wire, out: Vec<u8>, transport: Transport) {
        wire.pinned.push(out.into(), 0);
        let interest = Interest::READABLE | Interest::WRITABLE;
        let mut leaving = Leaving::new(wire, transport, self.now + LINGER);
        if leaving.proceed(&mut self.tally) {
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
}
