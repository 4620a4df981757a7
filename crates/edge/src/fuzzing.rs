//! Doors for fuzzing, built only by cargo-fuzz: what reads bytes from outside, with what must hold of it.

use hyper::{
    HeaderMap,
    header::{HeaderName, HeaderValue},
};

use crate::{
    auth,
    command::{Ask, Post},
    forwarded::Hops,
    idempotency, prefer,
    request::{Limits, Wanted},
    websocket::{Incoming, Reader, Violation},
};

/// The longest message of a client.
const MAX_MESSAGE_BYTES: usize = 1_000;

/// A query in the first line, and a header in each further one.
pub fn request(bytes: &[u8]) {
    let mut lines = bytes.split(|byte| *byte == b'\n');
    let query = String::from_utf8_lossy(lines.next().unwrap_or_default());
    let headers: HeaderMap = lines
        .filter_map(|line| {
            let colon = line.iter().position(|byte| *byte == b':')?;
            let name = HeaderName::from_bytes(&line[..colon]).ok()?;
            Some((name, HeaderValue::from_bytes(line[colon + 1..].trim_ascii()).ok()?))
        })
        .collect();
    let limits = Limits { max_channels: 10, max_member_bytes: 100 };
    if let Ok(wanted) = Wanted::parse(&query, &headers, limits) {
        assert!(wanted.patterns.len() <= limits.max_channels);
    }
    auth::find_token(&headers, &query);
    let _ = (Hops::read(&headers), prefer::wait(&headers), idempotency::key(&headers).is_ok());
}

/// What a client sends over a WebSocket, cut where the first byte says: it means the same in one piece.
pub fn websocket(bytes: &[u8]) {
    let Some((cut, bytes)) = bytes.split_first() else { return };
    assert_eq!(read(bytes, usize::from(*cut).max(1)), read(bytes, usize::MAX));
}

fn read(bytes: &[u8], piece: usize) -> (Vec<Incoming>, Option<Violation>) {
    let (mut reader, mut came) = (Reader::default(), Vec::new());
    for mut piece in bytes.chunks(piece.min(bytes.len().max(1))) {
        loop {
            match reader.next(&mut piece, MAX_MESSAGE_BYTES) {
                Ok(Some(incoming)) => came.push(incoming),
                Ok(None) => break,
                Err(violation) => return (came, Some(violation)),
            }
        }
    }
    (came, None)
}

/// A message over a WebSocket, and a line of a body that publishes several.
pub fn body(text: &str) {
    let _ = Ask::parse(text);
    if let Ok(post) = Post::parse(text) {
        for json in [false, true] {
            if let Ok(data) = post.data(json) {
                let _ = post.draft(&data).map(|draft| publication::Publication::new(&draft, 1_000));
            }
        }
    }
}
