//! The packets of Socket.IO 5 in those of Engine.IO 4, over a WebSocket.

use super::frames::write_text;
use super::{DONE, Event, Malformed, OPEN};

/// The event that the benchmark's server emits publications as.
const PUBLICATION: &[u8] = br#"42["p",""#;

/// What a packet says, if it is anything for the session. Answers what wants an answer.
pub(super) fn parse<'a>(packet: &'a [u8], answers: &mut Vec<u8>) -> Result<Option<Event<'a>>, Malformed> {
    if let Some(rest) = packet.strip_prefix(PUBLICATION) {
        let data = rest.strip_suffix(br#""]"#).ok_or(Malformed("an event does not end as it should"))?;
        return Ok(Some(Event { name: b"", id: None, data: Some(data) }));
    }
    match packet {
        // The engine is open: now Socket.IO wants to be connected, to its main namespace.
        [b'0', ..] => write_text(answers, b"40"),
        [b'2'] => write_text(answers, b"3"),
        [b'4', b'0', data @ ..] => return Ok(Some(Event { name: OPEN, id: None, data: Some(data) })),
        // An event of ours has been taken.
        [b'4', b'3', data @ ..] => return Ok(Some(Event { name: DONE, id: None, data: Some(data) })),
        // The end of the connection follows, and is counted.
        [b'1'] | [b'4', b'1'] => {}
        _ => return Err(Malformed("a packet of an unknown kind")),
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(packet: &[u8], event: Option<Event<'_>>, answer: &[u8]) {
        let mut answers = Vec::new();
        assert_eq!(parse(packet, &mut answers), Ok(event));
        // A frame's head, its mask, then the answer; each answer is short.
        assert_eq!(answers.len(), if answer.is_empty() { 0 } else { 6 + answer.len() });
    }

    #[test]
    fn a_session_begins_lives_and_ends() {
        check(br#"0{"sid":"x","upgrades":[],"pingInterval":25000}"#, None, b"40");
        check(br#"40{"sid":"y"}"#, Some(Event { name: OPEN, id: None, data: Some(br#"{"sid":"y"}"#) }), b"");
        check(br#"42["p","xyz"]"#, Some(Event { name: b"", id: None, data: Some(b"xyz") }), b"");
        check(b"2", None, b"3");
        check(b"431[]", Some(Event { name: DONE, id: None, data: Some(b"1[]") }), b"");
        check(b"41", None, b"");
    }

    #[test]
    fn a_refusal_and_other_events_are_told() {
        for packet in [&br#"44{"message":"no"}"#[..], br#"42["q","xyz"]"#, b"", br#"42["p","xyz""#] {
            assert!(parse(packet, &mut Vec::new()).is_err());
        }
    }
}
