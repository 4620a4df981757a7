//! The one clock that publisher and generator share: nanoseconds of CLOCK_MONOTONIC.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// A moment in nanoseconds; comparable between processes of one machine.
pub(crate) fn now_nanos() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

/// The time from one moment to a later one.
pub(crate) fn between(from_nanos: u64, to_nanos: u64) -> Duration {
    Duration::from_nanos(to_nanos.saturating_sub(from_nanos))
}
