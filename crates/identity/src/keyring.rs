//! All whose tokens are accepted, and the check of a token.

use std::time::{Duration, SystemTime};

use data_encoding::BASE64URL_NOPAD;
use jsonwebtoken::{Header, crypto, decode_header};

use crate::{claims::Claims, error::TokenError, identity::Identity, issuer::Issuer, key::Key};

/// The longest token that is looked at.
const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// The issuers that are trusted.
#[derive(Clone, Debug, Default)]
pub struct Keyring {
    /// In the order of the configuration.
    pub issuers: Vec<Issuer>,
    /// By how much clocks may differ.
    pub leeway: Duration,
    /// Claims of which an identity is to know the text.
    pub claims: Vec<String>,
}

impl Keyring {
    /// Whether nobody is trusted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.issuers.is_empty()
    }

    /// Learns what an issuer says at its URL that it signs with.
    pub fn learn(&mut self, url: &str, keys: &[Key]) {
        let issuers = self.issuers.iter_mut().filter(|issuer| issuer.url.as_deref() == Some(url));
        issuers.for_each(|issuer| issuer.published = keys.to_vec());
    }

    /// Checks a token in its compact form, `header.payload.signature`.
    ///
    /// # Errors
    /// Why it is not accepted.
    pub fn check(&self, token: &str, now: SystemTime) -> Result<Identity, TokenError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(TokenError::Malformed(format!("it is longer than {MAX_TOKEN_BYTES} bytes")));
        }
        let header = decode_header(token).map_err(|_| {
            TokenError::Malformed(
                "it is no JWT, or is signed by an algorithm that is not accepted".to_owned(),
            )
        })?;
        if header.crit.is_some() {
            // RFC 7515, section 4.1.11.
            return Err(TokenError::Malformed(
                "its header has extensions (`crit`) that are not known here".to_owned(),
            ));
        }
        let Some((signed, signature)) = token.rsplit_once('.') else { return Err(no_json()) };
        let payload = read_payload(signed)?;
        // Nothing of it is proven yet: it only says whose keys are to be tried.
        let claims = Claims::read(&payload)?;
        let mut why = TokenError::Issuer;
        for issuer in self.issuers.iter().filter(|issuer| issuer.is(claims.iss.as_deref())) {
            match check_signature(signed, signature, &header, issuer) {
                Ok(()) => {
                    claims.check_time(now, self.leeway)?;
                    issuer.check_audience(&claims.aud)?;
                    return claims.identity(&payload, &self.claims, self.leeway);
                }
                // That one's keys may have changed, which is worth a look.
                Err(error) if !matches!(why, TokenError::NewKey(_)) => why = error,
                Err(_) => {}
            }
        }
        Err(why)
    }

    /// Reads claims that somebody who is trusted vouches for, as they would stand in a token.
    ///
    /// # Errors
    /// They are none, or their time is over or has not begun.
    pub fn vouch(&self, claims: &str, now: SystemTime) -> Result<Identity, TokenError> {
        let read = Claims::read(claims)?;
        read.check_time(now, self.leeway)?;
        read.identity(claims, &self.claims, self.leeway)
    }
}

/// What stands behind the header in what is signed.
fn read_payload(signed: &str) -> Result<String, TokenError> {
    let bytes =
        signed.rsplit_once('.').and_then(|(_, payload)| BASE64URL_NOPAD.decode(payload.as_bytes()).ok());
    bytes.and_then(|bytes| String::from_utf8(bytes).ok()).ok_or_else(no_json)
}

fn no_json() -> TokenError {
    TokenError::Malformed("its payload is no JSON".to_owned())
}

/// Whether one of the issuer's keys has signed it.
fn check_signature(
    signed: &str,
    signature: &str,
    header: &Header,
    issuer: &Issuer,
) -> Result<(), TokenError> {
    let is_named = |key: &&Key| match (&key.id, &header.kid) {
        (Some(own), Some(named)) => **own == **named,
        _ => true,
    };
    let mut named = issuer.all_keys().filter(is_named).peekable();
    if named.peek().is_none() {
        // Where it can be asked for, it may be a new one.
        return Err(issuer.url.clone().map_or(TokenError::UnknownKey, TokenError::NewKey));
    }
    let mut why = TokenError::Algorithm;
    for key in named.filter(|key| key.algorithms.contains(&header.alg)) {
        match crypto::verify(signature, signed.as_bytes(), &key.decoding, header.alg) {
            Ok(true) => return Ok(()),
            Ok(false) | Err(_) => why = TokenError::Signature,
        }
    }
    Err(why)
}
