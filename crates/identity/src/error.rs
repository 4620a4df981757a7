//! Why a token is not accepted.

use std::fmt;

/// What is wrong with a token. What it says of itself is not told back: it was not proven.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenError {
    /// It is no JWT, or says something in a form that it may not have.
    Malformed(String),
    /// It was issued by somebody whom the gateway does not know, or does not say by whom.
    Issuer,
    /// It is for somebody else.
    Audience,
    /// No key has its name.
    UnknownKey,
    /// The same; but its issuer says at this URL what it signs with, and may have changed that.
    NewKey(String),
    /// The issuer's keys do not sign by its algorithm.
    Algorithm,
    /// Its signature is not by the issuer's key.
    Signature,
    /// Its time is over.
    Expired,
    /// Its time has not begun.
    NotYet,
}

impl TokenError {
    /// For programs: `token_expired` where another token of the same kind would do.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Expired => "token_expired",
            _ => "bad_token",
        }
    }
}

impl fmt::Display for TokenError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(why) => write!(out, "the token cannot be read: {why}"),
            Self::Issuer => out.write_str("the token's issuer (`iss`) is none that the gateway trusts"),
            Self::Audience => out.write_str(
                "the token is for another audience (`aud`) than the gateway; [auth] audience names its own",
            ),
            Self::UnknownKey | Self::NewKey(_) => {
                out.write_str("the gateway has no key of the name (`kid`) that the token gives")
            }
            Self::Algorithm => {
                out.write_str("the gateway's keys do not sign by the algorithm (`alg`) that the token names")
            }
            Self::Signature => out.write_str("the token's signature is not by a key that the gateway trusts"),
            Self::Expired => out.write_str("the token has expired; get a new one"),
            Self::NotYet => out.write_str("the token is not valid yet (`nbf`)"),
        }
    }
}

impl std::error::Error for TokenError {}
