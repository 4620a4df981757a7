//! How the broker is, for readiness and for people.

use std::time::Instant;

/// Published whenever it changes.
#[derive(Clone, Debug, Default)]
pub struct Status {
    /// The link works: beacons come back.
    pub connected: bool,
    /// When the first beacon was seen; before it no cursor can be given out.
    pub begun: Option<Instant>,
    /// Beacons of other gateways were seen.
    pub peers: bool,
    /// What last went wrong, in words.
    pub trouble: Option<String>,
}
