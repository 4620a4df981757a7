//! Who signs tokens, for development: an issuer in production has its own way.

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::Value;

use crate::key::{KeyError, MIN_SECRET_BYTES};

/// A key that signs.
pub struct Signer {
    algorithm: Algorithm,
    key: EncodingKey,
}

impl Signer {
    /// Signs with a secret, as HS256.
    ///
    /// # Errors
    /// It is too short to be one.
    pub fn secret(secret: &[u8]) -> Result<Self, KeyError> {
        if secret.len() < MIN_SECRET_BYTES {
            return Err(KeyError::Short);
        }
        Ok(Self { algorithm: Algorithm::HS256, key: EncodingKey::from_secret(secret) })
    }

    /// Signs with a private key in PEM: of Ed25519 as `EdDSA`, of P-256 or P-384 as ES256 or ES384, of RSA as
    /// RS256.
    ///
    /// # Errors
    /// It is none of these.
    pub fn pem(text: &str) -> Result<Self, KeyError> {
        let bytes = text.as_bytes();
        let try_all = [
            (Algorithm::EdDSA, EncodingKey::from_ed_pem(bytes)),
            (Algorithm::ES256, EncodingKey::from_ec_pem(bytes)),
            (Algorithm::ES384, EncodingKey::from_ec_pem(bytes)),
            (Algorithm::RS256, EncodingKey::from_rsa_pem(bytes)),
        ];
        let signers =
            try_all.into_iter().filter_map(|(algorithm, key)| Some(Self { algorithm, key: key.ok()? }));
        // Of which curve a key is shows when it signs.
        let mut able = signers.filter(|signer| signer.sign(&Value::Null).is_ok());
        able.next().ok_or(KeyError::Unsuitable)
    }

    /// A token with these claims.
    ///
    /// # Errors
    /// The key does not sign.
    pub fn sign(&self, claims: &Value) -> Result<String, KeyError> {
        let header = Header::new(self.algorithm);
        jsonwebtoken::encode(&header, claims, &self.key).map_err(|_| KeyError::Unsuitable)
    }
}

/// What a token says, whoever signed it: its header and its claims.
#[must_use]
pub fn read_unproven(token: &str) -> Option<(Value, Value)> {
    let (head, _signature) = token.rsplit_once('.')?;
    let (header, payload) = head.split_once('.')?;
    let read = |part: &str| {
        let bytes = data_encoding::BASE64URL_NOPAD.decode(part.as_bytes()).ok()?;
        serde_json::from_slice(&bytes).ok()
    };
    Some((read(header)?, read(payload)?))
}
