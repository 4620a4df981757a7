//! What a session has to read goes to its socket: live, catching up and slow are one loop.

use std::io;

use bytes::Bytes;
use hub::{AudienceKey, Gap, Place, SessionKey, Step, Want};
use publication::Cursor;

use super::{Sessions, session_mut};
use crate::{access::WhenSlow, close::CloseReason, control, session::Session, tape::Latest, wire::write};

/// Bytes after which a session goes to the end of the ready list.
const SESSION_BYTES: usize = 256 * 1024;

/// What a write has come to.
enum Wrote {
    /// All that was to be written, so many bytes; there may be more.
    All(usize),
    /// A part; the socket is full.
    Some,
    /// There was nothing to write.
    Nothing,
}

impl Sessions {
    /// Writes to one session what it has to read, as far as the socket takes it and its share of
    /// the turn goes. Returns the number of writes.
    pub(super) fn serve(&mut self, key: SessionKey) -> usize {
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
        if session.flags.fetching {
            return Ok(Wrote::Nothing);
        }
        let lags = session.flags.lagging && session.when_slow == WhenSlow::Latest;
        let closes = session.flags.live && session.when_slow == WhenSlow::Close;
        if closes && self.hub.is_left_behind(key) {
            self.finish_slow(key);
            return Ok(Wrote::Nothing);
        }
        match self.hub.step(key, if lags { Want::Latest } else { Want::All }) {
            Step::Rest => {
                (session.flags.live, session.flags.lagging) = (true, false);
                self.release(self.hub.audience_of(key));
                Ok(Wrote::Nothing)
            }
            Step::Gap(gap) => {
                self.pin_gap(key, &gap);
                self.write_pinned(key)
            }
            Step::Fetch(after) => {
                session.flags.fetching = true;
                self.fetches.want(key, after);
                Ok(Wrote::Nothing)
            }
            Step::Read { after, until, latest } => self.write_page(key, after, until, latest),
        }
    }

    fn write_pinned(&mut self, key: SessionKey) -> io::Result<Wrote> {
        let now = self.millis();
        let Some(session) = session_mut(&mut self.slots, key) else { return Ok(Wrote::Nothing) };
        let flushed = session.wire.pinned.flush(&mut session.wire.socket)?;
        if flushed.bytes > 0 {
            session.last_write = now;
            self.tally.bytes += flushed.bytes as u64;
        }
        if !flushed.all {
            (session.flags.blocked, session.flags.lagging) = (true, true);
            return Ok(Wrote::Some);
        }
        session.delivered = session.delivered.saturating_add(flushed.frames);
        self.tally.frames += u64::from(flushed.frames);
        Ok(Wrote::All(flushed.bytes))
    }

    /// Writes the audience's page after `after`; what of a frame does not go out is pinned.
    fn write_page(&mut self, key: SessionKey, after: Place, until: Place, latest: bool) -> io::Result<Wrote> {
        let now = self.millis();
        let Some(session) = session_mut(&mut self.slots, key) else { return Ok(Wrote::Nothing) };
        let audience = self.hub.audience_of(key);
        let page = if latest {
            self.metrics.conflated.inc();
            self.tapes.newest(&self.hub, audience)
        } else {
            self.tapes.page(&self.hub, audience, after, until)
        };
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
        (session.flags.blocked, session.flags.lagging) = (true, true);
        session.wire.pinned.push(Bytes::copy_from_slice(progress.cut), 1);
        Ok(Wrote::Some)
    }

    fn pin_gap(&mut self, key: SessionKey, gap: &Gap) {
        self.metrics.count_gap(gap.reason);
        let audience = self.hub.audience_of(key);
        let Some(session) = session_mut(&mut self.slots, key) else { return };
        let mut out = Vec::new();
        control::write_gap(&mut out, session.encoding, gap);
        session.wire.pinned.push(out.into(), 0);
        if !session.flags.since_last {
            return;
        }
        let latest = self.latest(audience, gap.resume);
        if let Some(session) = session_mut(&mut self.slots, key) {
            pin_latest(session, latest, gap.cursor);
        }
    }

    /// The latest values of an audience's channels up to a place.
    pub(super) fn latest(&mut self, audience: AudienceKey, upto: Place) -> Latest {
        let access = &self.config.access;
        self.tapes.latest(&self.hub, audience, upto, self.now, |channel| access.keeps_last(channel))
    }
}

/// The latest values, and then the cursor from which to go on: they have no ids of their own.
pub(super) fn pin_latest(session: &mut Session, latest: Latest, cursor: Option<Cursor>) {
    session.wire.pinned.push(latest.bytes, latest.frames);
    let mut out = Vec::new();
    control::write_cursor(&mut out, session.encoding, cursor);
    session.wire.pinned.push(out.into(), 0);
}
