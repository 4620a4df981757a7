//! Several publications in one request: a line of JSON each (NDJSON), and an array of results.

use hyper::{HeaderMap, Request, StatusCode, body::Incoming, header::CONTENT_TYPE};

use crate::{
    client::Client,
    command::Post,
    idempotency,
    publish::{Done, publish, read_body},
    request::foreign,
    respond::{self, Answer, Refusal},
    shard::Shard,
};

/// What says that a body is one.
const TYPES: [&str; 3] = ["application/x-ndjson", "application/ndjson", "application/jsonl"];

/// Whether a request publishes several.
pub(crate) fn is_one(headers: &HeaderMap) -> bool {
    let text = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = text.split(';').next().unwrap_or_default().trim();
    TYPES.iter().any(|known| known.eq_ignore_ascii_case(essence))
}

/// Publishes them in order, each when the broker has the one before. What is wrong with one does not
/// concern the others; but when the broker fails, none of the rest is tried.
///
/// # Errors
/// The request as a whole cannot be read.
pub(crate) async fn handle(
    shard: &Shard,
    request: Request<Incoming>,
    client: Client,
) -> Result<Answer, Refusal> {
    if request.uri().query().is_some_and(|query| !query.is_empty()) {
        let message = "with several publications each line names its own channel; leave the query out";
        return Err(Refusal::new(StatusCode::BAD_REQUEST, "bad_request", message));
    }
    let foreign = foreign(client, request.headers());
    let key = idempotency::key(request.headers())?.map(str::to_owned);
    let body = read_body(request, shard.config().max_batch_bytes).await?;
    let mut failed = false;
    let mut results = Vec::new();
    for line in body.lines().filter(|line| !line.trim().is_empty()) {
        let key = key.as_ref().map(|key| format!("{key}/{}", results.len()));
        let result = if failed { Err(not_tried()) } else { publish_line(shard, line, key, foreign).await };
        results.push(match result {
            Ok(done) => done.json(),
            Err(refusal) => {
                failed |= refusal.status == StatusCode::SERVICE_UNAVAILABLE;
                shard.metrics.count_rejected(refusal.code);
                format!(r#"{{"error":{}}}"#, refusal.json())
            }
        });
    }
    Ok(respond::json(StatusCode::OK, format!("[{}]", results.join(","))))
}

async fn publish_line(
    shard: &Shard,
    line: &str,
    key: Option<String>,
    foreign: Option<&'static str>,
) -> Result<Done, Refusal> {
    let post = Post::parse(line)?;
    let access = &shard.config().access;
    access.allow_publish(&post.channel, foreign)?;
    let data = post.data(access.takes_json(&post.channel))?;
    let draft = post.draft(&data)?;
    let once = key.map(|key| idempotency::once(key, &draft));
    publish(shard, draft, once).await
}

fn not_tried() -> Refusal {
    let message = "it was not tried: the broker did not take one before it";
    Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "not_tried", message)
}
