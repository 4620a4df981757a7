//! What is made of an answer that is not what was asked for.

use std::time::Duration;

use super::{Heard, Outcome, response::Head};

/// What becomes of a poll or a handshake that was answered with this status: only what is temporary
/// and says for how long may be tried again.
pub(super) fn outcome(head: &Head, heard: &mut dyn FnMut(Heard<'_>)) -> Outcome {
    match (head.status, head.field("retry-after").parse()) {
        (503, Ok(seconds)) => {
            heard(Heard::Retry(Duration::from_secs(seconds)));
            Outcome::Ended
        }
        (503, Err(_)) => Outcome::Failed("503 without Retry-After".to_owned()),
        // The balancer's own: its gateway broke off, or took too long.
        (502 | 504, _) if head.gateway().is_empty() => Outcome::Ended,
        (status, _) => Outcome::Failed(status.to_string()),
    }
}
