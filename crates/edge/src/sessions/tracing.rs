//! What becomes of publications is noted while somebody follows them.

use std::time::{Duration, Instant};

use hub::{AudienceKey, Gap, Place, Selection, SessionKey};
use publication::{Arrival, Publication};

use super::Sessions;
use crate::{
    close::CloseReason,
    encoding::Encoding,
    survey::{Interest, SessionId},
    trace::{Arrived, Given, Trace},
};

impl Sessions {
    pub(super) fn trace_arrival(&mut self, arrival: &Arrival, at: Instant) {
        let (Arrival::Publication(publication) | Arrival::Entry(_, Some(publication))) = arrival else {
            return;
        };
        let place = self.hub.place();
        let cursor = self.hub.cursor_of(place).map(|cursor| cursor.to_string()).unwrap_or_default();
        let arrived = Arrived { publication, place, cursor, at, at_ms: self.tally.unix_millis(at) };
        let mut traces = std::mem::take(&mut self.traces);
        for trace in &mut traces {
            let concerns = match &trace.interest {
                Interest::Session(id) => self.shown_to(*id, publication).map(|channel| (channel, 1)),
                Interest::Channel(channel) => publication
                    .channels()
                    .find(|name| *name == &**channel)
                    .map(|channel| (channel, self.readers(channel))),
                Interest::Text(_) => None,
            };
            if let Some((channel, readers)) = concerns {
                trace.note_arrival(&arrived, channel, readers);
            }
        }
        self.traces = traces;
    }

    /// Under which channel a session is shown a publication, if it is.
    fn shown_to<'a>(&self, id: SessionId, publication: &'a Publication) -> Option<&'a str> {
        self.find(id)?;
        let (selection, _) = self.hub.audience(self.hub.audience_of(id.key))?;
        selection.shown(publication)
    }

    /// Sessions that read a channel, without those of operators.
    fn readers(&self, channel: &str) -> u32 {
        let is_written = |audience: &AudienceKey| {
            self.hub.audience(*audience).is_some_and(|(_, encoding)| encoding != Encoding::NONE)
        };
        let audiences: Vec<_> = self.hub.audiences_of(channel).into_iter().filter(is_written).collect();
        let all: usize = audiences.iter().map(|audience| self.hub.members(*audience).len()).sum();
        let is_one = |operator: &&SessionKey| audiences.contains(&self.hub.audience_of(**operator));
        // There are never so many.
        all.saturating_sub(self.operators.iter().filter(is_one).count()) as u32
    }

    /// A session has got what lies between the places, or `only` that of it.
    pub(super) fn trace_written(&mut self, key: SessionKey, between: (Place, Place), only: Option<&[Place]>) {
        let now = Instant::now();
        self.trace(key, between, |trace, given| trace.note_written(Given { only, ..given }, now));
    }

    /// A session has got these latest values.
    pub(super) fn trace_values(&mut self, key: SessionKey, between: (Place, Place), only: &[Place]) {
        let now = Instant::now();
        self.trace(key, between, |trace, given| trace.note_values(Given { only: Some(only), ..given }, now));
    }

    /// A session has been led on without being given anything, perhaps up to what is its own.
    pub(super) fn trace_passed(
        &mut self,
        key: SessionKey,
        (after, upto): (Place, Place),
        own: Option<Place>,
    ) {
        match own.filter(|own| *own == upto) {
            None => self.trace_written(key, (after, upto), Some(&[])),
            Some(own) => {
                self.trace_written(key, (after, own.before()), Some(&[]));
                self.trace(key, (own.before(), own), Trace::note_own);
            }
        }
    }

    /// An answer holds what a selection has in these places.
    pub(crate) fn trace_answer(&mut self, selection: &Selection, places: &[Place]) {
        let (Some(first), Some(last)) = (places.first(), places.last()) else { return };
        let given =
            Given { selection, opened: self.started, after: first.before(), upto: *last, only: Some(places) };
        for trace in &mut self.traces {
            if let Interest::Channel(channel) = &trace.interest
                && selection.matches(channel)
            {
                trace.note_answered(given);
            }
        }
    }

    /// Whether somebody follows anything.
    pub(crate) fn is_followed(&self) -> bool {
        !self.traces.is_empty()
    }

    pub(super) fn trace_gap(&mut self, key: SessionKey, gap: &Gap) {
        let after = gap.after.and_then(|after| self.hub.place_of(after)).unwrap_or(gap.resume);
        self.trace(key, (after, gap.resume), Trace::note_gap);
    }

    pub(super) fn trace_end(&mut self, key: SessionKey, opened: u32, reason: CloseReason) {
        // There are never so many shards.
        let id = SessionId { shard: self.number as u16, key, opened };
        for trace in &mut self.traces {
            if trace.interest == Interest::Session(id) {
                trace.ended = Some(reason);
            }
        }
    }

    fn trace(
        &mut self,
        key: SessionKey,
        (after, upto): (Place, Place),
        note: impl Fn(&mut Trace, Given<'_>),
    ) {
        let Some(session) = self.session(key) else { return };
        let Some((selection, _)) = self.hub.audience(self.hub.audience_of(key)) else { return };
        let is_reader = !session.asker.operates;
        let id = self.id(key, session);
        let opened = self.started + Duration::from_millis(session.opened.into());
        let given = Given { selection, opened, after, upto, only: None };
        for trace in &mut self.traces {
            let is_meant = match &trace.interest {
                Interest::Session(other) => *other == id,
                Interest::Channel(channel) => is_reader && selection.matches(channel),
                Interest::Text(_) => false,
            };
            if is_meant {
                note(trace, given);
            }
        }
    }
}
