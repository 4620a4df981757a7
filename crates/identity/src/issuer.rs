//! Somebody whose tokens are accepted.

use crate::{error::TokenError, key::Key};

/// An issuer of tokens, and what must be true of them.
#[derive(Clone, Debug, Default)]
pub struct Issuer {
    /// What its tokens have as `iss`; without it they may have anything.
    pub name: Option<String>,
    /// One of these must be among what its tokens have as `aud`; without any, they must have none.
    pub audience: Vec<String>,
    /// What it signs with, as far as that is fixed.
    pub keys: Vec<Key>,
    /// Where it says what else it signs with, if it says so anywhere.
    pub url: Option<String>,
    /// What it said there last.
    pub published: Vec<Key>,
}

impl Issuer {
    /// Whether a token that names this issuer is one of its.
    pub(crate) fn is(&self, name: Option<&str>) -> bool {
        self.name.as_deref().is_none_or(|own| name == Some(own))
    }

    /// All that it signs with.
    pub(crate) fn all_keys(&self) -> impl Iterator<Item = &Key> {
        self.keys.iter().chain(&self.published)
    }

    /// Sees to it that a token is meant for us: who does not find itself in `aud` must refuse it
    /// (RFC 7519, section 4.1.3).
    pub(crate) fn check_audience(&self, named: &[String]) -> Result<(), TokenError> {
        let is_ours = match (&*self.audience, named) {
            ([], named) => named.is_empty(),
            (own, named) => own.iter().any(|own| named.contains(own)),
        };
        if is_ours { Ok(()) } else { Err(TokenError::Audience) }
    }
}
