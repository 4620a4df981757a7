//! Whom a request comes from: its token, and what that proves.

mod ask;
mod keys;
mod shown;

use std::{borrow::Cow, sync::Arc, time::SystemTime};

use hyper::{HeaderMap, Request, StatusCode};
use identity::{Identity, Keyring, TokenError};
use publication::{Revocable, Revocations};

use self::shown::{Shown, Way};
pub use self::{
    ask::{AskRequest, Verdict},
    keys::KeysRequest,
};
use crate::{
    asker::{Asker, Foreign},
    client::Client,
    close::CloseReason,
    operator,
    respond::Refusal,
    shard::Shard,
};

/// Holds an operator's token.
const OPERATORS_COOKIE: &str = "fanfare_console";

/// Where tokens are looked for, and whose are accepted. Without keys, tokens are not looked at.
#[derive(Clone, Debug, Default)]
pub struct Auth {
    /// Whose are accepted.
    pub keyring: Arc<Keyring>,
    /// The application can be asked whom cookies belong to.
    pub asks: bool,
    /// The cookie that may hold one; none if empty.
    pub cookie: String,
    /// The path to which browsers send it, as they see it.
    pub cookie_path: String,
    /// The parameter of the query that may hold one; none if empty.
    pub query: String,
}

impl Auth {
    /// Whether anybody can be known at all.
    #[must_use]
    pub fn can_identify(&self) -> bool {
        self.asks || !self.keyring.is_empty()
    }

    /// The same where an operator's token is looked for: cookies know no ports, so that it has one of its own.
    pub(crate) fn of(&self, client: Client) -> Cow<'_, Self> {
        if !client.by_admin {
            return Cow::Borrowed(self);
        }
        let cookie = OPERATORS_COOKIE.to_owned();
        Cow::Owned(Self { cookie, cookie_path: "/".to_owned(), ..self.clone() })
    }
}

/// Who a request comes from.
///
/// # Errors
/// It shows a token that is not accepted: that is never taken as if it had shown none.
pub(crate) async fn identify<B>(
    shard: &Shard,
    client: Client,
    request: &Request<B>,
) -> Result<Asker, Refusal> {
    let foreign = Foreign::of(client, request.headers());
    if client.by_admin {
        operator::check_origin(request.headers())?;
        if operator::is_here(client, foreign) {
            return Ok(Asker { foreign, identity: None, operates: true });
        }
    }
    let auth = &shard.config().auth;
    let mut identity =
        if auth.keyring.is_empty() { None } else { identify_by_token(shard, client, request).await? };
    // Browsers add cookies by themselves, whatever page asks.
    if identity.is_none() && auth.asks && shard.config().cors.trusts(request.headers()) {
        // On the heap, so that others do not carry its room with them.
        identity = Box::pin(ask::ask(shard, client, request)).await?;
        identity.as_deref().map_or(Ok(()), |identity| check_revoked(shard, identity))?;
    }
    let asker = Asker { foreign, identity, operates: false };
    if client.by_admin { operator::admit(asker) } else { Ok(asker) }
}

async fn identify_by_token<B>(
    shard: &Shard,
    client: Client,
    request: &Request<B>,
) -> Result<Option<Arc<Identity>>, Refusal> {
    let (config, headers) = (shard.config(), request.headers());
    let query = request.uri().query().unwrap_or_default();
    let Some(Shown { token, way }) = shown::find(&config.auth.of(client), headers, query)? else {
        return Ok(None);
    };
    if way == Way::Cookie && !config.cors.trusts(headers) {
        return Err(Refusal::foreign_origin("use its visitors' cookies here"));
    }
    check(shard, &token).await.map(Some)
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
    check_revoked(shard, &identity)?;
    Ok(Arc::new(identity))
}

/// Sees to it that who was let in a while ago still may be: its token may have ended meanwhile.
///
/// # Errors
/// It has.
pub(crate) fn check_again(shard: &Shard, asker: &Asker) -> Result<(), Refusal> {
    let Some(identity) = &asker.identity else { return Ok(()) };
    if identity.has_expired(SystemTime::now()) {
        return Err(Refusal::bad_token(&TokenError::Expired));
    }
    check_revoked(shard, identity)
}

/// Sees to it that a token was not revoked.
///
/// # Errors
/// It was, or that cannot be told now.
pub(crate) fn check_revoked(shard: &Shard, identity: &Identity) -> Result<(), Refusal> {
    if !shard.revocations.are_complete() {
        return Err(Refusal::closed(CloseReason::AuthUnavailable));
    }
    if is_revoked(&shard.revocations, identity) {
        let message = "the token was revoked; get a new one";
        return Err(Refusal::new(StatusCode::UNAUTHORIZED, "token_revoked", message));
    }
    Ok(())
}

/// Whether a token was revoked.
pub(crate) fn is_revoked(revocations: &Revocations, identity: &Identity) -> bool {
    let Identity { id, subject, issued, .. } = identity;
    revocations.revoke(Revocable { id: id.as_deref(), subject: subject.as_deref(), issued: *issued })
}

/// Looks for a token, as in a request.
#[cfg(fuzzing)]
pub(crate) fn find_token(headers: &HeaderMap, query: &str) {
    let auth = Auth { cookie: "c".to_owned(), query: "token".to_owned(), ..Auth::default() };
    let _ = shown::find(&auth, headers, query);
}

fn several(what: &str) -> Refusal {
    let error = TokenError::Malformed(format!("there is more than one in {what}"));
    Refusal::new(StatusCode::UNAUTHORIZED, error.code(), error.to_string())
}
