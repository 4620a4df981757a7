//! Lets the runtime watch a descriptor that it did not make.

use std::{io, os::fd::AsRawFd};

use tokio::io::{Interest, unix::AsyncFd};

/// Watches `owner` for readability. It owns its descriptor for as long as it lives, as the listener
/// and the poll of this crate do: that is what the deprecated constructor leaves unchecked, and its
/// successor asks an `unsafe` block to promise.
#[expect(deprecated, reason = "the successor is unsafe, and both types given here own what they name")]
pub(crate) fn readable<T: AsRawFd>(owner: T) -> io::Result<AsyncFd<T>> {
    AsyncFd::with_interest(owner, Interest::READABLE)
}
