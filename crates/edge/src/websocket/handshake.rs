//! The opening handshake (RFC 6455, section 4.2).

use data_encoding::BASE64;
use hyper::{
    HeaderMap, Method, Request, Version,
    header::{CONNECTION, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE},
};
use sha1_smol::Sha1;

use crate::header_list;

/// What the server adds to the key before it hashes it.
const MAGIC: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Why a request that upgrades is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HandshakeError {
    /// It is malformed, in these words.
    Malformed(&'static str),
    /// It does not upgrade, or with another method than GET.
    None,
    /// Another version of the protocol.
    Version,
}

/// Whether a request asks for a WebSocket.
pub(crate) fn is_wanted(headers: &HeaderMap) -> bool {
    header_list::contains(headers, UPGRADE, "websocket")
}

/// The value of `Sec-WebSocket-Accept` for a request that asks for a WebSocket.
///
/// # Errors
/// It does not ask as the standard says.
pub(crate) fn accept<B>(request: &Request<B>) -> Result<String, HandshakeError> {
    let headers = request.headers();
    if request.version() != Version::HTTP_11 {
        return Err(HandshakeError::Malformed("a WebSocket needs HTTP/1.1"));
    }
    if request.method() != Method::GET || !is_wanted(headers) {
        return Err(HandshakeError::None);
    }
    if !header_list::contains(headers, CONNECTION, "upgrade") {
        return Err(HandshakeError::Malformed("the header `Connection: Upgrade` is missing"));
    }
    if headers.get(SEC_WEBSOCKET_VERSION).is_none_or(|version| version != "13") {
        return Err(HandshakeError::Version);
    }
    let mut keys = headers.get_all(SEC_WEBSOCKET_KEY).iter();
    let key = keys.next().map(|key| key.as_bytes()).unwrap_or_default();
    if keys.next().is_some() || BASE64.decode(key).ok().is_none_or(|key| key.len() != 16) {
        return Err(HandshakeError::Malformed("`Sec-WebSocket-Key` must be one, of 16 bytes in base64"));
    }
    let mut hash = Sha1::from(key);
    hash.update(MAGIC.as_bytes());
    Ok(BASE64.encode(&hash.digest().bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standards_own_example_is_accepted() {
        let request = Request::builder()
            .header("upgrade", "WebSocket")
            .header("connection", "keep-alive, Upgrade")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
            .body(())
            .unwrap();
        assert!(is_wanted(request.headers()));
        assert_eq!(accept(&request).as_deref(), Ok("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    }
}
