//! What the gateway itself says in a session.

use std::time::Duration;

use hub::Gap;
use publication::Cursor;

use crate::{close::CloseReason, encoding::Encoding, sse};

/// `fanfare.open`: the session has begun at this cursor.
pub(crate) fn write_open(
    out: &mut Vec<u8>,
    encoding: Encoding,
    cursor: Option<Cursor>,
    retry: Duration,
    heartbeat: Duration,
) {
    let json = format!(r#"{{"heartbeat_ms":{}}}"#, heartbeat.as_millis());
    sse::write_control(out, encoding, "open", cursor, Some(jittered(retry)), &json);
}

/// `fanfare.cursor`: all up to here has been received.
pub(crate) fn write_cursor(out: &mut Vec<u8>, encoding: Encoding, cursor: Option<Cursor>) {
    let json = match cursor {
        Some(cursor) => format!(r#"{{"cursor":"{cursor}"}}"#),
        None => r#"{"cursor":null}"#.to_owned(),
    };
    sse::write_control(out, encoding, "cursor", cursor, None, &json);
}

/// `fanfare.gap`: publications of the session's channels may be missing here.
pub(crate) fn write_gap(out: &mut Vec<u8>, encoding: Encoding, gap: &Gap) {
    sse::write_control(out, encoding, "gap", gap.cursor, None, &gap_json(gap));
}

/// `fanfare.bye`: the session ends; all before this cursor was written. It may come back after
/// `away`.
pub(crate) fn write_bye(
    out: &mut Vec<u8>,
    encoding: Encoding,
    cursor: Option<Cursor>,
    reason: CloseReason,
    away: Duration,
) {
    let json = format!(r#"{{"reason":"{}","reconnect":true}}"#, reason.label());
    sse::write_control(out, encoding, "bye", cursor, Some(away), &json);
}

/// The gap as polls show it too.
pub(crate) fn gap_json(gap: &Gap) -> String {
    let after = gap.after.map_or("null".to_owned(), |cursor| format!("\"{cursor}\""));
    format!(r#"{{"reason":"{}","after":{after}}}"#, gap.reason.label())
}

/// Uniform in 0.5 to 1.5 times, drawn anew each time, so that browsers never come back in step.
pub(crate) fn jittered(mean: Duration) -> Duration {
    mean.mul_f64(rand::random_range(0.5..1.5))
}
