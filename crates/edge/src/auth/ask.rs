//! Whom a cookie belongs to, asked of the application that set it, through a one-way lane out of the edge.

use std::{sync::Arc, time::Duration};

use hyper::{
    HeaderMap, Method, Request, StatusCode,
    header::{COOKIE, HeaderValue},
};
use identity::Identity;
use tokio::{sync::oneshot, time::timeout};

use crate::{client::Client, close::CloseReason, respond::Refusal, shard::Shard};

/// The longest wait for an answer, beyond what the one who asks allows itself.
const PATIENCE: Duration = Duration::from_secs(61);

/// Somebody wants something and shows cookies. Without an answer the reply is dropped: it cannot be told now.
pub struct AskRequest {
    /// The cookies, as the browser sent them.
    pub cookie: HeaderValue,
    /// From where it came.
    pub address: String,
    /// What is wanted, `subscribe` or `publish`.
    pub act: &'static str,
    /// The channels, as they were asked for.
    pub channels: Vec<String>,
    /// Where the answer goes.
    pub reply: oneshot::Sender<Verdict>,
}

/// What the application says of somebody.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// Who it is, and what it may.
    Known(Arc<Identity>),
    /// It knows nobody by these cookies.
    Nobody,
    /// It is not to be let in.
    Refused,
}

/// Asks who sent a request, where the application can be asked and the request has cookies.
///
/// # Errors
/// It is not to be let in, or that cannot be told now.
pub(super) async fn ask<B>(
    shard: &Shard,
    client: Client,
    request: &Request<B>,
) -> Result<Option<Arc<Identity>>, Refusal> {
    let Some(cookie) = cookies(request.headers()) else { return Ok(None) };
    let query = form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes());
    let channels = query.filter(|(key, _)| key == "channel").map(|(_, value)| value.into_owned()).collect();
    let act = match *request.method() {
        Method::POST | Method::DELETE => "publish",
        _ => "subscribe",
    };
    let (reply, verdict) = oneshot::channel();
    let asked = async {
        let address = client.address.to_string();
        // Who comes when too many wait already is told so at once.
        shard.ask.try_send(AskRequest { cookie, address, act, channels, reply }).ok()?;
        verdict.await.ok()
    };
    match timeout(PATIENCE, asked).await.ok().flatten() {
        Some(Verdict::Known(identity)) => Ok(Some(identity)),
        Some(Verdict::Nobody) => Ok(None),
        Some(Verdict::Refused) => {
            let message = "the application does not let this visitor in";
            Err(Refusal::new(StatusCode::FORBIDDEN, "forbidden", message))
        }
        None => Err(Refusal::closed(CloseReason::AuthUnavailable)),
    }
}

/// All cookies, in one line.
fn cookies(headers: &HeaderMap) -> Option<HeaderValue> {
    let lines: Vec<_> = headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes).collect();
    let line = HeaderValue::from_bytes(&lines.join(&b"; "[..])).ok()?;
    (!lines.is_empty()).then_some(line)
}
