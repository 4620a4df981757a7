//! Several publications in one request: a line of JSON each (NDJSON), and an array of results.

use hyper::{HeaderMap, Request, StatusCode, body::Incoming, header::CONTENT_TYPE};

use publication::Draft;
use tokio::task::yield_now;

use crate::{
    asker::Asker,
    auth,
    command::Post,
    idempotency,
    publish::{Done, publish, read_body},
    respond::{self, Answer, Refusal},
    shard::Shard,
};

/// What says that a body is one.
const TYPES: [&str; 3] = ["application/x-ndjson", "application/ndjson", "application/jsonl"];

/// Publications in one request.
const MAX_LINES: usize = 10_000;
/// Lines after which others have their turn.
const LINES_IN_A_ROW: usize = 32;

/// Whether a request publishes several.
pub(crate) fn is_one(headers: &HeaderMap) -> bool {
    let text = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = text.split(';').next().unwrap_or_default().trim();
    TYPES.iter().any(|known| known.eq_ignore_ascii_case(essence))
}

/// Publishes them in order, each when the broker has the one before. What is wrong with one does not
/// concern the others; but where the broker fails, none of the rest is tried.
///
/// # Errors
/// The request as a whole cannot be read.
pub(crate) async fn handle(
    shard: &Shard,
    request: Request<Incoming>,
    asker: &Asker,
) -> Result<Answer, Refusal> {
    let query = request.uri().query().unwrap_or_default();
    let token = &shard.config().auth.query;
    if form_urlencoded::parse(query.as_bytes()).any(|(key, _)| *key != **token) {
        let message = "with several publications each line names its own channel; leave the query out";
        return Err(Refusal::new(StatusCode::BAD_REQUEST, "bad_request", message));
    }
    let key = idempotency::key(request.headers())?.map(str::to_owned);
    let body = read_body(request, shard.config().max_batch_bytes).await?;
    let lines = || body.lines().filter(|line| !line.trim().is_empty());
    if lines().nth(MAX_LINES).is_some() {
        let message = format!("one request publishes at most {MAX_LINES}");
        return Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "too_many", message));
    }
    let (mut failed, mut published, mut replayed) = (false, false, false);
    let mut results = String::from("[");
    for (number, line) in lines().enumerate() {
        if number > 0 {
            results.push(',');
        }
        if number % LINES_IN_A_ROW == LINES_IN_A_ROW - 1 {
            // Lines that are refused wait for nothing: others have their turn all the same.
            yield_now().await;
        }
        // No header holds a line break: no other request has this key.
        let key = key.as_ref().map(|key| format!("{key}\n{number}"));
        let result = if failed { Err(not_tried()) } else { publish_line(shard, line, key, asker).await };
        match result {
            Ok(done) => {
                (published, replayed) = (published || !done.before, replayed || done.before);
                results.push_str(&done.json());
            }
            Err(refusal) => {
                // What follows must not overtake what was not published, or may not have been.
                failed |= matches!(refusal.status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::CONFLICT);
                shard.metrics.count_rejected(refusal.code);
                results.push_str(&format!(r#"{{"error":{}}}"#, refusal.json()));
            }
        }
    }
    results.push(']');
    let mut answer = respond::json(StatusCode::OK, results);
    // Of one that failed nobody knows.
    if replayed && !published && !failed {
        idempotency::mark_replayed(&mut answer);
    }
    Ok(answer)
}

async fn publish_line(
    shard: &Shard,
    line: &str,
    key: Option<String>,
    asker: &Asker,
) -> Result<Done, Refusal> {
    // Its lines may take long.
    auth::check_again(shard, asker)?;
    let post = Post::parse(line)?;
    let access = &shard.config().access;
    access.allow_publish(&post.channel, asker)?;
    let data = post.data(access.takes_json(&post.channel))?;
    let draft = Draft { from: asker.subject(), ..post.draft(&data)? };
    let once = key.map(|key| idempotency::once(key, &draft));
    publish(shard, draft, once).await
}

fn not_tried() -> Refusal {
    let message = "it was not tried: of one before it nobody knows whether the broker has taken it";
    Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "not_tried", message)
}
