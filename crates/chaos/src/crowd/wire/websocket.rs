//! A page with a WebSocket (RFC 6455), that opens a new one with its cursor when it has lost one.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::{
    Heard, Outcome, Target, Wire,
    frame::{CLOSE, CONTINUATION, Frame, PING, PONG, TEXT, Violation},
    refusal,
    response::{Head, Part, Response},
};

/// The key of the standard's example, and the only right answer to it.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
/// With what a gateway closes that has said bye: it goes away, its rules are hurt, try again later.
const CODES_OF_BYES: [u16; 3] = [1001, 1008, 1013];

/// One connection at a time.
#[derive(Default)]
pub(super) struct WebSocket {
    response: Response,
    /// Frames as far as they have come.
    bytes: Vec<u8>,
    /// A message of which not all frames have come.
    message: Vec<u8>,
    /// The bye that was said on this connection.
    bye: Option<String>,
}

/// An envelope has a channel, a control message has none.
#[derive(Deserialize)]
struct Message {
    id: Option<String>,
    channel: Option<String>,
    event: Option<String>,
    #[serde(rename = "retry")]
    retry_ms: Option<u64>,
    #[serde(default)]
    data: Value,
}

impl WebSocket {
    /// What comes of the frames that are here.
    fn take_frames(&mut self, heard: &mut dyn FnMut(Heard<'_>)) -> Result<Outcome, Violation> {
        let mut replies = Vec::new();
        while let Some(frame) = Frame::take(&mut self.bytes)? {
            match frame.opcode {
                TEXT | CONTINUATION => {
                    if (frame.opcode == TEXT) != self.message.is_empty() {
                        return Err(Violation("messages that interrupt one another"));
                    }
                    self.message.extend(frame.payload);
                    if frame.is_last {
                        self.take_message(heard)?;
                    }
                }
                PING => replies.extend(Frame::masked(PONG, &frame.payload)),
                PONG => {}
                CLOSE => return Ok(self.take_close(&frame, replies)),
                _ => return Err(Violation("a frame that is neither text nor control")),
            }
        }
        Ok(if replies.is_empty() { Outcome::Goes } else { Outcome::Replies(replies) })
    }

    fn take_message(&mut self, heard: &mut dyn FnMut(Heard<'_>)) -> Result<(), Violation> {
        let text = std::mem::take(&mut self.message);
        let Ok(message) = serde_json::from_slice::<Message>(&text) else {
            return Err(Violation("a message that is not of the contract"));
        };
        match (&message.channel, message.event.as_deref()) {
            (Some(channel), _) => match (message.data.as_str(), &message.id) {
                (Some(data), Some(_)) => heard(Heard::Publication { channel: Some(channel), data }),
                _ => heard(Heard::Foreign),
            },
            (None, Some("fanfare.open")) => heard(Heard::Open),
            (None, Some("fanfare.gap")) => heard(Heard::Gap(message.data["reason"].as_str().unwrap_or("?"))),
            (None, Some("fanfare.bye")) => {
                self.bye = Some(message.data["reason"].as_str().unwrap_or("?").to_owned());
            }
            // It carries nothing but its id.
            (None, Some("fanfare.cursor")) => {}
            (None, _) => heard(Heard::Foreign),
        }
        if let Some(retry) = message.retry_ms {
            heard(Heard::Retry(Duration::from_millis(retry)));
        }
        if let Some(cursor) = &message.id {
            heard(Heard::Cursor(cursor));
        }
        Ok(())
    }

    /// It is answered, and then the gateway ends the connection.
    fn take_close(&self, close: &Frame, mut replies: Vec<u8>) -> Outcome {
        match (&self.bye, close.code()) {
            (Some(_), Some(code)) if CODES_OF_BYES.contains(&code) => {
                replies.extend(Frame::masked(CLOSE, &close.payload));
                Outcome::Replies(replies)
            }
            (bye, code) => Outcome::Failed(format!("closed with {code:?} after the bye {bye:?}")),
        }
    }
}

impl Wire for WebSocket {
    fn request(&self, target: &Target<'_>, cursor: &str) -> String {
        let get = target.get(cursor, "");
        format!(
            "{get}Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: {KEY}\r\n\r\n"
        )
    }

    fn receive(&mut self, bytes: &[u8], heard: &mut dyn FnMut(Heard<'_>)) -> Outcome {
        self.response.feed(bytes);
        loop {
            match self.response.next() {
                Ok(None) => break,
                Ok(Some(Part::Head(head))) if head.status == 101 => {
                    if let Some(obstacle) = obstacle(&head) {
                        return Outcome::Failed(obstacle);
                    }
                    heard(Heard::Gateway(head.gateway()));
                }
                Ok(Some(Part::Head(head))) => return refusal::outcome(&head, heard),
                Ok(Some(Part::Body(body))) => self.bytes.extend(body),
                Ok(Some(Part::End)) | Err(_) => {
                    return Outcome::Failed("an answer to a handshake that is none".to_owned());
                }
            }
        }
        self.take_frames(heard).unwrap_or_else(|Violation(words)| Outcome::Failed(words.to_owned()))
    }

    fn hang_up(&mut self) {
        *self = Self::default();
    }
}

/// What is wrong with a handshake, if anything is.
fn obstacle(head: &Head) -> Option<String> {
    let upgrades = head.field("upgrade").eq_ignore_ascii_case("websocket")
        && head.field("connection").eq_ignore_ascii_case("upgrade");
    if !upgrades || head.field("sec-websocket-accept") != ACCEPT {
        return Some("101 that is no handshake".to_owned());
    }
    let extensions = head.field("sec-websocket-extensions");
    (!extensions.is_empty()).then(|| format!("an extension that nobody asked for: {extensions}"))
}

#[cfg(test)]
mod tests {
    use super::{super::tests::hear, *};

    const HEAD: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                        chaos-gateway: b\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

    fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
        [&[0x80 | opcode, payload.len() as u8], payload].concat()
    }

    /// What a client that is let in makes of these frames.
    fn after_handshake(frames: &[Vec<u8>]) -> (Vec<String>, Outcome) {
        hear(&mut WebSocket::default(), &[HEAD.as_bytes(), &frames.concat()])
    }

    #[test]
    fn what_a_session_is_told_is_the_same_as_on_any_transport() {
        let frames = [
            frame(TEXT, br#"{"event":"fanfare.open","id":"a","retry":9,"data":{}}"#),
            frame(TEXT, br#"{"id":"b","channel":"chaos-00","data":"x"}"#),
            frame(TEXT, br#"{"event":"fanfare.gap","id":"c","data":{"reason":"overtaken"}}"#),
            frame(TEXT, br#"{"event":"fanfare.cursor","id":"d","data":{}}"#),
            frame(TEXT, br#"{"ref":1,"ok":true}"#),
        ];
        let expected = [
            "Gateway(\"b\")",
            "Open",
            "Retry(9ms)",
            "Cursor(\"a\")",
            "Publication { channel: Some(\"chaos-00\"), data: \"x\" }",
            "Cursor(\"b\")",
            "Gap(\"overtaken\")",
            "Cursor(\"c\")",
            "Cursor(\"d\")",
            "Foreign",
        ];
        assert_eq!(after_handshake(&frames), (expected.map(str::to_owned).to_vec(), Outcome::Goes));
        let bytes = [HEAD.as_bytes(), &frames.concat()].concat();
        for cut in 0..bytes.len() {
            let (words, _) = hear(&mut WebSocket::default(), &[&bytes[..cut], &bytes[cut..]]);
            assert_eq!(words, expected, "cut at {cut}");
        }
    }

    #[test]
    fn pings_and_closes_are_answered() {
        let Outcome::Replies(pong) = after_handshake(&[frame(PING, b"")]).1 else { panic!("no reply") };
        assert_eq!(pong[..2], [0x8a, 0x80]);
        let bye = frame(TEXT, br#"{"event":"fanfare.bye","id":"a","retry":9,"data":{"reason":"drain"}}"#);
        let close = frame(CLOSE, &1001_u16.to_be_bytes());
        let Outcome::Replies(close) = after_handshake(&[bye, close]).1 else { panic!("no reply") };
        assert_eq!(close[..2], [0x88, 0x82]);
    }

    #[test]
    fn what_no_gateway_does_is_the_end() {
        let bye = || frame(TEXT, br#"{"event":"fanfare.bye","data":{"reason":"drain"}}"#);
        for frames in [
            vec![frame(CLOSE, &1001_u16.to_be_bytes())],
            vec![bye(), frame(CLOSE, &1002_u16.to_be_bytes())],
            vec![bye(), frame(CLOSE, b"")],
            vec![frame(CONTINUATION, b"{}")],
            vec![frame(2, b"{}")],
            vec![frame(TEXT, b"hello")],
        ] {
            let outcome = after_handshake(&frames).1;
            assert!(matches!(outcome, Outcome::Failed(_)), "{frames:?}: {outcome:?}");
        }
        let other = HEAD.replace("s3pPL", "abcde");
        assert!(matches!(hear(&mut WebSocket::default(), &[other.as_bytes()]).1, Outcome::Failed(_)));
    }
}
