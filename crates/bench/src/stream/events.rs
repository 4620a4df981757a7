//! Reads Server-Sent Events (WHATWG HTML, 9.2) from pieces of any length.

use memchr::memchr;

use super::{Event, Malformed};

/// No event of a benchmark comes near this; more is a lost thread.
const MAX_EVENT_BYTES: usize = 1024 * 1024;

/// What has come of an event whose end is not here yet. Empty, and without
/// memory, for as long as pieces end where events end.
#[derive(Debug, Default)]
pub(crate) struct EventReader {
    partial: Vec<u8>,
}

impl EventReader {
    /// Hands every event that ends in `bytes` to `each`, and keeps the rest.
    pub(crate) fn feed(
        &mut self,
        mut bytes: &[u8],
        each: &mut impl FnMut(Event<'_>),
    ) -> Result<(), Malformed> {
        if !self.partial.is_empty() {
            bytes = self.complete(bytes, each)?;
        }
        while let Some((event, used)) = scan(bytes) {
            each(event);
            bytes = &bytes[used..];
        }
        if !bytes.is_empty() {
            self.partial.extend_from_slice(bytes);
        }
        Ok(())
    }

    /// Appends lines to the partial event until it ends; returns what follows it.
    fn complete<'a>(
        &mut self,
        mut bytes: &'a [u8],
        each: &mut impl FnMut(Event<'_>),
    ) -> Result<&'a [u8], Malformed> {
        while let Some(end) = memchr(b'\n', bytes) {
            self.partial.extend_from_slice(&bytes[..=end]);
            bytes = &bytes[end + 1..];
            if self.partial.ends_with(b"\n\n") || self.partial.ends_with(b"\n\r\n") {
                if let Some((event, _)) = scan(&self.partial) {
                    each(event);
                }
                self.partial.clear();
                return Ok(bytes);
            }
        }
        self.partial.extend_from_slice(bytes);
        if self.partial.len() > MAX_EVENT_BYTES {
            return Err(Malformed("an event does not end"));
        }
        Ok(&[])
    }
}

impl<'a> Event<'a> {
    fn take_line(&mut self, line: &'a [u8]) {
        if let Some(value) = line.strip_prefix(b"data:") {
            self.data = Some(without_space(value));
        } else if let Some(value) = line.strip_prefix(b"id:") {
            self.id = Some(without_space(value));
        } else if let Some(value) = line.strip_prefix(b"event:") {
            self.name = without_space(value);
        }
    }
}

/// The first event of `bytes` and its length, if its end is there.
fn scan(bytes: &[u8]) -> Option<(Event<'_>, usize)> {
    let mut event = Event::default();
    let mut at = 0;
    loop {
        let end = at + memchr(b'\n', &bytes[at..])?;
        let line = &bytes[at..end];
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        at = end + 1;
        if line.is_empty() {
            return Some((event, at));
        }
        event.take_line(line);
    }
}

fn without_space(value: &[u8]) -> &[u8] {
    value.strip_prefix(b" ").unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pieces: &[&[u8]]) -> Vec<String> {
        let mut reader = EventReader::default();
        let mut events = Vec::new();
        for piece in pieces {
            reader
                .feed(piece, &mut |event: Event<'_>| {
                    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
                    let id = text(event.id.unwrap_or(b"-"));
                    let data = text(event.data.unwrap_or(b"-"));
                    events.push(format!("{}/{id}/{data}", text(event.name)));
                })
                .expect("well-formed");
        }
        events
    }

    #[test]
    fn events_cut_at_every_byte_are_the_same() {
        for stream in [
            &b": hi\n\nretry: 9\nevent: fanfare.open\nid: a-1\ndata: {}\n\nid:b\ndata: x y\n\n"[..],
            b": hi\r\n\r\nretry: 9\r\nevent: fanfare.open\r\nid: a-1\r\ndata: {}\r\n\r\nid:b\r\ndata: x y\r\n\r\n",
        ] {
            for cut in 0..=stream.len() {
                let (head, tail) = stream.split_at(cut);
                let events = read(&[head, tail]);
                assert_eq!(events, ["/-/-", "fanfare.open/a-1/{}", "/b/x y"], "cut at {cut}");
            }
        }
    }

    #[test]
    fn a_stream_fed_byte_by_byte_is_the_same() {
        let stream = b"id: 1\ndata: a\n\nid: 2\ndata: b\n\n";
        let pieces: Vec<&[u8]> = stream.chunks(1).collect();
        assert_eq!(read(&pieces), ["/1/a", "/2/b"]);
    }

    #[test]
    fn an_event_without_end_is_refused() {
        let mut reader = EventReader::default();
        let endless = vec![b'x'; MAX_EVENT_BYTES];
        assert!(reader.feed(&endless, &mut |_| {}).is_ok());
        assert!(reader.feed(&endless, &mut |_| {}).is_err());
    }
}
