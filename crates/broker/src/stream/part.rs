//! Makes an excerpt of what two reads around a place have brought.

use std::sync::Arc;

use publication::{Cursor, EntryId, Excerpt, Publication};

use super::{ZERO, survey::Survey};

/// Behind everything: what the stream holds begins where memory does.
const NOTHING_HELD: EntryId = EntryId { ms: u64::MAX, seq: 0 };

/// The entries on one side of a place, in the order in which they were read.
#[derive(Default)]
pub(super) struct Side {
    pub(super) publications: Vec<(EntryId, Arc<Publication>)>,
    /// The first and the last entry that was read, whether it holds a publication or not.
    ends: Option<(EntryId, EntryId)>,
    count: usize,
    bytes: usize,
    /// What came after this was too much.
    is_full: bool,
}

impl Side {
    /// Takes the next entry, unless those before it had so many bytes.
    pub(super) fn take(&mut self, id: EntryId, publication: Option<Publication>, max_bytes: usize) {
        self.is_full |= self.bytes > max_bytes;
        if self.is_full {
            return;
        }
        let (first, _) = self.ends.unwrap_or((id, id));
        self.ends = Some((first, id));
        self.count += 1;
        if let Some(publication) = publication {
            self.bytes += publication.bytes();
            self.publications.push((id, Arc::new(publication)));
        }
    }
}

/// What was read around a place: Redis was asked for the stream as a whole, then for what comes after
/// the place, then for what comes before it. In this order: if there still is something before, then
/// nothing behind it had been trimmed when it was read.
pub(super) struct Around {
    pub(super) place: Cursor,
    pub(super) survey: Option<Survey>,
    /// What comes after the place, and how many were asked for.
    pub(super) forward: Side,
    pub(super) forward_limit: usize,
    /// What comes before it, the newest first, and how many were asked for.
    pub(super) back: Side,
    pub(super) back_limit: usize,
}

impl Around {
    pub(super) fn excerpt(self, epoch: u64) -> Excerpt {
        let Self { place, survey, forward, forward_limit, back, back_limit } = self;
        let Some(survey) = survey else { return nothing(epoch) };
        let reaches_start = back.count < back_limit && !back.is_full;
        let reaches_end = forward.count < forward_limit && !forward.is_full;
        let oldest = back.ends.map(|(_, oldest)| oldest).or(forward.ends.map(|(oldest, _)| oldest));
        let newest = forward.ends.map(|(_, newest)| newest).or(back.ends.map(|(newest, _)| newest));
        let (Some(oldest), Some(newest)) = (oldest, newest) else { return nothing(epoch) };
        // Who knows of nothing but the beginning has missed nothing if all is there.
        let from_zero = matches!(place, Cursor::After(ZERO) | Cursor::Before(ZERO));
        let untrimmed = survey.is_complete() && survey.first == Some(oldest);
        let complete = reaches_start && from_zero && untrimmed;
        Excerpt {
            after: if complete { Cursor::After(ZERO) } else { Cursor::Before(oldest) },
            // What stands between the newest entry and the end has been deleted.
            upto: if reaches_end { newest.max(survey.last) } else { newest },
            reaches_start,
            epoch,
            publications: back.publications.into_iter().rev().chain(forward.publications).collect(),
        }
    }
}

/// The stream holds nothing.
fn nothing(epoch: u64) -> Excerpt {
    Excerpt {
        after: Cursor::After(NOTHING_HELD),
        upto: NOTHING_HELD,
        reaches_start: true,
        epoch,
        publications: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use publication::Draft;

    use super::*;

    fn id(number: u64) -> EntryId {
        EntryId { ms: number, seq: 0 }
    }

    fn publication() -> Publication {
        Publication::new(&Draft { channel: "a", data: "x", ..Draft::default() }, 9).expect("valid")
    }

    proptest! {
        /// However the stream is trimmed or deleted from between the reads, an excerpt never claims a
        /// stretch of which it lacks an entry that was there when the first read began, and it lets
        /// whoever asked go on.
        #[test]
        fn an_excerpt_holds_what_it_claims(
            count in 0u64..30,
            place in 0u64..35,
            before: bool,
            trims in prop::collection::vec(0u64..12, 2),
            deleted in prop::collection::btree_set(1u64..30, 0..6),
            limits in (1usize..8, 1usize..8),
            max_bytes in 0usize..500,
        ) {
            let last = if count == 0 { ZERO } else { id(count) };
            let there = |trimmed: u64| (1..=count).filter(|number| *number > trimmed && !deleted.contains(number)).collect::<Vec<_>>();
            let survey = Survey { last, first: there(0).first().map(|number| id(*number)), length: there(0).len() as u64, added: Some(count) };
            let cursor = if before { Cursor::Before(id(place)) } else { Cursor::After(id(place)) };
            let is_before = |number: u64| if before { number < place } else { number <= place };
            let (mut forward, mut back) = (Side::default(), Side::default());
            there(trims[0]).into_iter().filter(|number| !is_before(*number)).take(limits.0).for_each(|number| forward.take(id(number), Some(publication()), max_bytes));
            let later = there(trims[0] + trims[1]);
            later.into_iter().rev().filter(|number| is_before(*number)).take(limits.1).for_each(|number| back.take(id(number), Some(publication()), max_bytes));
            let around = Around { place: cursor, survey: Some(survey), forward, forward_limit: limits.0, back, back_limit: limits.1 };
            let excerpt = around.excerpt(1);
            let order = |cursor: Cursor| cursor.on_stream().expect("on a stream");
            let held: Vec<EntryId> = excerpt.publications.iter().map(|(id, _)| *id).collect();
            prop_assert!(held.is_sorted());
            for number in there(0) {
                let claimed = order(excerpt.after) < (id(number), true) && id(number) <= excerpt.upto;
                prop_assert!(!claimed || held.contains(&id(number)), "{number} is missing");
            }
            let goes_on = order(excerpt.after) <= order(cursor) && order(cursor) < (excerpt.upto, true);
            let told = excerpt.reaches_start && order(cursor) < order(excerpt.after);
            let at_end = order(cursor) >= (last, true);
            prop_assert!(goes_on || told || at_end, "whoever asked goes on");
        }
    }
}
