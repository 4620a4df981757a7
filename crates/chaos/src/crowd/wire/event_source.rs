//! What an EventSource does with the bytes of a stream (WHATWG HTML, 9.2.6).

use std::time::Duration;

/// The state of an EventSource that outlives its connections, and the line that it is reading.
#[derive(Debug)]
pub(super) struct EventSource {
    /// Goes into `Last-Event-ID`; empty if there is none.
    pub(super) last_id: String,
    /// How long to wait before a reconnect, if the stream has said so since this was taken.
    pub(super) retry: Option<Duration>,
    text: Vec<u8>,
    id: String,
    name: String,
    data: String,
    has_data: bool,
}

/// One event, as a page sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Event {
    /// Empty for a plain message.
    pub(super) name: String,
    pub(super) data: String,
}

impl EventSource {
    /// One that has not seen any stream yet.
    pub(super) fn new() -> Self {
        Self {
            last_id: String::new(),
            retry: None,
            text: Vec::new(),
            id: String::new(),
            name: String::new(),
            data: String::new(),
            has_data: false,
        }
    }

    /// The connection is over: an event whose end did not come never happened.
    pub(super) fn forget_partial(&mut self) {
        self.text.clear();
        self.id.clone_from(&self.last_id);
        self.name.clear();
        self.data.clear();
        self.has_data = false;
    }

    /// Takes the next bytes of the stream and hands on every event that ends in them. Lines end in
    /// LF or CRLF; nobody here ends them in CR alone.
    pub(super) fn feed(&mut self, bytes: &[u8], mut each: impl FnMut(Event)) {
        self.text.extend_from_slice(bytes);
        let text = std::mem::take(&mut self.text);
        let mut rest = &text[..];
        while let Some(end) = rest.iter().position(|&byte| byte == b'\n') {
            let line = String::from_utf8_lossy(&rest[..end]);
            rest = &rest[end + 1..];
            if let Some(event) = self.take_line(line.strip_suffix('\r').unwrap_or(&line)) {
                each(event);
            }
        }
        self.text.extend_from_slice(rest);
    }

    fn take_line(&mut self, line: &str) -> Option<Event> {
        if line.is_empty() {
            return self.dispatch();
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.name),
            "id" if !value.contains('\0') => value.clone_into(&mut self.id),
            "retry" if value.bytes().all(|byte| byte.is_ascii_digit()) => {
                self.retry = value.parse().map(Duration::from_millis).ok().or(self.retry);
            }
            "data" => {
                if std::mem::replace(&mut self.has_data, true) {
                    self.data.push('\n');
                }
                self.data.push_str(value);
            }
            _ => {}
        }
        None
    }

    fn dispatch(&mut self) -> Option<Event> {
        self.last_id.clone_from(&self.id);
        let (name, data) = (std::mem::take(&mut self.name), std::mem::take(&mut self.data));
        std::mem::take(&mut self.has_data).then_some(Event { name, data })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(source: &mut EventSource, pieces: &[&str]) -> Vec<(String, String, String)> {
        let mut events = Vec::new();
        for piece in pieces {
            source.feed(piece.as_bytes(), |event| events.push((event.name, event.data)));
        }
        let with_id = |(name, data)| (name, data, source.last_id.clone());
        events.into_iter().map(with_id).collect()
    }

    #[test]
    fn streams_cut_at_every_byte_are_the_same() {
        let stream =
            ": hi\n\nretry: 9\nevent: fanfare.open\nid: a\ndata: {}\n\nid:b\r\ndata: x\r\ndata:y\r\n\r\n";
        for cut in 0..=stream.len() {
            let mut source = EventSource::new();
            let events = read(&mut source, &[&stream[..cut], &stream[cut..]]);
            let seen: Vec<(&str, &str)> = events.iter().map(|(name, data, _)| (&**name, &**data)).collect();
            assert_eq!(seen, [("fanfare.open", "{}"), ("", "x\ny")], "cut at {cut}");
            assert_eq!((&*source.last_id, source.retry), ("b", Some(Duration::from_millis(9))));
        }
    }

    #[test]
    fn an_event_without_its_end_never_happened() {
        let mut source = EventSource::new();
        read(&mut source, &["id: a\ndata: 1\n\nid: b\ndata: 2\n"]);
        assert_eq!(source.last_id, "a");
        source.forget_partial();
        assert!(read(&mut source, &["\n"]).is_empty());
        assert_eq!(source.last_id, "a");
    }

    #[test]
    fn an_id_without_data_counts_and_a_bad_retry_does_not() {
        let mut source = EventSource::new();
        assert!(read(&mut source, &["retry: soon\nid: a\n\n"]).is_empty());
        assert_eq!((&*source.last_id, source.retry), ("a", None));
    }
}
