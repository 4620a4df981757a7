//! A request as the bytes that it came in, for somebody else to read.

use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::{
    Method, Request, Version,
    body::Incoming,
    header::{CONNECTION, CONTENT_LENGTH, EXPECT, TRANSFER_ENCODING, UPGRADE},
};

/// The longest body.
const MAX_BODY_BYTES: usize = 1024 * 1024;

/// Reads it to its end. What is asked for next comes on a connection of its own.
pub(super) async fn read(request: Request<Incoming>) -> Result<Bytes, &'static str> {
    let (parts, body) = request.into_parts();
    let body = Limited::new(body, MAX_BODY_BYTES).collect().await;
    let body = body.map_err(|_| "a body has at most 1 MiB here\n")?.to_bytes();
    let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
    let version = if parts.version == Version::HTTP_10 { "1.0" } else { "1.1" };
    let mut out = format!("{} {target} HTTP/{version}\r\n", parts.method).into_bytes();
    let upgrades = parts.method == Method::GET && parts.headers.contains_key(UPGRADE);
    for (name, value) in &parts.headers {
        // Of the body as it was sent, and of this connection; but a WebSocket stays what it is.
        let is_dropped =
            [CONTENT_LENGTH, TRANSFER_ENCODING, EXPECT].contains(name) || (*name == CONNECTION && !upgrades);
        if !is_dropped {
            write_header(&mut out, name.as_str(), value.as_bytes());
        }
    }
    if !upgrades {
        write_header(&mut out, "connection", b"close");
    }
    if !body.is_empty() {
        write_header(&mut out, "content-length", body.len().to_string().as_bytes());
    }
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(&body);
    Ok(out.into())
}

fn write_header(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}
