//! Waiting for a condition instead of for a time.

use std::{
    thread,
    time::{Duration, Instant},
};

/// How long anything may take on a busy machine before a test gives up.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Waits until `condition` holds.
///
/// # Panics
/// It does not within [`PATIENCE`].
pub fn wait_for(what: &str, mut condition: impl FnMut() -> bool) {
    wait_some(what, || condition().then_some(()));
}

/// Waits until there is a value.
///
/// # Panics
/// There is none within [`PATIENCE`].
pub fn wait_some<T>(what: &str, mut value: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(value) = value() {
            return value;
        }
        assert!(began.elapsed() < PATIENCE, "waited in vain: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Waits for a time, where that is what the test is about.
pub fn wait_until(what: &str, time: Instant) {
    let rest = time.saturating_duration_since(Instant::now());
    if !rest.is_zero() {
        eprintln!("waiting {rest:?} for {what}");
        thread::sleep(rest);
    }
}
