//! Reads Server-Sent Events by the rules of the WHATWG HTML standard, section 9.2.6.

use std::collections::VecDeque;

/// One event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Event {
    /// The event type; empty for `message`.
    pub(super) name: String,
    pub(super) data: String,
    /// The id, if this event set one.
    pub(super) id: Option<String>,
    /// The time before a reconnect in milliseconds, if this event set one.
    pub(super) retry: Option<u64>,
}

/// Puts events together from bytes that come in pieces.
#[derive(Default)]
pub(super) struct Events {
    line: Vec<u8>,
    after_cr: bool,
    event: Event,
    has_data: bool,
    ready: VecDeque<Event>,
}

impl Events {
    /// Takes the next bytes.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            match byte {
                // The second half of a CRLF.
                b'\n' if std::mem::take(&mut self.after_cr) => {}
                b'\n' | b'\r' => {
                    self.after_cr = byte == b'\r';
                    let line = std::mem::take(&mut self.line);
                    self.take_line(&String::from_utf8_lossy(&line));
                }
                byte => {
                    self.after_cr = false;
                    self.line.push(byte);
                }
            }
        }
    }

    /// The next whole event.
    pub(super) fn next(&mut self) -> Option<Event> {
        self.ready.pop_front()
    }

    fn take_line(&mut self, line: &str) {
        if line.is_empty() {
            let event = std::mem::take(&mut self.event);
            if std::mem::take(&mut self.has_data) {
                self.ready.push_back(event);
            }
            return;
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.event.name),
            "data" => {
                if self.has_data {
                    self.event.data.push('\n');
                }
                self.event.data.push_str(value);
                self.has_data = true;
            }
            "id" if !value.contains('\0') => self.event.id = Some(value.to_owned()),
            "retry" => self.event.retry = value.parse().ok().or(self.event.retry),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_out_the_same_however_the_bytes_are_cut() {
        let text = "retry: 5\r\nevent: x\r\nid: 7\r\ndata: a\r\ndata:  b\r\n\r\n: comment\rdata\r\rid: 8\n\ndata: c\n\n";
        let event = |name: &str, data: &str, id: Option<&str>, retry| Event {
            name: name.to_owned(),
            data: data.to_owned(),
            id: id.map(str::to_owned),
            retry,
        };
        let expected =
            [event("x", "a\n b", Some("7"), Some(5)), event("", "", None, None), event("", "c", None, None)];
        for size in 1..text.len() {
            let mut events = Events::default();
            text.as_bytes().chunks(size).for_each(|piece| events.push(piece));
            let read: Vec<_> = std::iter::from_fn(|| events.next()).collect();
            assert_eq!(read, expected, "in pieces of {size}");
        }
    }
}
