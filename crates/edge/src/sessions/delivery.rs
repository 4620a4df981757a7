//! What a session has to read goes to its socket: live, catching up and slow are one loop.

use std::io;

use hub::{Gap, Place, SessionKey, Step, Want};

use super::{Sessions, session_mut};
use crate::{access::WhenSlow, close::CloseReason, control, session::Owed, wire::write};

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
    /// the turn goes; before that, hears what its client has to say. Returns how many steps that were.
    pub(super) fn serve(&mut self, key: SessionKey) -> usize {
        let Some(session) = session_mut(&mut self.slots, key) else {
            return self.look_for_news(key);
        };
        session.flags.queued = false;
        let (mut steps, mut bytes) = (0, 0);
        if session.flags.audible {
            steps += self.listen(key);
        }
        if session_mut(&mut self.slots, key).is_none_or(|session| session.flags.blocked) {
            return steps;
        }
        while bytes < SESSION_BYTES {
            match self.write_next(key) {
                Ok(Wrote::All(count)) => bytes += count,
                Ok(Wrote::Some) => return steps + 1,
                Ok(Wrote::Nothing) => return steps,
                Err(_) => {
                    self.drop_session(key, CloseReason::Gone);
                    return steps + 1;
                }
            }
            steps += 1;
        }
        self.enqueue(key);
        steps
    }

    /// Writes the next thing that the session is to get.
    fn write_next(&mut self, key: SessionKey) -> io::Result<Wrote> {
        let Some(session) = session_mut(&mut self.slots, key) else { return Ok(Wrote::Nothing) };
        if !session.wire.pinned.is_empty() {
            return self.write_pinned(key);
        }
        if session.owed.is_some() {
            return self.write_latest(key);
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
        }
        self.tally.count(session.encoding.transport(), flushed.bytes, flushed.frames as usize);
        if !flushed.all {
            (session.flags.blocked, session.flags.lagging) = (true, true);
            return Ok(Wrote::Some);
        }
        session.delivered = session.delivered.saturating_add(flushed.frames);
        if let Some(present) = &mut session.present {
            present.make_up();
        }
        Ok(Wrote::All(flushed.bytes))
    }

    /// Writes what a client that has ended its side is still to hear, as far as its socket takes that now.
    pub(super) fn write_last(&mut self, key: SessionKey) {
        // It is dropped in any case.
        let _ = self.write_pinned(key);
    }

    /// Writes the audience's page after `after`; what of a frame does not go out is pinned.
    fn write_page(&mut self, key: SessionKey, after: Place, until: Place, latest: bool) -> io::Result<Wrote> {
        let now = self.millis();
        let Some(session) = session_mut(&mut self.slots, key) else { return Ok(Wrote::Nothing) };
        let audience = self.hub.audience_of(key);
        let page = if latest {
            self.tapes.newest(&self.hub, audience)
        } else {
            self.tapes.page(&self.hub, audience, after, until)
        };
        let own = session.dialogue.as_mut().and_then(|dialogue| dialogue.passes_over(after));
        let (bytes, upto) = match own {
            None => (page.after(after), page.upto()),
            Some(own) => (page.between(after, own.before()), page.upto().min(own)),
        };
        if bytes.is_empty() {
            self.hub.advance(key, upto);
            if self.is_followed() {
                self.trace_passed(key, (after, upto), own);
            }
            return Ok(Wrote::All(0));
        }
        let count = write(&mut session.wire.socket, bytes)?;
        let progress = page.progress(after, count);
        self.hub.advance(key, progress.place);
        if latest && count > 0 {
            self.metrics.conflated.inc();
        }
        self.tally.count(session.encoding.transport(), count, progress.frames);
        session.took(count, progress.frames, now);
        if session.flags.live
            && let Some(first) = page.first_after(after)
        {
            self.tally.observe(first, self.now);
        }
        let (is_whole, upto) = (count == bytes.len(), progress.place);
        if !is_whole {
            session.block(progress.cut);
        }
        if !self.traces.is_empty() {
            let only = latest.then(|| page.places(after, upto));
            self.trace_written(key, (after, upto), only.as_deref());
        }
        Ok(if is_whole { Wrote::All(count) } else { Wrote::Some })
    }

    /// Writes a page of the latest values that the session is owed.
    fn write_latest(&mut self, key: SessionKey) -> io::Result<Wrote> {
        let (now, access) = (self.millis(), &self.config.access);
        let Some(session) = session_mut(&mut self.slots, key) else { return Ok(Wrote::Nothing) };
        let Some(owed) = &mut session.owed else { return Ok(Wrote::Nothing) };
        let Owed { after, upto } = **owed;
        if after >= upto {
            return self.close_latest(key);
        }
        let audience = self.hub.audience_of(key);
        let keeps = |channel: &str| access.keeps_last(channel);
        let page = self.tapes.latest(&self.hub, audience, (after, upto), self.now, keeps);
        let bytes = page.between(after, upto);
        if bytes.is_empty() {
            owed.after = page.upto();
            return Ok(Wrote::All(0));
        }
        let count = write(&mut session.wire.socket, bytes)?;
        let progress = page.progress(after, count);
        owed.after = progress.place;
        self.tally.count(session.encoding.transport(), count, progress.frames);
        session.took(count, progress.frames, now);
        let (is_whole, upto) = (count == bytes.len(), progress.place);
        if !is_whole {
            session.block(progress.cut);
        }
        if !self.traces.is_empty() {
            let only = page.places(after, upto);
            self.trace_values(key, (after, upto), &only);
        }
        Ok(if is_whole { Wrote::All(count) } else { Wrote::Some })
    }

    /// Tells the cursor from which the session goes on after the latest values: they had none.
    fn close_latest(&mut self, key: SessionKey) -> io::Result<Wrote> {
        let cursor = self.hub.cursor_at(key);
        let Some(session) = session_mut(&mut self.slots, key) else { return Ok(Wrote::Nothing) };
        session.owed = None;
        let mut out = Vec::new();
        control::write_cursor(&mut out, session.encoding, cursor);
        session.wire.pinned.push(out.into(), 0);
        self.write_pinned(key)
    }

    fn pin_gap(&mut self, key: SessionKey, gap: &Gap) {
        self.metrics.count_gap(gap.reason);
        if !self.traces.is_empty() {
            self.trace_gap(key, gap);
        }
        let Some(session) = session_mut(&mut self.slots, key) else { return };
        let mut out = Vec::new();
        control::write_gap(&mut out, session.encoding, gap);
        session.wire.pinned.push(out.into(), 0);
        if session.flags.since_last {
            session.owe_latest(gap.resume);
        }
    }
}
