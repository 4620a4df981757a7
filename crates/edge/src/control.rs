//! What the gateway itself says in a session.

use std::time::Duration;

use hub::Gap;
use publication::Cursor;

use crate::{
    close::CloseReason,
    dialogue::SessionName,
    encoding::{Control, Encoding},
};

/// `fanfare.open`: the session has begun at this cursor; one that can publish is told the name under
/// which it does.
pub(crate) fn write_open(
    out: &mut Vec<u8>,
    encoding: Encoding,
    cursor: Option<Cursor>,
    retry: Duration,
    heartbeat: Duration,
    name: Option<SessionName>,
) {
    let session = name.map_or(String::new(), |name| format!(r#","session":"{name}""#));
    let data = &format!(r#"{{"heartbeat_ms":{}{session}}}"#, heartbeat.as_millis());
    let retry = Some(jittered(retry));
    encoding.write_control(out, &Control { name: "open", id: cursor, retry, data });
}

/// `fanfare.cursor`: all up to here has been received.
pub(crate) fn write_cursor(out: &mut Vec<u8>, encoding: Encoding, cursor: Option<Cursor>) {
    let data = &match cursor {
        Some(cursor) => format!(r#"{{"cursor":"{cursor}"}}"#),
        None => r#"{"cursor":null}"#.to_owned(),
    };
    encoding.write_control(out, &Control { name: "cursor", id: cursor, retry: None, data });
}

/// `fanfare.gap`: publications of the session's channels may be missing here.
pub(crate) fn write_gap(out: &mut Vec<u8>, encoding: Encoding, gap: &Gap) {
    let data = &gap_json(gap);
    encoding.write_control(out, &Control { name: "gap", id: gap.cursor, retry: None, data });
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
    let data = &format!(r#"{{"reason":"{}","reconnect":true}}"#, reason.label());
    encoding.write_control(out, &Control { name: "bye", id: cursor, retry: Some(away), data });
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
