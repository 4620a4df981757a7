//! Whom a request comes from: its token, and what that proves.

mod keys;
mod shown;

use std::{sync::Arc, time::SystemTime};

use hyper::{HeaderMap, StatusCode};
use identity::{Identity, Keyring, TokenError};
use publication::{Revocable, Revocations};

pub use self::keys::KeysRequest;
use self::shown::{Shown, Way};
use crate::{
    asker::{Asker, Foreign},
    client::Client,
    close::CloseReason,
    respond::Refusal,
    shard::Shard,
};

/// Where tokens are looked for, and whose are accepted. Without keys, tokens are not looked at.
#[derive(Clone, Debug, Default)]
pub struct Auth {
    /// Whose are accepted.
    pub keyring: Arc<Keyring>,
    /// The cookie that may hold one; none if empty.
    pub cookie: String,
    /// The path to which browsers send it, as they see it.
    pub cookie_path: String,
    /// The parameter of the query that may hold one; none if empty.
    pub query: String,
}

/// Who a request comes from.
///
/// # Errors
/// It shows a token that is not accepted: that is never taken as if it had shown none.
pub(crate) async fn identify(
    shard: &Shard,
    client: Client,
    headers: &HeaderMap,
    query: &str,
) -> Result<Asker, Refusal> {
    let config = shard.config();
    let foreign = Foreign::of(client, headers);
    if config.auth.keyring.is_empty() {
        return Ok(Asker { foreign, identity: None });
    }
    let Some(Shown { token, way }) = shown::find(&config.auth, headers, query)? else {
        return Ok(Asker { foreign, identity: None });
    };
    if way == Way::Cookie && !config.cors.trusts(headers) {
        // Browsers add cookies by themselves, whatever page asks.
        return Err(Refusal::foreign_origin("use its visitors' cookies here"));
    }
    let identity = check(shard, &token).await?;
    Ok(Asker { foreign, identity: Some(identity) })
}

/// The token in `Authorization`, and what it proves.
///
/// # Errors
/// There is none, or none that is accepted.
pub(crate) async fn bearer<'a>(
    shard: &Shard,
    headers: &'a HeaderMap,
) -> Result<(&'a str, Arc<Identity>), Refusal> {
    let Some(token) = shown::bearer(headers)? else {
        let message = "show the token as `Authorization: Bearer TOKEN`";
        return Err(Refusal::new(StatusCode::UNAUTHORIZED, "unauthorized", message));
    };
    Ok((token, check(shard, token).await?))
}

/// What a token proves.
///
/// # Errors
/// Nothing; or that cannot be told now.
pub(crate) async fn check(shard: &Shard, token: &str) -> Result<Arc<Identity>, Refusal> {
    let keyring = Arc::clone(&shard.config().auth.keyring);
    let checked = match keyring.check(token, SystemTime::now()) {
        // On the heap: this is rare, and all others need not carry its room with them.
        Err(TokenError::NewKey(url)) => {
            let keyring = Box::pin(keys::ask(shard, url)).await?;
            keyring.check(token, SystemTime::now())
        }
        checked => checked,
    };
    let identity = checked.map_err(|error| Refusal::bad_token(&error))?;
    if !shard.revocations.are_complete() {
        return Err(Refusal::closed(CloseReason::AuthUnavailable));
    }
    if is_revoked(&shard.revocations, &identity) {
        return Err(Refusal::new(
            StatusCode::UNAUTHORIZED,
            "token_revoked",
            "the token was revoked; get a new one",
        ));
    }
    Ok(Arc::new(identity))
}

/// Whether a token was revoked.
pub(crate) fn is_revoked(revocations: &Revocations, identity: &Identity) -> bool {
    let Identity { id, subject, issued, .. } = identity;
    revocations.revoke(Revocable { id: id.as_deref(), subject: subject.as_deref(), issued: *issued })
}

fn several(what: &str) -> Refusal {
    let error = TokenError::Malformed(format!("there is more than one in {what}"));
    Refusal::new(StatusCode::UNAUTHORIZED, error.code(), error.to_string())
}
