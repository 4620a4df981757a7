//! Sessions come, read, and leave.

use std::time::Instant;

use publication::Cursor;

use super::{Hub, range::Source};
use crate::{
    chart::Located,
    gap::{Gap, GapReason},
    keys::{AudienceKey, SessionKey, key},
    place::Place,
    selection::Selection,
    session::{Held, Position, Session, Start, Step, Want},
};

impl Hub {
    /// A session comes. A cursor that is not known yet is waited for, until all that the broker had
    /// taken before `now` has arrived.
    pub fn enter(&mut self, selection: &Selection, encoding: u8, start: Start, now: Instant) -> SessionKey {
        let audience = self.join(selection, encoding);
        let position = match start {
            Start::Live => Position::Reading(self.tip),
            Start::Earliest => Position::Reading(self.earliest()),
            Start::Unknown => Position::gapped(self.unknown_cursor(None)),
            Start::After(cursor) => self.position_after(audience, cursor, now),
        };
        let entry = self.sessions.vacant_entry();
        let session = key(entry.key());
        if position.waits_for().is_some() {
            self.waiting.push(session);
        }
        let seat = self.audiences.get_mut(audience).map_or(0, |audience| {
            audience.behind += 1;
            audience.seat(session)
        });
        self.behind += 1;
        entry.insert(Session { audience, seat, position });
        session
    }

    /// A session leaves. With the last one of an audience the audience goes too, and is returned.
    pub fn leave(&mut self, session: SessionKey) -> Option<AudienceKey> {
        let Session { audience, seat, position } = self.sessions.remove(session as usize);
        if position.waits_for().is_some() {
            self.waiting.retain(|other| *other != session);
        }
        self.unseat(audience, seat, !matches!(position, Position::Tip))
    }

    /// A session goes on with other channels, from where it is. Of the ones that are new it gets what
    /// comes after that. If its audience ends with it, that is returned.
    pub fn change(&mut self, session: SessionKey, selection: &Selection) -> Option<AudienceKey> {
        let before = self.audience_of(session);
        let (_, encoding) = self.audience(before)?;
        let after = self.join(selection, encoding);
        if after == before {
            return None;
        }
        // At the tip it would miss what has come for the audience that it leaves, and would be given
        // what has come for the other before.
        let place = self.place_at(session);
        let is_warm = self.is_warm();
        let standing = &mut self.sessions[session as usize];
        let (left, was_behind) = (standing.seat, !matches!(standing.position, Position::Tip));
        match standing.position {
            Position::Held(_) => {}
            // The stream is read anew: nobody reads, and all go on from where that ends.
            Position::Tip if !is_warm => {}
            Position::Tip | Position::Reading(_) => standing.position = Position::Reading(place),
        }
        let is_behind = !matches!(standing.position, Position::Tip);
        let seat = self.audiences.get_mut(after).map_or(0, |audience| {
            audience.behind += u32::from(is_behind);
            audience.seat(session)
        });
        self.behind += usize::from(is_behind);
        (standing.audience, standing.seat) = (after, seat);
        self.unseat(before, left, was_behind)
    }

    /// Clears a seat of an audience, of one that was `is_behind`. If the audience ends with that, it is
    /// returned.
    fn unseat(&mut self, audience_key: AudienceKey, seat: u32, is_behind: bool) -> Option<AudienceKey> {
        let audience = self.audiences.get_mut(audience_key)?;
        if is_behind {
            audience.behind -= 1;
            self.behind -= 1;
        }
        if let Some(moved) = audience.unseat(seat) {
            self.sessions[moved as usize].seat = seat;
        }
        if !audience.members.is_empty() {
            return None;
        }
        let selection = self.audiences.remove(audience_key);
        for name in selection.channels() {
            self.channels.unlisten(name, audience_key);
        }
        Some(audience_key)
    }

    /// Moves every session that now has something to read into `woken`. To be called after a round
    /// of appends.
    pub fn wake(&mut self, woken: &mut Vec<SessionKey>) {
        if !self.is_warm() {
            return;
        }
        self.rotation = self.rotation.wrapping_add(7_919);
        for audience in self.audiences.take_unread() {
            let Some(audience) = self.audiences.get_mut(audience) else { continue };
            let Some(after) = audience.unread_after.take() else { continue };
            let (later, first) = audience.members.split_at(self.rotation % audience.members.len().max(1));
            for member in first.iter().chain(later) {
                let position = &mut self.sessions[*member as usize].position;
                if let Position::Tip = position {
                    *position = Position::Reading(after);
                    woken.push(*member);
                }
            }
            let behind = key(audience.members.len());
            self.behind += (behind - audience.behind) as usize;
            audience.behind = behind;
        }
        self.settle_waiting(woken);
    }

    /// What to do next for a session, when [`Hub::wake`] has been called since the last append. After [`Step::Read`], say with [`Hub::advance`] how far it
    /// came and ask again.
    pub fn step(&mut self, session: SessionKey, want: Want) -> Step {
        let Session { audience, position, .. } = &self.sessions[session as usize];
        let (audience, after) = match position {
            Position::Tip => return Step::Rest,
            Position::Reading(after) => (*audience, *after),
            Position::Held(held) => match **held {
                Held::Waiting { .. } => return Step::Rest,
                Held::Gapped(gap) => return self.tell(session, gap),
            },
        };
        if after >= self.tip {
            return self.rest(session, audience);
        }
        let lost = match want {
            // Up to a break all is wanted: behind it, nothing supersedes what lay before.
            Want::Latest if self.history.break_after(after).is_none() => self.channels.forgotten() > after,
            Want::All | Want::Latest => self.is_left_behind(session),
        };
        let source = self.source(after, lost);
        match source {
            Source::Stream => return Step::Fetch(after.stream_cursor()),
            Source::Nowhere => {
                let gap = self.left_behind(after);
                return self.tell(session, gap);
            }
            Source::Memory | Source::Excerpt(_) => {}
        }
        match self.break_at(after) {
            Some(gap) => self.tell(session, gap),
            None => {
                let until = self.reach(after, source);
                let latest = want == Want::Latest && source == Source::Memory && until == self.tip;
                Step::Read { after, until, latest }
            }
        }
    }

    /// Whether memory no longer holds all that the session has still to read.
    pub fn is_left_behind(&mut self, session: SessionKey) -> bool {
        let Session { audience, position, .. } = &self.sessions[session as usize];
        match *position {
            Position::Reading(after) => self.earliest() > after && self.has_lost(*audience, after),
            Position::Tip | Position::Held(_) => false,
        }
    }

    /// The session has read up to `place`.
    pub fn advance(&mut self, session: SessionKey, place: Place) {
        self.sessions[session as usize].position = Position::Reading(place);
    }

    /// The audience of a session.
    #[must_use]
    pub fn audience_of(&self, session: SessionKey) -> AudienceKey {
        self.sessions[session as usize].audience
    }

    /// The channels and the encoding of an audience.
    #[must_use]
    pub fn audience(&self, key: AudienceKey) -> Option<(&Selection, u8)> {
        self.audiences.get(key).map(|audience| (&audience.selection, audience.encoding))
    }

    /// Whether all sessions of an audience have read all that there is for them.
    #[must_use]
    pub fn has_read_all(&self, key: AudienceKey) -> bool {
        self.audiences.get(key).is_none_or(|audience| audience.behind == 0)
    }

    /// How many sessions have something to read or wait for their cursor.
    #[must_use]
    pub fn behind(&self) -> usize {
        self.behind
    }

    /// Whether the session has read all that there is for it.
    #[must_use]
    pub fn at_tip(&self, session: SessionKey) -> bool {
        matches!(self.sessions[session as usize].position, Position::Tip)
    }

    /// Whether the session has read all that has arrived for it: what comes now comes after it.
    #[must_use]
    pub fn has_all(&self, session: SessionKey) -> bool {
        let Session { position, .. } = &self.sessions[session as usize];
        !matches!(position, Position::Held(_)) && self.place_at(session) == self.tip
    }

    /// Up to where the session has read, if it does not wait for its cursor or for a gap to be told.
    pub(super) fn place_at(&self, session: SessionKey) -> Place {
        let Session { position, audience, .. } = &self.sessions[session as usize];
        match position {
            Position::Reading(place) => *place,
            Position::Tip | Position::Held(_) => {
                let unread = self.audiences.get(*audience).and_then(|audience| audience.unread_after);
                unread.unwrap_or(self.tip)
            }
        }
    }

    /// Whether the session waits for its cursor to become known.
    #[must_use]
    pub fn is_waiting(&self, session: SessionKey) -> bool {
        self.sessions[session as usize].position.waits_for().is_some()
    }

    /// Why the session is to be told a gap before anything else, if so.
    #[must_use]
    pub fn pending_gap(&self, session: SessionKey) -> Option<GapReason> {
        match &self.sessions[session as usize].position {
            Position::Held(held) => match **held {
                Held::Gapped(gap) => Some(gap.reason),
                Held::Waiting { .. } => None,
            },
            Position::Tip | Position::Reading(_) => None,
        }
    }

    /// The cursor of what the session has read.
    #[must_use]
    pub fn cursor_at(&self, session: SessionKey) -> Option<Cursor> {
        match &self.sessions[session as usize].position {
            Position::Tip => self.tip(),
            Position::Reading(place) if *place == self.tip => self.tip(),
            Position::Reading(place) => self.cursor_of(*place),
            Position::Held(held) => match **held {
                Held::Waiting { cursor, .. } => Some(cursor),
                Held::Gapped(gap) => gap.after,
            },
        }
    }

    fn join(&mut self, selection: &Selection, encoding: u8) -> AudienceKey {
        let (audience, new) = self.audiences.join(selection, encoding);
        if new {
            for name in selection.channels() {
                self.channels.listen(name, audience);
            }
        }
        audience
    }

    fn rest(&mut self, session: SessionKey, audience: AudienceKey) -> Step {
        self.sessions[session as usize].position = Position::Tip;
        self.behind -= 1;
        if let Some(audience) = self.audiences.get_mut(audience) {
            audience.behind -= 1;
        }
        Step::Rest
    }

    fn tell(&mut self, session: SessionKey, gap: Gap) -> Step {
        self.advance(session, gap.resume);
        Step::Gap(gap)
    }

    fn position_after(&mut self, audience: AudienceKey, cursor: Cursor, since: Instant) -> Position {
        match self.locate(cursor) {
            Located::Foreign(place) => Position::gapped(self.foreign_cursor(place)),
            Located::Ahead if !self.is_current(since) => {
                Position::Held(Box::new(Held::Waiting { cursor, since }))
            }
            Located::Ahead | Located::Unknown => Position::gapped(self.unknown_cursor(Some(cursor))),
            Located::At(place)
                if !self.chart.is_stream() && self.earliest() > place && self.has_lost(audience, place) =>
            {
                Position::gapped(self.trimmed(place))
            }
            Located::At(place) => Position::Reading(place),
        }
    }

    /// The gap of a session that read so slowly that what it is owed is lost: it goes on with what
    /// the stream still holds, or else at the tip.
    fn left_behind(&self, place: Place) -> Gap {
        if self.chart.is_stream() {
            return self.trimmed(place);
        }
        let (after, resume, cursor) = (self.cursor_of(place), self.tip, self.tip());
        Gap { reason: GapReason::Overtaken, after, resume, cursor }
    }

    /// Looks again at the cursors that were not known, if anything has come since: a crowd that comes
    /// one by one must not make each turn look at all of it.
    fn settle_waiting(&mut self, woken: &mut Vec<SessionKey>) {
        if !std::mem::take(&mut self.unsettled) {
            return;
        }
        let mut waiting = std::mem::take(&mut self.waiting);
        waiting.retain(|session| {
            let waits = self.still_waits(*session);
            if !waits {
                woken.push(*session);
            }
            waits
        });
        waiting.shrink_to(2 * waiting.len());
        self.waiting = waiting;
    }

    /// Whether a session must go on waiting for its cursor; if not, it is where that has led it.
    fn still_waits(&mut self, session: SessionKey) -> bool {
        let Session { audience, position, .. } = &self.sessions[session as usize];
        let Some((cursor, since)) = position.waits_for() else { return false };
        if self.locate(cursor) == Located::Ahead && !self.is_current(since) {
            return true;
        }
        self.sessions[session as usize].position = self.position_after(*audience, cursor, since);
        false
    }

    /// Whether history lost something of the audience's channels after `place`.
    fn has_lost(&mut self, audience: AudienceKey, place: Place) -> bool {
        let newest = self.channels.newest_lost();
        let Some(audience) = self.audiences.get_mut(audience) else { return false };
        if audience.lost.searched < newest {
            let found = self.channels.lost_after(&audience.selection, audience.lost.searched);
            audience.lost.newest = audience.lost.newest.max(found);
            audience.lost.searched = newest;
        }
        audience.lost.newest > place
    }
}
