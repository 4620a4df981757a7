//! A key that tokens are checked with. What it is decides by which algorithms it signs; a token's own
//! word on that only picks among them.

use std::fmt;

use jsonwebtoken::{
    Algorithm, DecodingKey,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyOperations, PublicKeyUse},
};

/// The shortest secret: as long as the hash of HS256 (RFC 7518, section 3.2).
pub const MIN_SECRET_BYTES: usize = 32;
/// A point of P-256 and one of P-384, uncompressed.
const P256_BYTES: usize = 65;
const P384_BYTES: usize = 97;
/// An RSA key of 2,048 bits is longer than this, however it is written.
const MIN_RSA_BYTES: usize = 256;

const HMAC: &[Algorithm] = &[Algorithm::HS256, Algorithm::HS384, Algorithm::HS512];
const RSA: &[Algorithm] = &[
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
];

/// A secret, or the public half of a pair.
#[derive(Clone)]
pub struct Key {
    /// By which a token may name it (`kid`).
    pub(crate) id: Option<Box<str>>,
    pub(crate) algorithms: Box<[Algorithm]>,
    pub(crate) decoding: DecodingKey,
}

/// Why something is no key to check tokens with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyError {
    /// A secret of fewer than [`MIN_SECRET_BYTES`].
    Short,
    /// The half that signs, which the gateway must not have.
    Private,
    /// A certificate, which is more than a key.
    Certificate,
    /// An RSA key of fewer than 2,048 bits.
    Weak,
    /// A key of another kind, or none at all.
    Unknown,
    /// No key that signs.
    Unsuitable,
    /// A set of keys that is no JSON of RFC 7517.
    Set(String),
}

impl Key {
    /// A secret that issuer and gateway share: HS256, HS384, HS512.
    ///
    /// # Errors
    /// It is too short to be one.
    pub fn secret(secret: &[u8]) -> Result<Self, KeyError> {
        if secret.len() < MIN_SECRET_BYTES {
            return Err(KeyError::Short);
        }
        Ok(Self { id: None, algorithms: HMAC.into(), decoding: DecodingKey::from_secret(secret) })
    }

    /// A public key in PEM: of RSA (RS and PS), of P-256 or P-384 (ES256, ES384), of Ed25519 (`EdDSA`).
    ///
    /// # Errors
    /// It is none of these.
    pub fn pem(text: &str) -> Result<Self, KeyError> {
        if text.contains("PRIVATE KEY-----") {
            return Err(KeyError::Private);
        }
        if text.contains("BEGIN CERTIFICATE") {
            return Err(KeyError::Certificate);
        }
        let bytes = text.as_bytes();
        let decoding = DecodingKey::from_ed_pem(bytes)
            .or_else(|_| DecodingKey::from_ec_pem(bytes))
            .or_else(|_| DecodingKey::from_rsa_pem(bytes))
            .map_err(|_| KeyError::Unknown)?;
        Self::public(decoding)
    }

    /// A key of a set (RFC 7517). `None` if it is there for something else.
    ///
    /// # Errors
    /// It is none that this gateway can check with.
    pub(crate) fn jwk(jwk: &Jwk) -> Result<Option<Self>, KeyError> {
        let common = &jwk.common;
        let is_for_signatures =
            common.public_key_use.as_ref().is_none_or(|use_| *use_ == PublicKeyUse::Signature)
                && common.key_operations.as_ref().is_none_or(|all| all.contains(&KeyOperations::Verify));
        if !is_for_signatures {
            return Ok(None);
        }
        match &jwk.algorithm {
            // Whoever can read a set of keys could sign with a secret in it.
            AlgorithmParameters::OctetKey(_) => return Err(KeyError::Private),
            AlgorithmParameters::OctetKeyPair(pair) if pair.curve != EllipticCurve::Ed25519 => {
                return Err(KeyError::Unknown);
            }
            AlgorithmParameters::EllipticCurve(point)
                if !matches!(point.curve, EllipticCurve::P256 | EllipticCurve::P384) =>
            {
                return Err(KeyError::Unknown);
            }
            _ => {}
        }
        let mut key = Self::public(DecodingKey::from_jwk(jwk).map_err(|_| KeyError::Unknown)?)?;
        if let Some(algorithm) = common.key_algorithm {
            // It says itself that it signs by no other.
            let algorithm = Algorithm::try_from(algorithm).map_err(|_| KeyError::Unknown)?;
            let found = key.algorithms.contains(&algorithm);
            key.algorithms = if found { Box::new([algorithm]) } else { return Err(KeyError::Unknown) };
        }
        key.id = common.key_id.as_deref().map(Box::from);
        Ok(Some(key))
    }

    fn public(decoding: DecodingKey) -> Result<Self, KeyError> {
        use jsonwebtoken::{AlgorithmFamily, DecodingKeyKind};
        let bytes = match decoding.kind() {
            DecodingKeyKind::SecretOrDer(bytes) => bytes.len(),
            DecodingKeyKind::RsaModulusExponent { n, .. } => n.len(),
        };
        let algorithms: &[Algorithm] = match (decoding.family(), bytes) {
            (AlgorithmFamily::Rsa, MIN_RSA_BYTES..) => RSA,
            (AlgorithmFamily::Rsa, _) => return Err(KeyError::Weak),
            (AlgorithmFamily::Ec, P256_BYTES) => &[Algorithm::ES256],
            (AlgorithmFamily::Ec, P384_BYTES) => &[Algorithm::ES384],
            (AlgorithmFamily::Ed, 32) => &[Algorithm::EdDSA],
            _ => return Err(KeyError::Unknown),
        };
        Ok(Self { id: None, algorithms: algorithms.into(), decoding })
    }
}

impl fmt::Debug for Key {
    /// Without the key itself.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Key")
            .field("id", &self.id)
            .field("algorithms", &self.algorithms)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for KeyError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Short => write!(
                out,
                "a secret has at least {MIN_SECRET_BYTES} bytes, or it can be guessed; make one with \
                 `openssl rand -base64 48`"
            ),
            Self::Private => {
                out.write_str("this key can sign; the gateway only checks, and needs the public half alone")
            }
            Self::Certificate => out.write_str(
                "this is a certificate; take its key out with `openssl x509 -pubkey -noout -in FILE`",
            ),
            Self::Weak => out.write_str("an RSA key has at least 2,048 bits"),
            Self::Unknown => out.write_str(
                "this is no public key of RSA, P-256, P-384 or Ed25519, in PEM (`-----BEGIN PUBLIC KEY-----`)",
            ),
            Self::Unsuitable => out.write_str(
                "this is no private key of RSA, P-256, P-384 or Ed25519, in PEM (`-----BEGIN PRIVATE KEY-----`)",
            ),
            Self::Set(why) => write!(out, "this is no set of keys (RFC 7517): {why}"),
        }
    }
}

impl std::error::Error for KeyError {}
