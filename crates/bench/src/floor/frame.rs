//! The bytes that the floor writes: the same as the gateway's, made once for each publication.

use std::io::Write;

/// What every session gets first: the gateway's head and its `fanfare.open`.
const HEAD: &str = "HTTP/1.1 200 OK\r\n\
    Content-Type: text/event-stream\r\n\
    Cache-Control: no-store, no-transform\r\n\
    X-Accel-Buffering: no\r\n\
    Vary: Accept, Origin\r\n\
    Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n\
    Connection: close\r\n\
    Transfer-Encoding: chunked\r\n\r\n";
const OPEN: &str = "retry: 3000\nevent: fanfare.open\nid: 0123456789abcdef-12-0\ndata: {}\n\n";
/// Ids run through these numbers, as long as those in the cursors of a gateway under load.
const FIRST_NUMBER: u32 = 10_000;
const NUMBERS: u32 = 90_000;

/// A buffer for one frame at a time; after the first publications it never allocates.
pub(super) struct Frame {
    bytes: Vec<u8>,
    head: Vec<u8>,
    count: u32,
}

impl Frame {
    pub(super) fn new() -> Frame {
        let mut head = HEAD.as_bytes().to_vec();
        append_chunk(&mut head, OPEN.len(), |chunk| {
            chunk.extend_from_slice(OPEN.as_bytes());
        });
        Frame { bytes: Vec::with_capacity(64 * 1024), head, count: 0 }
    }

    /// Head and open event, to be written at once.
    pub(super) fn head(&self) -> &[u8] {
        &self.head
    }

    /// One publication as a chunk with one event, its id as long as a cursor.
    pub(super) fn encode(&mut self, data: &[u8]) -> &[u8] {
        self.count += 1;
        self.bytes.clear();
        // Five digits always: the length is counted before the number is written.
        let number = FIRST_NUMBER + self.count % NUMBERS;
        let length = "id: 0123456789abcdef-12-10000\ndata: \n\n".len() + data.len();
        append_chunk(&mut self.bytes, length, |chunk| {
            let _ = write!(chunk, "id: 0123456789abcdef-12-{number}\ndata: ");
            chunk.extend_from_slice(data);
            chunk.extend_from_slice(b"\n\n");
        });
        &self.bytes
    }
}

fn append_chunk(bytes: &mut Vec<u8>, length: usize, payload: impl FnOnce(&mut Vec<u8>)) {
    // Writing into a Vec cannot fail.
    let _ = write!(bytes, "{length:x}\r\n");
    payload(bytes);
    bytes.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::EventStream;

    #[test]
    fn head_and_frames_are_a_well_formed_event_stream() {
        let mut frame = Frame::new();
        let mut events = Vec::new();
        let mut stream = EventStream::new();
        let head = frame.head().to_vec();
        let bytes = [head, frame.encode(b"x").to_vec(), frame.encode(b"y").to_vec()].concat();
        stream.feed(&bytes, &mut |event| events.push(event.data.map(<[u8]>::to_vec))).expect("well-formed");
        let wanted = [&b"{}"[..], b"x", b"y"].map(|data| Some(data.to_vec()));
        assert_eq!(events, wanted);
    }
}
