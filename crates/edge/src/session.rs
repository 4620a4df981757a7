//! One browser that listens.

use crate::{access::WhenSlow, census::Permit, encoding::Encoding, wire::Wire};

/// A session's side of the socket; where it stands is the hub's business.
pub(crate) struct Session {
    pub(crate) wire: Wire,
    pub(crate) encoding: Encoding,
    pub(crate) flags: Flags,
    /// What becomes of it if it cannot follow.
    pub(crate) when_slow: WhenSlow,
    /// Milliseconds of the shard's life: when it began, and when it last took something.
    pub(crate) opened: u32,
    pub(crate) last_write: u32,
    pub(crate) delivered: u32,
    /// Its place among all that the gateway may hold.
    pub(crate) _permit: Permit,
}

/// What is to be remembered of a session in a bit each.
#[derive(Default)]
pub(crate) struct Flags {
    /// It stands in the ready list.
    pub(crate) queued: bool,
    /// The socket takes nothing until it says so.
    pub(crate) blocked: bool,
    /// Its socket has refused something since it last had all.
    pub(crate) lagging: bool,
    /// It waits for something to be read back.
    pub(crate) fetching: bool,
    /// It asked for the latest values, and gets them again after a gap.
    pub(crate) since_last: bool,
    /// It has once read all there was: what comes now is new.
    pub(crate) live: bool,
}
