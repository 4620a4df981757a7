//! A key that tokens are checked with. What it is decides by which algorithms it signs; a token's own
//! word on that only picks among them.

use std::fmt;

use jsonwebtoken::{
    Algorithm, AlgorithmFamily, DecodingKey, DecodingKeyKind,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyOperations, PublicKeyUse},
};

/// The shortest secret: as long as the hash of HS256 (RFC 7518, section 3.2).
pub const MIN_SECRET_BYTES: usize = 32;
/// A point of P-256 and one of P-384, uncompressed.
const P256_BYTES: usize = 65;
const P384_BYTES: usize = 97;
/// Bits of the shortest modulus (RFC 7518, section 3.3).
const MIN_RSA_BITS: usize = 2_048;

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
        let length = match decoding.kind() {
            DecodingKeyKind::SecretOrDer(bytes) => bytes.len(),
            DecodingKeyKind::RsaModulusExponent { .. } => 0,
        };
        let algorithms: &[Algorithm] = match (decoding.family(), length) {
            (AlgorithmFamily::Rsa, _) => match modulus(decoding.kind()) {
                Some(modulus) if bits(modulus) >= MIN_RSA_BITS => RSA,
                Some(_) => return Err(KeyError::Weak),
                None => return Err(KeyError::Unknown),
            },
            (AlgorithmFamily::Ec, P256_BYTES) => &[Algorithm::ES256],
            (AlgorithmFamily::Ec, P384_BYTES) => &[Algorithm::ES384],
            (AlgorithmFamily::Ed, 32) => &[Algorithm::EdDSA],
            _ => return Err(KeyError::Unknown),
        };
        Ok(Self { id: None, algorithms: algorithms.into(), decoding })
    }
}

/// The modulus of an RSA key. In DER it is the first number of a sequence (RFC 8017, section A.1.1).
fn modulus(key: &DecodingKeyKind) -> Option<&[u8]> {
    match key {
        DecodingKeyKind::RsaModulusExponent { n, .. } => Some(n),
        DecodingKeyKind::SecretOrDer(der) => element(element(der, 0x30)?, 0x02),
    }
}

/// The content of the element of DER with this tag.
fn element(der: &[u8], tag: u8) -> Option<&[u8]> {
    let (&[first, length], rest) = der.split_first_chunk()?;
    let (length, rest) = match length {
        0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(length & 0x7f))?;
            (digits.iter().fold(0, |length, digit| (length << 8) | usize::from(*digit)), rest)
        }
        short => (short.into(), rest),
    };
    rest.get(..length).filter(|_| first == tag)
}

/// The length of a number, without the zeros before it.
fn bits(number: &[u8]) -> usize {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    let number = &number[zeros..];
    number.first().map_or(0, |first| number.len() * 8 - first.leading_zeros() as usize)
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

#[cfg(test)]
mod tests {
    use super::*;

    /// An element of DER.
    fn der(tag: u8, content: &[u8]) -> Vec<u8> {
        let length = (content.len() as u16).to_be_bytes();
        [&[tag, 0x82], &length[..], content].concat()
    }

    #[test]
    fn the_modulus_of_an_rsa_key_is_counted_in_bits() {
        let key = |first: u8, bytes: usize| {
            let modulus = [vec![0, first], vec![0xff; bytes - 1]].concat();
            let sequence = [der(0x02, &modulus), der(0x02, &[1, 0, 1])].concat();
            Key::public(DecodingKey::from_rsa_der(&der(0x30, &sequence))).map(|key| key.algorithms.len())
        };
        assert_eq!(key(0x80, 256), Ok(RSA.len()));
        assert_eq!(key(0x7f, 256), Err(KeyError::Weak));
        assert_eq!(key(0xff, 255), Err(KeyError::Weak));
        assert_eq!(key(0xff, 248), Err(KeyError::Weak));
        let public = |der: &[u8]| Key::public(DecodingKey::from_rsa_der(der)).map(|_| ());
        for cut in [&b""[..], b"\x30", b"\x30\x82\x01", b"\x30\x03\x02\x05\x01", b"\x02\x01\x01"] {
            assert_eq!(public(cut), Err(KeyError::Unknown), "{cut:?}");
        }
    }
}
