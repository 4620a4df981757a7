//! The beacons of this gateway: sent, and back again.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use publication::BeaconId;

/// Beacons that may be on their way; of older ones the round trip is not measured.
const MAX_SENT: usize = 64;

/// What this gateway sent, and when the link was last proven by it.
pub(crate) struct OwnBeacons {
    /// The next one.
    next: BeaconId,
    /// Those on their way, with the time they were sent.
    sent: VecDeque<(BeaconId, Instant)>,
    proven: Instant,
}

impl OwnBeacons {
    /// A gateway's, with a name that no other start of any gateway has.
    pub(crate) fn new() -> Self {
        let next = BeaconId { gateway: rand::random(), counter: 0 };
        Self { next, sent: VecDeque::new(), proven: Instant::now() }
    }

    /// The beacon to send now.
    pub(crate) fn send(&mut self) -> BeaconId {
        let id = self.next;
        self.next.counter = id.counter.wrapping_add(1);
        if self.sent.len() == MAX_SENT {
            self.sent.pop_front();
        }
        self.sent.push_back((id, Instant::now()));
        id
    }

    /// The name of this gateway.
    pub(crate) fn gateway(&self) -> u64 {
        self.next.gateway
    }

    pub(crate) fn is_own(&self, id: BeaconId) -> bool {
        id.gateway == self.next.gateway
    }

    /// An own beacon came back; returns how long it took, if that is known.
    pub(crate) fn came_back(&mut self, id: BeaconId) -> Option<Duration> {
        let index = self.sent.iter().position(|(sent, _)| *sent == id)?;
        self.sent.drain(..=index).next_back().map(|(_, at)| at.elapsed())
    }

    /// The link is proven to work now, or is new and gets its time.
    pub(crate) fn prove(&mut self) {
        self.proven = Instant::now();
    }

    /// How long the link has not been proven.
    pub(crate) fn silence(&self) -> Duration {
        self.proven.elapsed()
    }
}
