//! Heads of answers that are written by the shard itself, once the socket has left hyper.

use std::time::SystemTime;

use hyper::{HeaderMap, StatusCode};

/// The headers that every event stream has; `no-transform` and `X-Accel-Buffering` keep proxies
/// from holding events back.
pub(crate) const EVENT_STREAM: &[(&str, &str)] = &[
    ("Content-Type", "text/event-stream"),
    ("Cache-Control", "no-store, no-transform"),
    ("X-Accel-Buffering", "no"),
    ("Vary", "Accept, Origin"),
    ("X-Content-Type-Options", "nosniff"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
];

/// The whole head of a 200. Without chunks, the body ends with the connection.
pub(crate) fn event_stream(chunked: bool, further: Option<&HeaderMap>) -> Vec<u8> {
    let mut out = Vec::with_capacity(512);
    out.extend_from_slice(b"HTTP/1.1 200 OK\r\n");
    for (name, value) in EVENT_STREAM {
        write(&mut out, name, value.as_bytes());
    }
    for (name, value) in further.into_iter().flatten() {
        write(&mut out, name.as_str(), value.as_bytes());
    }
    write(&mut out, "Date", httpdate::fmt_http_date(SystemTime::now()).as_bytes());
    write(&mut out, "Connection", b"close");
    if chunked {
        write(&mut out, "Transfer-Encoding", b"chunked");
    }
    out.extend_from_slice(b"\r\n");
    out
}

/// The head of a 101.
pub(crate) fn websocket(accept: &str) -> Vec<u8> {
    let mut out = b"HTTP/1.1 101 Switching Protocols\r\n".to_vec();
    write(&mut out, "Upgrade", b"websocket");
    write(&mut out, "Connection", b"Upgrade");
    write(&mut out, "Sec-WebSocket-Accept", accept.as_bytes());
    out.extend_from_slice(b"\r\n");
    out
}

/// The head of an answer whose body has so many bytes.
pub(crate) fn answer(status: StatusCode, headers: &HeaderMap, length: usize, keep_alive: bool) -> Vec<u8> {
    let mut out = format!("HTTP/1.1 {status}\r\n").into_bytes();
    for (name, value) in headers {
        write(&mut out, name.as_str(), value.as_bytes());
    }
    write(&mut out, "Date", httpdate::fmt_http_date(SystemTime::now()).as_bytes());
    if status != StatusCode::NOT_MODIFIED {
        write(&mut out, "Content-Length", length.to_string().as_bytes());
    }
    if !keep_alive {
        write(&mut out, "Connection", b"close");
    }
    out.extend_from_slice(b"\r\n");
    out
}

fn write(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    for part in [name.as_bytes(), b": ", value, b"\r\n"] {
        out.extend_from_slice(part);
    }
}
