//! `/token`: a page whose EventSource can send no headers has its token put into a cookie, which also its
//! reconnects bring.

use hyper::{
    HeaderMap, Method, Request, StatusCode,
    header::{CACHE_CONTROL, HeaderValue, ORIGIN, SET_COOKIE},
};

use crate::{
    asker::Asker,
    auth::{self, Auth},
    client::Client,
    forwarded,
    respond::{self, Answer, Refusal},
    shard::Shard,
};

/// What browsers keep of a cookie, its name and its value (RFC 6265, section 6.1).
const MAX_COOKIE_BYTES: usize = 4_096;

/// Answers a POST, which sets the cookie, or a DELETE, which clears it.
///
/// # Errors
/// There is nothing to be put there, or who asks may not.
pub(crate) async fn answer<B>(
    shard: &Shard,
    request: &Request<B>,
    client: Client,
) -> Result<Answer, Refusal> {
    let config = shard.config();
    let (auth, headers) = (&*config.auth.of(client), request.headers());
    if auth.keyring.is_empty() || auth.cookie.is_empty() {
        let message = "this gateway takes no tokens from cookies; set [auth] cookie and a key";
        return Err(Refusal::new(StatusCode::NOT_FOUND, "not_found", message));
    }
    if !config.cors.trusts(headers) {
        // Else any page could have its own token used by our visitors.
        return Err(Refusal::foreign_origin("set its visitors' cookies here"));
    }
    match *request.method() {
        Method::POST => set(shard, auth, headers, client.by_admin).await,
        Method::DELETE => Ok(with_cookie(respond::empty(StatusCode::NO_CONTENT), auth, headers, "", Some(0))),
        _ => {
            let message = "POST sets the cookie to the token that is shown, DELETE clears it";
            Err(Refusal::method(message, "POST, DELETE, OPTIONS"))
        }
    }
}

async fn set(shard: &Shard, auth: &Auth, headers: &HeaderMap, by_admin: bool) -> Result<Answer, Refusal> {
    let (token, identity) = auth::bearer(shard, headers).await?;
    if by_admin && !identity.grants.console {
        let message = "this token does not open the console: it lacks {\"fanfare\":{\"console\":true}}";
        return Err(Refusal::new(StatusCode::FORBIDDEN, "forbidden", message));
    }
    if auth.cookie.len() + token.len() > MAX_COOKIE_BYTES {
        let message = format!(
            "browsers drop cookies of more than {MAX_COOKIE_BYTES} bytes with their name; grant patterns instead \
             of channels, or show the token in the query"
        );
        return Err(Refusal::new(StatusCode::BAD_REQUEST, "token_too_long", message));
    }
    // Without an end it lasts as long as the browser.
    let left = Asker { foreign: None, identity: Some(identity), operates: false }.time_left();
    let text = left.map_or("null".to_owned(), |left| left.as_millis().to_string());
    let answer = respond::json(StatusCode::OK, format!(r#"{{"expires_in_ms":{text}}}"#));
    Ok(with_cookie(answer, auth, headers, token, left.map(|left| left.as_secs())))
}

/// Adds the cookie (RFC 6265): no script can read it, and only pages of this site can make a browser send it.
fn with_cookie(
    mut answer: Answer,
    auth: &Auth,
    headers: &HeaderMap,
    value: &str,
    seconds: Option<u64>,
) -> Answer {
    let Auth { cookie: name, cookie_path: path, .. } = auth;
    let age = seconds.map_or(String::new(), |seconds| format!("; Max-Age={seconds}"));
    let secure = if is_secure(headers) { "; Secure" } else { "" };
    let cookie = format!("{name}={value}; Path={path}; HttpOnly; SameSite=Strict{age}{secure}");
    let headers = answer.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // A token that was accepted, and a name and a path that were checked, hold nothing that a header may not.
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        headers.insert(SET_COOKIE, cookie);
    }
    answer
}

/// Whether the browser came by TLS, as far as it or a proxy says.
fn is_secure(headers: &HeaderMap) -> bool {
    let by_tls = |origin: &HeaderValue| origin.as_bytes().starts_with(b"https://");
    headers.get(ORIGIN).is_some_and(by_tls) || forwarded::tells_of_tls(headers)
}
