//! Who somebody is: a token in (a JWT, RFC 7519, signed as a JWS, RFC 7515), an identity out.
//!
//! This crate knows no HTTP, no files and no clock: how a token comes, where keys lie and what time it
//! is are for others to say.

mod claims;
mod error;
mod identity;
mod issuer;
mod key;
mod key_set;
mod keyring;
mod signer;

pub use error::TokenError;
pub use identity::{Grants, Identity, Texts};
pub use issuer::Issuer;
pub use key::{Key, KeyError, MIN_SECRET_BYTES};
pub use key_set::key_set;
pub use keyring::Keyring;
pub use signer::{Signer, read_unproven};
