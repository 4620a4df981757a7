//! A message of the gateway over a WebSocket. It is searched, not parsed: the generator shares the
//! machine with the server, and the members of an envelope come in a known order, its data last.

use memchr::{memchr, memmem};

use super::{DONE, Event, Malformed, REFUSED};

/// What a message says: a publication, a control message or an answer.
pub(super) fn parse(message: &[u8]) -> Result<Event<'_>, Malformed> {
    let event = if message.starts_with(br#"{"id":"#) || message.starts_with(br#"{"channel":"#) {
        publication(message)
    } else if let Some(rest) = message.strip_prefix(br#"{"event":""#) {
        control(rest)
    } else if message.starts_with(br#"{"ref":"#) {
        Some(answer(message))
    } else {
        None
    };
    event.ok_or(Malformed("a message is no envelope"))
}

/// The data of the benchmark's publications has nothing that JSON would escape.
fn publication(message: &[u8]) -> Option<Event<'_>> {
    let id = message.strip_prefix(br#"{"id":""#).and_then(string);
    let data = after(message, br#","data":""#)?.strip_suffix(br#""}"#)?;
    Some(Event { name: b"", id, data: Some(data) })
}

/// `NAME","id":"...","retry":...,"data":{...}}`
fn control(message: &[u8]) -> Option<Event<'_>> {
    let name = string(message)?;
    let data = after(message, br#","data":"#)?.strip_suffix(b"}")?;
    let id = after(&message[..message.len() - data.len()], br#","id":""#).and_then(string);
    Some(Event { name, id, data: Some(data) })
}

fn answer(message: &[u8]) -> Event<'_> {
    let name = if memmem::find(message, br#","ok":true"#).is_some() { DONE } else { REFUSED };
    Event { name, id: None, data: Some(message) }
}

/// The text up to the next quote.
fn string(text: &[u8]) -> Option<&[u8]> {
    Some(&text[..memchr(b'"', text)?])
}

/// What follows the first `mark`.
fn after<'a>(text: &'a [u8], mark: &[u8]) -> Option<&'a [u8]> {
    Some(&text[memmem::find(text, mark)? + mark.len()..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(message: &str, name: &str, id: Option<&str>, data: &str) {
        let wanted = Event { name: name.as_bytes(), id: id.map(str::as_bytes), data: Some(data.as_bytes()) };
        assert_eq!(parse(message.as_bytes()), Ok(wanted));
    }

    #[test]
    fn publications_are_found_in_their_envelopes() {
        check(r#"{"id":"a-1-0","channel":"c1","data":"xyz"}"#, "", Some("a-1-0"), "xyz");
        check(r#"{"channel":"c1","event":"e","from":"s","data":"xyz"}"#, "", None, "xyz");
    }

    #[test]
    fn control_messages_have_a_name() {
        let open = r#"{"event":"fanfare.open","id":"a-1-0","retry":3000,"data":{"heartbeat_ms":15000}}"#;
        check(open, "fanfare.open", Some("a-1-0"), r#"{"heartbeat_ms":15000}"#);
        let gap = r#"{"event":"fanfare.gap","data":{"reason":"trimmed","id":"no"}}"#;
        check(gap, "fanfare.gap", None, r#"{"reason":"trimmed","id":"no"}"#);
    }

    #[test]
    fn answers_say_whether_it_was_done() {
        for (message, name) in [
            (r#"{"ref":1,"ok":true,"cursor":"a-1-0"}"#, "done"),
            (r#"{"ref":1,"error":{"code":"forbidden","message":"..."}}"#, "refused"),
        ] {
            check(message, name, None, message);
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for message in ["", "{}", "hello", r#"{"id":"a-1-0","channel":"c1","data":"cut"#] {
            assert!(parse(message.as_bytes()).is_err(), "{message}");
        }
    }
}
