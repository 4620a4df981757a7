//! What comes out of the broker, in the one order that all gateways see.

use std::{sync::Arc, time::Instant};

use crate::{
    cursor::{BeaconId, Cursor, EntryId},
    publication::Publication,
    snapshot::Snapshot,
};

/// One step of the order. Where places are counted, everything but a beacon counts one, valid or
/// not, since that is what every other gateway counts too; on a stream each entry has its id.
#[derive(Clone, Debug)]
pub enum Arrival {
    /// A valid publication.
    Publication(Arc<Publication>),
    /// Something that counts but is not delivered: a publication that was not valid.
    Skipped,
    /// A beacon: cursors of what follows count from it.
    Beacon(BeaconId),
    /// The first beacon after a stretch in which publications may have been lost.
    Break(BeaconId),
    /// What another gateway knows, where places are counted: this one knows nothing yet, and goes
    /// on from there.
    Known(Arc<Snapshot>),
    /// The next entry of a stream; `None` if it holds no valid publication.
    Entry(EntryId, Option<Arc<Publication>>),
    /// Entries of the stream behind this one may have been lost.
    Loss(EntryId),
    /// What follows is all that the stream holds behind an entry; what was known of it before, if
    /// anything, no longer holds.
    Anew {
        /// How many times the stream has been begun with.
        epoch: u64,
        /// The entry.
        after: EntryId,
    },
    /// With this, all has arrived that the stream held when it was begun with.
    Warm,
}

/// A part of a stream that was read back, for those whom memory has left behind.
#[derive(Debug)]
pub struct Excerpt {
    /// It holds all publications after this place ...
    pub after: Cursor,
    /// ... up to and with this entry.
    pub upto: EntryId,
    /// Before `after` the stream holds nothing any more.
    pub reaches_start: bool,
    /// The epoch in which this was read: what was read of another stream is of no use.
    pub epoch: u64,
    /// The publications, in order.
    pub publications: Vec<(EntryId, Arc<Publication>)>,
}

impl Excerpt {
    /// About how much memory its publications hold.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.publications.iter().map(|(_, publication)| publication.bytes()).sum()
    }
}

/// Arrivals that were read together, and when.
#[derive(Debug)]
pub struct Batch {
    /// When the batch was read from the broker; delivery times count from here.
    pub arrived: Instant,
    /// In order; none if there is only something to say of the time.
    pub arrivals: Vec<Arrival>,
    /// With these, all has arrived that the broker had taken by then. `None` if nothing is proven.
    pub current: Option<Instant>,
}
