//! The clock of Redis, which gives entries their ids.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use publication::EntryId;

use crate::{connection::Connection, link_error::LinkError, resp::Reply};

/// What it said, and when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    asked: Instant,
    ms: u64,
}

impl Clock {
    /// Asks; where that is denied, ours must do.
    pub(crate) async fn ask(connection: &mut Connection) -> Result<Self, LinkError> {
        let theirs = match connection.ask(&["TIME"]).await {
            Ok(Reply::List(parts)) => {
                let number = |index: usize| parts.get(index)?.text()?.parse::<u64>().ok();
                number(0).zip(number(1)).map(|(seconds, micros)| seconds * 1_000 + micros / 1_000)
            }
            Ok(_) | Err(LinkError::Refused { .. }) => None,
            Err(error) => return Err(error),
        };
        let ours = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_millis() as u64);
        Ok(Self { asked: Instant::now(), ms: theirs.unwrap_or_else(ours) })
    }

    /// The milliseconds since 1970.
    pub(crate) fn now_ms(&self) -> u64 {
        self.ms + self.asked.elapsed().as_millis() as u64
    }

    /// How many seconds ago an entry was added, rounded up: a value may go a second early, but never
    /// comes back.
    pub(super) fn age(&self, id: EntryId) -> u32 {
        u32::try_from(self.now_ms().saturating_sub(id.ms).div_ceil(1_000)).unwrap_or(u32::MAX)
    }
}
