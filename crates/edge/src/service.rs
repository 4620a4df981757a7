//! Which request is answered by what.

use std::{cell::Cell, future::pending};

use hyper::{
    Method, Request, StatusCode, Version,
    body::{Body, Incoming},
    header::{ALLOW, CONNECTION, HeaderMap, HeaderName, HeaderValue, ORIGIN, VARY},
};

use crate::{
    client::Client,
    cors::Cors,
    head, page,
    poll::{self, Looked},
    publish,
    request::{Transport, Wanted, foreign},
    respond::{self, Answer, Refusal},
    shard::Shard,
    taken::Taken,
};

/// Answers a request on a connection of `connected`, or marks its socket as taken and never returns.
pub(crate) async fn handle(
    shard: &Shard,
    request: Request<Incoming>,
    taken: &Cell<Option<Taken>>,
    connected: Client,
) -> Answer {
    let config = shard.config();
    let client = config.proxies.client(connected, request.headers());
    let cors = config.cors.headers(request.headers());
    let head_only = request.method() == Method::HEAD;
    let mut answer = match request.uri().path() {
        "/events" => match events(shard, request, taken, cors.clone(), client).await {
            Ok(answer) => answer,
            Err(refusal) => refuse(shard, &refusal, client),
        },
        path => page::serve(path, request.method()).unwrap_or_else(|refusal| refuse(shard, &refusal, client)),
    };
    dress(&mut answer, cors);
    if head_only {
        *answer.body_mut() = http_body_util::Full::default();
    }
    answer
}

/// Adds what every answer has.
pub(crate) fn dress(answer: &mut Answer, cors: Option<HeaderMap>) {
    answer.headers_mut().entry(VARY).or_insert(HeaderValue::from_static("Origin"));
    respond::extend(answer, cors);
}

pub(crate) fn refuse(shard: &Shard, refusal: &Refusal, client: Client) -> Answer {
    shard.metrics.count_rejected(refusal.code);
    tracing::debug!(%client, code = refusal.code, message = refusal.message, "a request is refused");
    refusal.answer()
}

async fn events(
    shard: &Shard,
    request: Request<Incoming>,
    taken: &Cell<Option<Taken>>,
    cors: Option<HeaderMap>,
    client: Client,
) -> Result<Answer, Refusal> {
    match *request.method() {
        Method::GET | Method::HEAD => read(shard, &request, taken, cors, client).await,
        Method::POST | Method::DELETE => publish::handle(shard, request, client).await,
        Method::OPTIONS => Ok(preflight(request.headers())),
        _ => Err(Refusal::method("subscribe with GET, publish with POST, retract with DELETE", METHODS)),
    }
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
        let mut answer =
            Refusal::new(StatusCode::BAD_REQUEST, "body", "a GET has no body here; publish with POST")
                .answer();
        answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        shard.metrics.count_rejected("body");
        return Ok(answer);
    }
    let query = request.uri().query().unwrap_or("");
    let mut wanted = Wanted::parse(query, request.headers(), shard.config().max_channels)
        .map_err(|error| Refusal::new(StatusCode::BAD_REQUEST, error.code(), error.to_string()))?;
    allow(shard, &wanted, request.headers(), client)?;
    let start = match wanted.transport {
        Transport::Poll => match poll::answer(shard, &mut wanted, request.method()).await? {
            Looked::Answered(answer) => return Ok(answer),
            Looked::Waits(start) => start,
        },
        Transport::Sse if request.method() == Method::HEAD => return Ok(event_stream_head()),
        Transport::Sse => wanted.since.start(),
    };
    let is_current = request.version() >= Version::HTTP_11;
    let keep_alive = is_current && !says_close(request.headers());
    taken.set(Some(Taken { client, wanted, start, chunked: is_current, keep_alive, cors }));
    pending().await
}

fn says_close(headers: &HeaderMap) -> bool {
    let values = headers.get_all(CONNECTION).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|option| option.trim().eq_ignore_ascii_case("close"))
}

fn allow(shard: &Shard, wanted: &Wanted, headers: &HeaderMap, client: Client) -> Result<(), Refusal> {
    let config = shard.config();
    let access = &config.access;
    let foreign = foreign(client, headers).filter(|_| access.rules.is_empty());
    match wanted.patterns.iter().find(|pattern| !access.may_subscribe(pattern, foreign.is_some())) {
        None => Ok(()),
        Some(pattern) => Err(Refusal::forbidden("subscribe", &pattern.to_string(), foreign)),
    }
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
