//! A request as the bytes that it came in, for somebody else to read.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::{
    Method, Request, StatusCode, Version,
    body::Incoming,
    header::{CONNECTION, CONTENT_LENGTH, EXPECT, TRANSFER_ENCODING, UPGRADE},
};
use tokio::{sync::Semaphore, time::timeout};

/// The longest body.
const MAX_BODY_BYTES: usize = 1024 * 1024;

/// The longest wait for it, and how many are read at once: whoever sends them has not been let in yet.
const PATIENCE: Duration = Duration::from_secs(10);
static READING: Semaphore = Semaphore::const_new(16);

/// Reads it to its end. What is asked for next comes on a connection of its own.
pub(super) async fn read(request: Request<Incoming>) -> Result<Bytes, (StatusCode, &'static str)> {
    let (parts, body) = request.into_parts();
    let whole = async {
        // It is never closed.
        let _permit = READING.acquire().await;
        Limited::new(body, MAX_BODY_BYTES).collect().await
    };
    let late = (StatusCode::REQUEST_TIMEOUT, "the body did not come in time");
    let body = timeout(PATIENCE, whole).await.map_err(|_| late)?;
    let too_long = (StatusCode::PAYLOAD_TOO_LARGE, "a body has at most 1 MiB on the admin port");
    let body = body.map_err(|_| too_long)?.to_bytes();
    let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
    let version = if parts.version == Version::HTTP_10 { "1.0" } else { "1.1" };
    let mut out = format!("{} {target} HTTP/{version}\r\n", parts.method).into_bytes();
    let upgrades = parts.method == Method::GET
        && parts.headers.get(UPGRADE).is_some_and(|to| to.as_bytes().eq_ignore_ascii_case(b"websocket"));
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
