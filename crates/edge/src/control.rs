//! What the gateway itself says in a session.

use std::time::Duration;

use hub::Gap;
use publication::{Cursor, News, SessionName};

use crate::{
    close::CloseReason,
    encoding::{Control, Encoding},
    json, presence,
};

/// `fanfare.open`: the session has begun at this cursor; one that others can see is told the name by
/// which they know it.
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
    let data = &format!(r#"{{"reason":"{}","reconnect":{}}}"#, reason.label(), reason.may_come_back());
    encoding.write_control(out, &Control { name: "bye", id: cursor, retry: Some(away), data });
}

/// `overview`: how all is, for operators.
pub(crate) fn write_overview(out: &mut Vec<u8>, encoding: Encoding, overview: &str) {
    encoding.write_control(out, &Control { name: "overview", id: None, retry: None, data: overview });
}

/// `fanfare.expiring`: the session's token holds for so long only.
pub(crate) fn write_expiring(out: &mut Vec<u8>, encoding: Encoding, left: Duration) {
    let data = &format!(r#"{{"expires_in_ms":{}}}"#, left.as_millis());
    encoding.write_control(out, &Control { name: "expiring", id: None, retry: None, data });
}

/// `fanfare.presence`, `fanfare.join` and `fanfare.leave`: who is in a channel, who came, who has gone.
pub(crate) fn write_news(out: &mut Vec<u8>, encoding: Encoding, news: &News) {
    let mut data = Vec::new();
    let name = match news {
        News::Present { channel, presence, .. } => {
            presence::write(&mut data, channel, presence);
            "presence"
        }
        News::Joined { channel, member } => {
            data.extend_from_slice(b"{\"channel\":");
            json::write_string(&mut data, channel);
            data.push(b',');
            presence::write_member(&mut data, member);
            data.push(b'}');
            "join"
        }
        News::Left { channel, session } => {
            data.extend_from_slice(b"{\"channel\":");
            json::write_string(&mut data, channel);
            data.extend_from_slice(format!(",\"session\":\"{session}\"}}").as_bytes());
            "leave"
        }
    };
    // What is put together of strings and JSON is text.
    let data = String::from_utf8_lossy(&data);
    encoding.write_control(out, &Control { name, id: None, retry: None, data: &data });
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
