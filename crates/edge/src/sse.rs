//! Server-Sent Events, as the WHATWG HTML standard (section 9.2) has browsers read them.

use std::io::Write;

use hub::Shown;
use memchr::memchr2;
use publication::{Cursor, EventType};

use crate::{encoding::Control, envelope, sized};

/// What ends a chunked body.
pub(crate) const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// What an event stream is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Form {
    /// The data is the JSON envelope and not the bare data.
    pub(crate) envelope: bool,
    /// The event's name is the channel and not the publication's type.
    pub(crate) named_by_channel: bool,
    /// Frames are chunks of HTTP/1.1 and not a body that ends with the connection.
    pub(crate) chunked: bool,
}

impl Form {
    /// All of it in a few bits.
    pub(crate) const fn number(self) -> u8 {
        (self.envelope as u8) | ((self.chunked as u8) << 1) | ((self.named_by_channel as u8) << 2)
    }

    pub(crate) const fn from_number(number: u8) -> Self {
        Self { envelope: number & 1 != 0, chunked: number & 2 != 0, named_by_channel: number & 4 != 0 }
    }
}

/// Adds a publication as one event, in one chunk where chunks are wanted.
pub(crate) fn write_publication(out: &mut Vec<u8>, shown: &Shown<'_>, form: Form, with_id: bool) {
    let publication = &shown.entry.publication;
    frame(out, form, |out| {
        if with_id {
            write_id(out, shown.entry.cursor);
        }
        if form.envelope {
            if form.named_by_channel {
                write_name(out, name_by_channel(shown.channel));
            }
            let mut json = Vec::new();
            envelope::write(&mut json, shown, with_id);
            write_data(out, &json);
        } else if publication.is_retraction() {
            // A named event, so that nobody takes it for a value.
            out.extend_from_slice(b"event: fanfare.retract\n");
            let mut json = Vec::new();
            envelope::write(&mut json, shown, false);
            write_data(out, &json);
        } else {
            let by_channel = form.named_by_channel.then(|| name_by_channel(shown.channel));
            write_name(out, by_channel.unwrap_or(publication.event()));
            write_data(out, publication.data().as_bytes());
        }
    });
}

/// Adds a control message: a named event, so that `onmessage` never sees it.
pub(crate) fn write_control(out: &mut Vec<u8>, form: Form, control: &Control<'_>) {
    let Control { name, id, retry, data } = *control;
    frame(out, form, |out| {
        if let Some(retry) = retry {
            // Writing into memory cannot fail.
            let _ = writeln!(out, "retry: {}", retry.as_millis());
        }
        let _ = writeln!(out, "event: fanfare.{name}");
        if let Some(cursor) = id {
            write_id(out, cursor);
        }
        write_data(out, data.as_bytes());
    });
}

/// Adds what `content` writes and the blank line that ends an event, in one chunk if chunked.
fn frame(out: &mut Vec<u8>, form: Form, content: impl FnOnce(&mut Vec<u8>)) {
    let event = |out: &mut Vec<u8>| {
        content(out);
        out.push(b'\n');
    };
    if !form.chunked {
        return event(out);
    }
    sized::write(out, event, |size, room| {
        // The room is for eight digits and the line break: enough for any frame.
        let mut rest = &mut room[..];
        let _ = write!(rest, "{size:x}\r\n");
        let left = rest.len();
        room.len() - left
    });
    out.extend_from_slice(b"\r\n");
}

/// The event's name where it is the channel; none for one that a browser would take for its own event or
/// for the gateway's.
fn name_by_channel(channel: &str) -> Option<&str> {
    EventType::check(channel).is_ok().then_some(channel)
}

fn write_name(out: &mut Vec<u8>, name: Option<&str>) {
    if let Some(name) = name {
        out.extend_from_slice(b"event: ");
        out.extend_from_slice(name.as_bytes());
        out.push(b'\n');
    }
}

fn write_id(out: &mut Vec<u8>, cursor: Cursor) {
    let _ = writeln!(out, "id: {cursor}");
}

/// Adds one `data:` line per line. CR, LF and CRLF all end a line for a browser, and all of them
/// come out there as LF.
fn write_data(out: &mut Vec<u8>, data: &[u8]) {
    let mut rest = data;
    loop {
        out.extend_from_slice(b"data: ");
        let Some(end) = memchr2(b'\n', b'\r', rest) else {
            out.extend_from_slice(rest);
            out.push(b'\n');
            return;
        };
        out.extend_from_slice(&rest[..end]);
        out.push(b'\n');
        let width = if rest[end..].starts_with(b"\r\n") { 2 } else { 1 };
        rest = &rest[end + width..];
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use hub::{Config, Hub, Selection};
    use proptest::prelude::*;
    use publication::{Arrival, BeaconId, ChannelName, Draft, Pattern, Publication};

    use super::*;

    fn encode(data: &str, event: Option<&str>, form: Form) -> Vec<u8> {
        let selection = Selection::new([Pattern::Channel(ChannelName::new("a").unwrap())]);
        let config = Config {
            keep_count: 10,
            keep_bytes: 1 << 20,
            keep_for: std::time::Duration::MAX,
            keep_channels: 10,
            keep_cursors: std::time::Duration::MAX,
        };
        let mut hub = Hub::new(config);
        hub.append(&Arrival::Beacon(BeaconId { gateway: 1, counter: 2 }), std::time::Instant::now());
        let draft = Draft { channel: "a", event, data, ..Draft::default() };
        let publication = Publication::new(&draft, 1 << 20).unwrap();
        hub.append(&Arrival::Publication(Arc::new(publication)), std::time::Instant::now());
        let mut out = Vec::new();
        let shown = Shown::delivered(hub.newest(&selection).unwrap(), &selection);
        write_publication(&mut out, &shown, form, true);
        out
    }

    const PLAIN: Form = Form { envelope: false, chunked: false, named_by_channel: false };
    const CHUNKED: Form = Form { chunked: true, ..PLAIN };

    #[test]
    fn an_event_has_id_type_and_a_data_line_per_line() {
        let check = |data, event, expected: &str| {
            let text = String::from_utf8(encode(data, event, PLAIN)).unwrap();
            assert_eq!(text, format!("id: 0000000000000001-2-1\n{expected}\n"));
        };
        check("full", Some("disk"), "event: disk\ndata: full\n");
        check("", None, "data: \n");
        check("a\nb\r\nc\rd\n", None, "data: a\ndata: b\ndata: c\ndata: d\ndata: \n");
        check(" a\r\n\r\nb", None, "data:  a\ndata: \ndata: b\n");
    }

    #[test]
    fn the_envelope_is_one_line() {
        let text = String::from_utf8(encode("a\n\"b\"", Some("x"), Form { envelope: true, ..PLAIN }));
        let json = r#"{"id":"0000000000000001-2-1","channel":"a","event":"x","data":"a\n\"b\""}"#;
        assert_eq!(text.unwrap(), format!("id: 0000000000000001-2-1\ndata: {json}\n\n"));
    }

    proptest! {
        #[test]
        fn a_chunk_holds_exactly_the_event(data in "\\PC{0,40}|[a-z]{0,9000}") {
            let plain = encode(&data, None, PLAIN);
            let expected = [format!("{:x}\r\n", plain.len()).as_bytes(), &plain, b"\r\n"].concat();
            prop_assert_eq!(encode(&data, None, CHUNKED), expected);
        }

        #[test]
        fn data_comes_out_as_the_standard_says(data in "[ab :\r\n]{0,30}") {
            let text = String::from_utf8(encode(&data, None, PLAIN)).unwrap();
            // The reading side of the standard: strip one space, join by LF.
            let lines = text.lines().filter_map(|line| line.strip_prefix("data:"));
            let read: Vec<_> = lines.map(|line| line.strip_prefix(' ').unwrap_or(line)).collect();
            prop_assert_eq!(read.join("\n"), data.replace("\r\n", "\n").replace('\r', "\n"));
        }
    }
}
