//! What becomes of publications, for operators who ask why one did not arrive: noted while somebody looks, at the
//! places where it happens.

use std::{collections::VecDeque, sync::Arc, time::Instant};

use hub::{Place, Selection};
use publication::Publication;

use crate::{
    close::CloseReason,
    survey::{Interest, TraceRow},
};

/// Publications whose way is remembered.
const MAX_ROWS: usize = 50;

/// One thing that is followed.
pub(crate) struct Trace {
    pub(crate) interest: Interest,
    pub(crate) ended: Option<CloseReason>,
    rows: VecDeque<Row>,
}

/// The way of one publication.
struct Row {
    place: Place,
    arrived: Instant,
    publication: Arc<Publication>,
    seen: TraceRow,
}

/// A publication that has arrived.
pub(crate) struct Arrived<'a> {
    pub(crate) publication: &'a Arc<Publication>,
    pub(crate) place: Place,
    pub(crate) cursor: String,
    pub(crate) at: Instant,
    /// In milliseconds since 1970.
    pub(crate) at_ms: u64,
}

/// A session that was given something, and what.
#[derive(Clone, Copy)]
pub(crate) struct Given<'a> {
    pub(crate) selection: &'a Selection,
    /// When it came.
    pub(crate) opened: Instant,
    /// What lies behind the one place, up to the other.
    pub(crate) after: Place,
    pub(crate) upto: Place,
    /// Where these alone were given of what lies there, in order: else all was.
    pub(crate) only: Option<&'a [Place]>,
}

impl Trace {
    pub(crate) fn new(interest: Interest) -> Self {
        Self { interest, ended: None, rows: VecDeque::new() }
    }

    /// Places mean something else now: what has been noted stays as it is.
    pub(crate) fn begin_anew(&mut self) {
        self.rows.iter_mut().for_each(|row| row.place = Place::START);
    }

    /// A publication has arrived that concerns so many sessions under this channel.
    pub(crate) fn note_arrival(&mut self, arrived: &Arrived<'_>, channel: &str, matched: u32) {
        let Arrived { publication, place, cursor, at, at_ms } = arrived;
        if self.rows.len() == MAX_ROWS {
            self.rows.pop_front();
        }
        let on_the_way_ms = place.added_ms().map(|added| at_ms.cast_signed() - added.cast_signed());
        let seen = TraceRow {
            cursor: cursor.clone(),
            channel: channel.to_owned(),
            event: publication.event().map(str::to_owned),
            bytes: publication.data().len(),
            arrived_ms: *at_ms,
            on_the_way_ms,
            matched,
            written: 0,
            later: 0,
            superseded: 0,
            own: 0,
            in_gap: 0,
            answered: 0,
            first_ms: None,
            last_ms: None,
        };
        self.rows.push_back(Row { place: *place, arrived: *at, publication: Arc::clone(publication), seen });
    }

    /// A socket took what a session was given; what it was not given is superseded.
    pub(crate) fn note_written(&mut self, given: Given<'_>, now: Instant) {
        for row in self.rows.iter_mut().filter(|row| row.concerns(given)) {
            match (row.is_among(given), given.opened > row.arrived) {
                (true, true) => row.seen.later += 1,
                (true, false) => row.note_written(now),
                (false, true) => {}
                (false, false) => row.seen.superseded += 1,
            }
        }
    }

    /// A socket took latest values: a newcomer's, or those of a session that was told a gap over them.
    pub(crate) fn note_values(&mut self, given: Given<'_>, now: Instant) {
        for row in self.rows.iter_mut().filter(|row| row.concerns(given) && row.is_among(given)) {
            if given.opened > row.arrived {
                row.seen.later += 1;
            } else {
                row.seen.in_gap = row.seen.in_gap.saturating_sub(1);
                row.note_written(now);
            }
        }
    }

    /// It was in the answer to a poll, or to a session that asked for further channels.
    pub(crate) fn note_answered(&mut self, given: Given<'_>) {
        let rows = self.rows.iter_mut().filter(|row| row.concerns(given) && row.is_among(given));
        rows.for_each(|row| row.seen.answered += 1);
    }

    /// A session has published it and does not want it back.
    pub(crate) fn note_own(&mut self, given: Given<'_>) {
        self.rows.iter_mut().filter(|row| row.concerns(given)).for_each(|row| row.seen.own += 1);
    }

    /// A session was told a gap over it.
    pub(crate) fn note_gap(&mut self, given: Given<'_>) {
        self.rows.iter_mut().filter(|row| row.concerns(given)).for_each(|row| row.seen.in_gap += 1);
    }

    pub(crate) fn rows(&self) -> Vec<TraceRow> {
        self.rows.iter().map(|row| row.seen.clone()).collect()
    }
}

impl Row {
    fn concerns(&self, given: Given<'_>) -> bool {
        self.place > given.after
            && self.place <= given.upto
            && given.selection.shown(&self.publication).is_some()
    }

    fn is_among(&self, given: Given<'_>) -> bool {
        given.only.is_none_or(|only| only.binary_search(&self.place).is_ok())
    }

    fn note_written(&mut self, now: Instant) {
        let took = now.saturating_duration_since(self.arrived).as_secs_f64() * 1e3;
        self.seen.written += 1;
        self.seen.first_ms.get_or_insert(took);
        self.seen.last_ms = Some(took);
    }
}
