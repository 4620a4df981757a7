//! A stretch in which publications of a session's channels may be missing.

use publication::Cursor;

use crate::place::Place;

/// What the session is told, and where delivery goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// Why.
    pub reason: GapReason,
    /// All before this was delivered; `None` if the session's cursor meant nothing to this gateway.
    pub after: Option<Cursor>,
    /// Delivery goes on after this place ...
    pub resume: Place,
    /// ... which as a cursor is this; `None` if its beacon is forgotten.
    pub cursor: Option<Cursor>,
}

/// Why a gap is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GapReason {
    /// The session read so slowly that history went on without it.
    Overtaken,
    /// The broker's link broke, and what was published meanwhile did not arrive.
    BrokerLost,
    /// The session's cursor is none that this gateway can place.
    UnknownCursor,
    /// History no longer holds all that came after the session's cursor.
    Trimmed,
}

impl GapReason {
    /// All reasons, for metrics.
    pub const ALL: [Self; 4] = [Self::Overtaken, Self::BrokerLost, Self::UnknownCursor, Self::Trimmed];

    /// The word in control messages, poll answers and metrics.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Overtaken => "overtaken",
            Self::BrokerLost => "broker-lost",
            Self::UnknownCursor => "unknown-cursor",
            Self::Trimmed => "trimmed",
        }
    }
}
