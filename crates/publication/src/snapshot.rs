//! What one gateway knows, for another that starts.

use std::sync::Arc;

use crate::{
    cursor::{BeaconId, Cursor},
    publication::Publication,
};

/// A bounded picture of history, latest values and cursors, where places are counted.
///
/// Places are those of the gateway that took it. They mean something to another only together:
/// who takes the picture as its own goes on counting from `place`.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// Where it was taken.
    pub place: u64,
    /// The newest beacon before it.
    pub beacon: Option<BeaconId>,
    /// Where that beacon stands.
    pub beacon_place: u64,
    /// The beacons by sender.
    pub senders: Vec<Sender>,
    /// The publications in order of their places: first those of which only the latest values are
    /// left, then history.
    pub publications: Vec<Known>,
    /// How many of them belong to history: the newest.
    pub history: usize,
    /// Where the order broke: the place, and the cursors of the places before and at it.
    pub breaks: Vec<(u64, Option<Cursor>, Cursor)>,
    /// The newest place that history lost, of each channel that has a state.
    pub lost: Vec<(String, u64)>,
    /// The newest place that any other channel can have lost.
    pub forgotten: u64,
}

/// The beacons of one gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sender {
    /// The gateway.
    pub gateway: u64,
    /// The counter of the first.
    pub first: u32,
    /// Where each begins, and how long its stretch is.
    pub stretches: Vec<(u64, u32)>,
}

/// A publication and where it stands.
#[derive(Clone, Debug)]
pub struct Known {
    /// Its place.
    pub place: u64,
    /// Its cursor.
    pub cursor: Cursor,
    /// The publication, as old as it was when the picture was taken.
    pub publication: Arc<Publication>,
}
