//! The limits of a hub.

use std::time::Duration;

/// What a hub keeps. Every limit counts for itself; the one that is reached first evicts.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// Publications in history.
    pub keep_count: usize,
    /// Bytes of the publications in history, and once more of the latest ones beyond it.
    pub keep_bytes: usize,
    /// Age of the publications in history.
    pub keep_for: Duration,
    /// Channels whose state (latest publication, lost place) outlives their publications in history.
    pub keep_channels: usize,
    /// How long a cursor can be placed, whatever history still holds.
    pub keep_cursors: Duration,
}
