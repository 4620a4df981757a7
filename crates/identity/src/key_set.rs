//! A set of public keys as issuers publish it (JWKS, RFC 7517).

use jsonwebtoken::jwk::Jwk;
use serde::Deserialize;
use serde_json::Value;

use crate::key::{Key, KeyError};

/// Keys of a set that are looked at; a token may have to be tried with each.
const MAX_KEYS: usize = 100;

#[derive(Deserialize)]
struct Set {
    keys: Vec<Value>,
}

/// Reads a set. Keys in it that are there for something else, or of a kind that is not known here, are
/// passed over, as the standard wants (section 5).
///
/// # Errors
/// It is none.
pub fn key_set(json: &str) -> Result<Vec<Key>, KeyError> {
    let set: Set = serde_json::from_str(json).map_err(|error| KeyError::Set(error.to_string()))?;
    let read = |value| serde_json::from_value::<Jwk>(value).ok().and_then(|jwk| Key::jwk(&jwk).ok()?);
    Ok(set.keys.into_iter().take(MAX_KEYS).filter_map(read).collect())
}
