//! A WebSocket on the client's side: its handshake, then messages in a dialect.

use super::frames::{Frame, FrameReader, write_pong, write_text};
use super::head::{Head, HeadReader};
use super::{Event, Malformed, envelope, packets};

/// The standard's own example of a key, and the answer to it. A server may not tell it from others.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &[u8] = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// What the messages mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// The envelopes and control messages of the gateway.
    Envelopes,
    /// The packets of Socket.IO.
    Packets,
}

/// A WebSocket as far as it has come.
#[derive(Debug)]
pub(crate) struct Socket {
    dialect: Dialect,
    /// The answer to the handshake, until it is whole.
    handshake: Option<HeadReader>,
    frames: FrameReader,
}

impl Socket {
    pub(crate) fn new(dialect: Dialect) -> Socket {
        Socket { dialect, handshake: Some(HeadReader::default()), frames: FrameReader::default() }
    }

    /// The headers of a request that asks for one.
    pub(crate) fn headers() -> String {
        format!(
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: {KEY}\r\n"
        )
    }

    /// Adds a message to the server.
    pub(crate) fn write_message(out: &mut Vec<u8>, message: &[u8]) {
        write_text(out, message);
    }

    /// Whether the handshake is over.
    pub(crate) fn has_begun(&self) -> bool {
        self.handshake.is_none()
    }

    /// Takes the next bytes; see [`super::Stream::feed`].
    pub(crate) fn feed(
        &mut self,
        bytes: &[u8],
        answers: &mut Vec<u8>,
        each: &mut impl FnMut(Event<'_>),
    ) -> Result<(), Malformed> {
        let Some(handshake) = &mut self.handshake else {
            return self.read_frames(bytes, answers, each);
        };
        let Some(head) = handshake.take(bytes)? else {
            return Ok(());
        };
        check_handshake(&head)?;
        self.handshake = None;
        self.read_frames(head.rest(), answers, each)
    }

    fn read_frames(
        &mut self,
        bytes: &[u8],
        answers: &mut Vec<u8>,
        each: &mut impl FnMut(Event<'_>),
    ) -> Result<(), Malformed> {
        let dialect = self.dialect;
        self.frames.feed(bytes, |frame| {
            match (frame, dialect) {
                (Frame::Text(message), Dialect::Envelopes) => each(envelope::parse(message)?),
                (Frame::Text(packet), Dialect::Packets) => {
                    if let Some(event) = packets::parse(packet, answers)? {
                        each(event);
                    }
                }
                (Frame::Ping(payload), _) => write_pong(answers, payload),
                // The end of the connection follows, and is counted.
                (Frame::Pong | Frame::Close, _) => {}
            }
            Ok(())
        })
    }
}

fn check_handshake(head: &Head) -> Result<(), Malformed> {
    match (head.status(), head.header("Sec-WebSocket-Accept")) {
        (101, Some(ACCEPT)) => Ok(()),
        (101, _) => Err(Malformed("the handshake's key is not answered")),
        _ => Err(Malformed("the status is not 101")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::frames::{FIN, PING, PONG, TEXT};
    use super::*;

    const HEAD: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
        Connection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

    #[test]
    fn messages_come_after_the_handshake_and_pings_are_answered() {
        let open = br#"{"event":"fanfare.open","data":{"a":1}}"#;
        let publication = br#"{"id":"1","channel":"c","data":"xyz"}"#;
        let frame = |opcode: u8, payload: &[u8]| [&[FIN | opcode, payload.len() as u8], payload].concat();
        let stream = [HEAD, &frame(TEXT, open), &frame(PING, b"hi"), &frame(TEXT, publication)].concat();
        for cut in 0..=stream.len() {
            let (mut names, mut answers) = (Vec::new(), Vec::new());
            let mut socket = Socket::new(Dialect::Envelopes);
            let (first, second) = stream.split_at(cut);
            for piece in [first, second] {
                let mut each = |event: Event<'_>| names.push(event.name.to_vec());
                socket.feed(piece, &mut answers, &mut each).expect("well-formed");
            }
            assert!(socket.has_begun());
            assert_eq!(names, [&b"fanfare.open"[..], b""], "cut at {cut}");
            assert_eq!(answers[..2], [FIN | PONG, 0x82]);
        }
    }

    #[test]
    fn another_answer_is_refused() {
        let refuse = |head: &[u8]| {
            Socket::new(Dialect::Packets).feed(head, &mut Vec::new(), &mut |_| {}).expect_err("no handshake")
        };
        refuse(b"HTTP/1.1 200 OK\r\n\r\n");
        refuse(b"HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: x\r\n\r\n");
    }
}
