//! How much of the stream a gateway that starts reads back, and where that begins.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use publication::{EntryId, Publication};

use super::{ZERO, entries::receive, survey::Survey};
use crate::{connection::Connection, link_error::LinkError, resp::Reply};

/// How much of the stream is read back at the start: as much as memory keeps.
#[derive(Clone, Copy, Debug)]
pub struct Warmth {
    /// Publications.
    pub count: usize,
    /// Their bytes.
    pub bytes: usize,
    /// Their age.
    pub age: Duration,
}

/// Finds where the newest part of the stream begins that is as large as `warmth` says: behind which
/// entry; and what Redis says of the stream.
pub(super) async fn read_newest(
    connection: &mut Connection,
    key: &str,
    warmth: Warmth,
    max_value: usize,
) -> Result<(EntryId, Option<Survey>), LinkError> {
    let Some(survey) = Survey::take(connection, key).await? else { return Ok((ZERO, None)) };
    let oldest_ms = now_ms(connection).await.saturating_sub(warmth.age.as_millis() as u64);
    let (mut count, mut bytes, mut oldest) = (0, 0, None::<EntryId>);
    loop {
        let end = oldest.map_or("+".to_owned(), |oldest| format!("({oldest}"));
        connection.send(&["XREVRANGE", key, &end, "-", "COUNT", "1000"]).await?;
        let (mut full, mut came) = (false, 0);
        receive(connection, "XREVRANGE", Duration::ZERO, max_value, |(id, fields)| {
            came += 1;
            let data = fields.and_then(|fields| fields.data).map_or(0, <[u8]>::len);
            bytes += data + size_of::<Publication>();
            full |= count >= warmth.count || bytes > warmth.bytes || id.ms < oldest_ms;
            if !full {
                count += 1;
                oldest = Some(id);
            }
        })
        .await?;
        if full || came == 0 {
            break;
        }
    }
    // Never "since the beginning", even if nothing is missing: ids from before may be of another stream.
    Ok((oldest.map_or(survey.last, EntryId::before), Some(survey)))
}

/// The time by the clock of Redis, which gives entries their ids; by ours if it does not say.
pub(crate) async fn now_ms(connection: &mut Connection) -> u64 {
    let time = connection.ask(&["TIME"]).await.ok();
    let theirs = time.and_then(|time| match time {
        Reply::List(parts) => {
            let number = |index: usize| parts.get(index)?.text()?.parse::<u64>().ok();
            Some(number(0)? * 1_000 + number(1)? / 1_000)
        }
        _ => None,
    });
    let ours = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_millis() as u64);
    theirs.unwrap_or_else(ours)
}
