//! What comes out of the broker, in the one order that all gateways see.

use std::{sync::Arc, time::Instant};

use crate::{cursor::BeaconId, publication::Publication};

/// One step of the order. Everything but a beacon counts one in the numbers of cursors, valid or
/// not, since that is what every other gateway counts too.
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
}

/// Arrivals that were read together, and when.
#[derive(Debug)]
pub struct Batch {
    /// When the batch was read from the broker; delivery times count from here.
    pub arrived: Instant,
    /// In order, at least one.
    pub arrivals: Vec<Arrival>,
}
