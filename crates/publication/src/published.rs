//! What becomes of what is published.

use crate::cursor::Cursor;

/// What became of a publication that the broker has taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Published {
    /// It stands at this cursor.
    At(Cursor),
    /// It was passed on to so many subscribers of the broker.
    Subscribers(u64),
}
