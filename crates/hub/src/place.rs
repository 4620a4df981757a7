//! A position in this process's order of publications.

use publication::{Cursor, EntryId};

/// As a position it is exclusive: delivery goes on *after* it. Places mean nothing outside the
/// process; cursors are their public form.
///
/// Where the broker gives no ids, places count what arrived, from 1. On a stream the place is the
/// id: odd for an entry, even for what lies right before it, so that a loss has a place of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// Milliseconds of an id; 0 where places are counted.
    high: u64,
    /// The count, or twice the number within the millisecond, and one for an entry.
    low: u64,
}

/// The greatest number within a millisecond that a place has room for. Redis counts from 0 in each.
const MAX_SEQ: u64 = u64::MAX / 2 - 1;

impl Place {
    /// Before everything.
    pub const START: Self = Self { high: 0, low: 0 };

    /// The place of an entry of a stream.
    #[must_use]
    pub const fn of(EntryId { ms, seq }: EntryId) -> Self {
        let seq = if seq < MAX_SEQ { seq } else { MAX_SEQ };
        Self { high: ms, low: 2 * seq + 1 }
    }

    /// The place with this number, where places are counted.
    pub(crate) const fn counted(number: u64) -> Self {
        Self { high: 0, low: number }
    }

    /// The number of this place, where places are counted.
    pub(crate) const fn number(self) -> u64 {
        self.low
    }

    /// When the entry of this place was added to the stream, in milliseconds since 1970 by the clock
    /// of Redis; `None` where places are counted.
    #[must_use]
    pub const fn added_ms(self) -> Option<u64> {
        if self.high == 0 { None } else { Some(self.high) }
    }

    /// The place of what arrives next where places are counted, and of a loss behind this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self { low: self.low + 1, ..self }
    }

    /// The place before this one; the start has none before it and stays.
    #[must_use]
    pub const fn before(self) -> Self {
        match (self.high, self.low) {
            (0, 0) => self,
            (high, 0) => Self { high: high - 1, low: u64::MAX },
            (high, low) => Self { high, low: low - 1 },
        }
    }

    /// How many places this one lies behind `earlier`, where places are counted; 0 if it does not.
    #[must_use]
    pub const fn since(self, earlier: Self) -> u64 {
        self.low.saturating_sub(earlier.low)
    }

    /// Half way to `later`, rounded up, where places are counted.
    #[must_use]
    pub(crate) const fn middle(self, later: Self) -> Self {
        Self { low: self.low + later.since(self).div_ceil(2), ..self }
    }

    /// The place `count` arrivals further on, where places are counted.
    #[must_use]
    pub const fn plus(self, count: u32) -> Self {
        Self { low: self.low + count as u64, ..self }
    }

    /// Whether this is, on a stream, the place of a loss.
    pub(crate) const fn is_loss(self) -> bool {
        self.low.is_multiple_of(2)
    }

    /// The place on a stream that a cursor means.
    pub(crate) const fn on_stream(cursor: Cursor) -> Option<Self> {
        match cursor {
            Cursor::After(id) => Some(Self::of(id)),
            Cursor::Before(id) => Some(Self::of(id).before()),
            Cursor::Counted { .. } => None,
        }
    }

    /// The cursor of this place on a stream.
    pub(crate) const fn stream_cursor(self) -> Cursor {
        let id = EntryId { ms: self.high, seq: self.low / 2 };
        if self.is_loss() { Cursor::Before(id) } else { Cursor::After(id) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn places_on_a_stream_are_in_the_order_of_ids(one: (u32, u64), two: (u32, u64)) {
            let id = |(ms, seq): (u32, u64)| EntryId { ms: ms.into(), seq: seq / 2 % MAX_SEQ };
            let (one, two) = (id(one), id(two));
            prop_assert_eq!(Place::of(one).cmp(&Place::of(two)), one.cmp(&two));
            for cursor in [Cursor::After(one), Cursor::Before(one)] {
                let place = Place::on_stream(cursor).unwrap();
                prop_assert_eq!(place.stream_cursor(), cursor);
                prop_assert_eq!(place.is_loss(), cursor == Cursor::Before(one));
            }
            prop_assert!(Place::of(one).before() < Place::of(one));
            prop_assert!(Place::of(one).next() > Place::of(one));
        }
    }
}
