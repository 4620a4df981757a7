//! Server-Sent Events as an HTTP answer brings them: its head, then its body as events.

use super::chunks::ChunkReader;
use super::events::EventReader;
use super::head::{Head, HeadReader};
use super::{Event, Malformed};

/// An answer as far as it has come.
#[derive(Debug)]
pub(crate) struct EventStream {
    body: Body,
    events: EventReader,
}

#[derive(Debug)]
enum Body {
    /// The head is not whole yet.
    Awaited(HeadReader),
    Chunked(ChunkReader),
    /// Ends when the connection does.
    Plain,
}

impl EventStream {
    pub(crate) fn new() -> EventStream {
        EventStream { body: Body::Awaited(HeadReader::default()), events: EventReader::default() }
    }

    /// Whether a head with status 200 has come.
    pub(crate) fn has_begun(&self) -> bool {
        !matches!(self.body, Body::Awaited(_))
    }

    /// Takes the next bytes from the socket and hands the events that end in them to `each`.
    pub(crate) fn feed(
        &mut self,
        mut bytes: &[u8],
        each: &mut impl FnMut(Event<'_>),
    ) -> Result<(), Malformed> {
        match &mut self.body {
            Body::Plain => self.events.feed(bytes, each),
            Body::Chunked(chunks) => {
                while let Some(payload) = chunks.next(&mut bytes)? {
                    self.events.feed(payload, each)?;
                }
                Ok(())
            }
            Body::Awaited(head) => match head.take(bytes)? {
                Some(head) => {
                    self.body = body_after(&head)?;
                    self.feed(head.rest(), each)
                }
                None => Ok(()),
            },
        }
    }
}

/// The framing that a head announces.
fn body_after(head: &Head) -> Result<Body, Malformed> {
    if head.status() != 200 {
        return Err(Malformed("the status is not 200"));
    }
    match head.header("Transfer-Encoding") {
        Some(b"chunked") => Ok(Body::Chunked(ChunkReader::new())),
        _ => Ok(Body::Plain),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHUNKED: &[u8] = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
        11\r\nid: 1\ndata: one\n\n\r\n9\r\nid: 2\ndat\r\n8\r\na: two\n\n\r\n";
    const PLAIN: &[u8] = b"HTTP/1.0 200 OK\r\nServer: x\r\n\r\nid: 1\ndata: one\n\nid: 2\ndata: two\n\n";

    /// The events as text, id and data.
    fn read(pieces: &[&[u8]]) -> Result<Vec<String>, Malformed> {
        let mut stream = EventStream::new();
        let mut events = Vec::new();
        for piece in pieces {
            stream.feed(piece, &mut |event: Event<'_>| {
                let text =
                    |bytes: Option<&[u8]>| String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned();
                events.push(format!("{} {}", text(event.id), text(event.data)));
            })?;
        }
        Ok(events)
    }

    #[test]
    fn streams_cut_at_every_byte_give_the_same_events() {
        for whole in [CHUNKED, PLAIN] {
            for cut in 0..=whole.len() {
                let (head, tail) = whole.split_at(cut);
                let events = read(&[head, tail]).expect("well-formed");
                assert_eq!(events, ["1 one", "2 two"], "cut at {cut}");
            }
        }
    }

    #[test]
    fn another_status_is_refused() {
        assert!(read(&[b"HTTP/1.1 503 Busy\r\n\r\n"]).is_err());
    }
}
