//! How the broker is, for readiness and for people.

use std::time::Instant;

/// Published whenever it changes.
#[derive(Clone, Debug, Default)]
pub struct Status {
    /// The link works: beacons come back, or the stream answers.
    pub connected: bool,
    /// When delivery began; before it no cursor can be given out.
    pub begun: Option<Instant>,
    /// Nobody knows more than this gateway: it is alone, or has taken over what another one knew.
    pub complete: bool,
    /// What last went wrong, in words.
    pub trouble: Option<String>,
}
