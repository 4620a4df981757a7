//! `Idempotency-Key`: what is sent again because no answer came is published once.
//!
//! As draft-ietf-httpapi-idempotency-key-header says: the same key with the same content gets the same
//! answer; while the first is underway, 409; with another content, 422.

use hyper::{HeaderMap, StatusCode, header::HeaderValue};
use publication::{Draft, Once};
use sha1_smol::Sha1;

use crate::respond::{Answer, Refusal};

const NAME: &str = "idempotency-key";
/// The longest key, in bytes.
const MAX_KEY_BYTES: usize = 255;

/// The key of a request. A quoted string of the draft and a bare text mean the same.
///
/// # Errors
/// It is too long, or nothing that is written in a header.
pub(crate) fn key(headers: &HeaderMap) -> Result<Option<&str>, Refusal> {
    let Some(value) = headers.get(NAME) else { return Ok(None) };
    let key = value.to_str().unwrap_or_default();
    let key = key.strip_prefix('"').and_then(|key| key.strip_suffix('"')).unwrap_or(key);
    if (1..=MAX_KEY_BYTES).contains(&key.len()) {
        return Ok(Some(key));
    }
    let message = format!("`Idempotency-Key` must be 1 to {MAX_KEY_BYTES} characters of ASCII");
    Err(Refusal::new(StatusCode::BAD_REQUEST, "bad_idempotency_key", message))
}

/// Says that nothing was published now: the answer is that of the first time.
pub(crate) fn mark_replayed(answer: &mut Answer) {
    answer.headers_mut().insert("idempotent-replayed", HeaderValue::from_static("true"));
}

/// By which a publication is known that bears this key.
pub(crate) fn once(key: String, draft: &Draft<'_>) -> Once {
    let Draft { channel, event, data, retraction, ttl, from, .. } = *draft;
    // What one subject has named is no other's. No key holds two line breaks in a row.
    let key = from.map_or(key.clone(), |from| format!("{key}\n\n{from}"));
    let mut hash = Sha1::new();
    // Lengths first, so that no two that differ are written alike.
    for part in [channel, event.unwrap_or_default(), data] {
        hash.update(&part.len().to_be_bytes());
        hash.update(part.as_bytes());
    }
    hash.update(&[retraction.into(), event.is_some().into()]);
    hash.update(&ttl.unwrap_or_default().to_be_bytes());
    let digest = hash.digest().bytes();
    let fingerprint = digest.iter().take(8).fold(0, |hash, byte| (hash << 8) | u64::from(*byte));
    Once { key: key.into(), fingerprint }
}
