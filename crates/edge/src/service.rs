//! Which request is answered by what.

use std::{cell::Cell, future::pending};

use hyper::{
    Method, Request, StatusCode, Version,
    body::{Body, Incoming},
    header::{ALLOW, CONNECTION, HeaderMap, HeaderName, HeaderValue, ORIGIN, VARY, X_CONTENT_TYPE_OPTIONS},
};

use crate::{
    advice, auth,
    census::Claim,
    client::Client,
    close::CloseReason,
    config::Config,
    control,
    cors::Cors,
    encoding::Encoding,
    head, header_list, host, operator, page,
    poll::{self, Looked},
    presence, publish,
    request::Wanted,
    respond::{self, Answer, Refusal},
    shard::Shard,
    subscriber::Subscriber,
    taken::{PollReply, Reply, Taken},
    ticket,
    transport::Transport,
    websocket::{self, HandshakeError},
};

/// Answers a request on a connection of `connected`, or marks its socket as taken and never returns.
pub(crate) async fn handle(
    shard: &Shard,
    request: Request<Incoming>,
    taken: &Cell<Option<Taken>>,
    connected: Client,
) -> Answer {
    let config = shard.config();
    let client = config.proxies.client(connected, request.headers()).by_admin(connected.by_admin);
    // On the admin port nothing lets other origins in.
    let cors = if client.by_admin { None } else { config.cors.headers(request.headers()) };
    let head_only = request.method() == Method::HEAD;
    let answered = match check(&config, &request) {
        Ok(()) => route(shard, request, taken, cors.clone(), client).await,
        Err(refusal) => Err(refusal),
    };
    let mut answer = answered.unwrap_or_else(|refusal| refuse(shard, &refusal, client));
    dress(&mut answer, cors);
    if head_only {
        *answer.body_mut() = http_body_util::Full::default();
    }
    answer
}

async fn route(
    shard: &Shard,
    request: Request<Incoming>,
    taken: &Cell<Option<Taken>>,
    cors: Option<HeaderMap>,
    client: Client,
) -> Result<Answer, Refusal> {
    match (request.uri().path(), request.method()) {
        ("/events" | "/advice" | "/presence" | "/token", &Method::OPTIONS) => {
            return Ok(preflight(request.headers()));
        }
        ("/events" | "/advice" | "/presence", _) => {}
        ("/token", _) => return Box::pin(ticket::answer(shard, &request, client)).await,
        _ if client.by_admin => return Box::pin(operator::answer(shard, &request, taken, client)).await,
        (path, method) => return page::serve(shard.config().pages, path, method),
    }
    if request.uri().path() == "/events" && matches!(*request.method(), Method::GET | Method::HEAD) {
        return read(shard, &request, taken, cors, client).await;
    }
    let asker = auth::identify(shard, client, &request).await?;
    match (request.uri().path(), request.method()) {
        // On the heap, so that the far more frequent polls do not carry its room with them.
        ("/events", &Method::POST | &Method::DELETE) => {
            Box::pin(publish::handle(shard, request, &asker)).await
        }
        ("/advice", _) => advice::answer(shard, &request, &asker),
        ("/presence", _) => Box::pin(presence::answer(shard, &request, &asker)).await,
        _ => Err(Refusal::method("subscribe with GET, publish with POST, retract with DELETE", METHODS)),
    }
}

/// Sees to it that a request can be read by all in the same way, and is not too long.
fn check<B>(config: &Config, request: &Request<B>) -> Result<(), Refusal> {
    host::check(request)?;
    let length = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
    if length <= config.max_url_bytes {
        return Ok(());
    }
    let message = format!("a path with its query has at most {} bytes here", config.max_url_bytes);
    Err(Refusal::new(StatusCode::URI_TOO_LONG, "url_too_long", message))
}

/// Adds what every answer has.
pub(crate) fn dress(answer: &mut Answer, cors: Option<HeaderMap>) {
    let headers = answer.headers_mut();
    headers.entry(VARY).or_insert(HeaderValue::from_static("Origin"));
    // What was published is data, whatever a browser would see in it, and no page can embed it.
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static("same-origin"));
    respond::extend(answer, cors);
}

pub(crate) fn refuse(shard: &Shard, refusal: &Refusal, client: Client) -> Answer {
    shard.metrics.count_rejected(refusal.code);
    tracing::debug!(%client, code = refusal.code, message = refusal.message, "a request is refused");
    refusal.answer()
}

/// A GET: becomes a session, or is answered as a poll.
async fn read(
    shard: &Shard,
    request: &Request<Incoming>,
    taken: &Cell<Option<Taken>>,
    cors: Option<HeaderMap>,
    client: Client,
) -> Result<Answer, Refusal> {
    if !request.body().is_end_stream() {
        let message = "a GET has no body here; publish with POST";
        return Err(Refusal::new(StatusCode::BAD_REQUEST, "body", message).closing());
    }
    let query = request.uri().query().unwrap_or("");
    let config = shard.config();
    let mut wanted =
        Wanted::parse(query, request.headers(), config.limits()).map_err(|error| error.refusal())?;
    let asker = match auth::identify(shard, client, request).await {
        Err(refusal) if wanted.transport == Transport::Sse && refusal.is_temporary() => {
            return Ok(bye(shard, &wanted, CloseReason::AuthUnavailable));
        }
        identified => identified?,
    };
    config.access.allow(&wanted.patterns, &asker)?;
    if wanted.wish.is_something() {
        if let [pattern, ..] = &*wanted.patterns
            && wanted.patterns.iter().all(|pattern| pattern.channel().is_none())
        {
            return Err(Refusal::no_presence_in(pattern));
        }
        config.access.allow_presence(&wanted.patterns, &asker)?;
    }
    if let Some(left) = asker.time_left() {
        wanted.wait = wanted.wait.min(left);
    }
    let is_current = request.version() >= Version::HTTP_11;
    let mut start = wanted.since.start();
    let reply = match wanted.transport {
        Transport::Poll => match poll::answer(shard, &mut wanted, request.method(), client, &asker).await? {
            Looked::Answered(answer) => return Ok(answer),
            Looked::Waits(after, permit) => {
                start = after;
                let closes = header_list::contains(request.headers(), CONNECTION, "close");
                Reply::Poll(PollReply { keep_alive: is_current && !closes, cors, permit })
            }
        },
        Transport::Sse if request.method() == Method::HEAD => return Ok(event_stream_head()),
        Transport::Sse => Reply::Events { chunked: is_current, cors },
        Transport::WebSocket => {
            upgrade(shard, request, Claim { address: client.address, identity: asker.identity.as_ref() })?
        }
    };
    taken.set(Some(Taken { subscriber: Subscriber { client, asker, wanted, start }, reply }));
    pending().await
}

/// A request that asks for a WebSocket.
///
/// # Errors
/// It does not ask as the standard says, or may not, or nobody is taken in now.
fn upgrade<B>(shard: &Shard, request: &Request<B>, claim: Claim<'_>) -> Result<Reply, Refusal> {
    let accept = websocket::accept(request).map_err(|error| match error {
        HandshakeError::Malformed(words) => Refusal::new(StatusCode::BAD_REQUEST, "bad_handshake", words),
        HandshakeError::None | HandshakeError::Version => Refusal::upgrade(),
    })?;
    if !shard.config().cors.admits(request.headers()) {
        // Browsers do not ask before they open a WebSocket: any page could read an open localhost.
        return Err(Refusal::foreign_origin("open a WebSocket"));
    }
    let sessions = shard.sessions.borrow();
    let permit = sessions.permit(claim).map_err(Refusal::turned_away)?;
    Ok(Reply::WebSocket { accept, permit })
}

/// A stream that ends with its first word: an EventSource that gets any other status never tries again.
fn bye(shard: &Shard, wanted: &Wanted, reason: CloseReason) -> Answer {
    shard.metrics.count_rejected(reason.label());
    let mut body = Vec::new();
    let encoding = Encoding::Events(wanted.form(false));
    control::write_bye(&mut body, encoding, None, reason, shard.sessions.borrow().away(reason));
    let mut answer = event_stream_head();
    *answer.body_mut() = body.into();
    answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    answer
}

fn event_stream_head() -> Answer {
    let mut answer = respond::empty(StatusCode::OK);
    for (name, value) in head::EVENT_STREAM {
        // These names and values are constants, and valid.
        if let Ok(name) = HeaderName::from_bytes(name.as_bytes()) {
            answer.headers_mut().insert(name, HeaderValue::from_static(value));
        }
    }
    answer
}

fn preflight(headers: &HeaderMap) -> Answer {
    let mut answer = respond::empty(StatusCode::NO_CONTENT);
    answer.headers_mut().insert(ALLOW, HeaderValue::from_static(METHODS));
    if headers.contains_key(ORIGIN) {
        Cors::write_preflight(answer.headers_mut());
    }
    answer
}

const METHODS: &str = "GET, HEAD, POST, DELETE, OPTIONS";
