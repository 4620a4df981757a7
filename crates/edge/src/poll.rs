//! A poll: one bounded read of a range, answered at once, or when there is something new if it waits.

mod range;

use std::time::{Duration, Instant};

use hub::{Beginning, Gap, Hub, Place, Selection, Start};
use hyper::{
    HeaderMap, Method, StatusCode,
    header::{CACHE_CONTROL, ETAG, HeaderName, HeaderValue, VARY},
};
use publication::Cursor;
use tokio::time::timeout_at;

use self::range::Range;
use crate::{
    asker::Asker,
    auth,
    census::{Claim, Permit},
    client::Client,
    close::CloseReason,
    control, fetch,
    request::{CURSOR_WAIT, Since, Wanted},
    respond::{self, Answer, Refusal},
    shard::Shard,
    transport::Transport,
};

/// How long a poll waits for what memory no longer holds.
const FETCH_WAIT: Duration = Duration::from_secs(10);

/// What is asked for.
pub(crate) struct Question<'a> {
    pub(crate) selection: &'a Selection,
    pub(crate) since: Since,
    /// The tags in `If-None-Match`.
    pub(crate) known: Option<&'a str>,
}

/// What becomes of a poll.
pub(crate) enum Looked {
    Answered(Answer),
    /// There is nothing new, and it may wait: it is to be called for what comes after this.
    Waits(Start, Permit),
}

/// Answers a poll, unless it may wait and there is nothing new. Then it has been shown all that there
/// is, and waits for what comes next.
///
/// # Errors
/// The gateway takes nobody in just now.
pub(crate) async fn answer(
    shard: &Shard,
    wanted: &mut Wanted,
    method: &Method,
    client: Client,
    asker: &Asker,
) -> Result<Looked, Refusal> {
    if let Some(reason) = shard.sessions.borrow().refusal() {
        return Err(Refusal::closed(reason));
    }
    let claim = Claim { address: client.address, identity: asker.identity.as_ref() };
    let range = find(shard, &wanted.question()).await?;
    let may_wait = !wanted.wait.is_zero() && method == Method::GET;
    let begins = matches!(wanted.since, Since::Absent | Since::Last);
    if may_wait && range.unchanged {
        // What a 200 will hold is decided by the cursor alone.
        return wait(shard, Start::Live, claim);
    }
    if may_wait && !begins && range.is_empty() {
        if let Some(cursor) = range.cursor {
            wanted.since = Since::After(cursor);
        }
        return wait(shard, wanted.since.start(), claim);
    }
    // What a token opened is for its bearer, and what was waited for is for who waited.
    let config = shard.config();
    let is_public =
        wanted.explicit && wanted.wait.is_zero() && config.access.is_public(&wanted.patterns, asker);
    Ok(Looked::Answered(respond(shard, wanted, method, &range, is_public)))
}

fn wait(shard: &Shard, start: Start, claim: Claim<'_>) -> Result<Looked, Refusal> {
    let permit = shard.sessions.borrow().permit_to_wait(claim);
    let permit = permit.map_err(Refusal::turned_away)?;
    Ok(Looked::Waits(start, permit))
}

/// What a session that subscribes to further channels is told.
pub(crate) struct Caught {
    /// It has not caught up yet, and is to ask again with its cursor.
    pub(crate) more: bool,
    /// What a poll's body says, as members of a JSON object, with a comma before each.
    pub(crate) members: Vec<u8>,
}

/// Finds what a session that subscribes has missed since its cursor; without one, nothing.
///
/// # Errors
/// What it asks for cannot be read back now.
pub(crate) async fn catch_up(shard: &Shard, selection: &Selection, since: Since) -> Result<Caught, Refusal> {
    let mut range = match since {
        Since::Absent => Range::nothing(shard, &shard.sessions.borrow().hub, selection),
        _ => find(shard, &Question { selection, since, known: None }).await?,
    };
    count(shard, since, &range);
    trace(shard, selection, &range);
    // One whose cursor has not been reached here is not at the end of what it asks for either.
    range.more |= range.lags;
    let mut members = vec![b','];
    write_members(&mut members, &range);
    Ok(Caught { more: range.more, members })
}

/// Answers a poll that has waited, whatever there is by now.
///
/// # Errors
/// What it asks for cannot be read back now, or is not for it any more.
pub(crate) async fn conclude(shard: &Shard, wanted: &Wanted, asker: &Asker) -> Result<Answer, Refusal> {
    let range = find(shard, &wanted.question()).await?;
    // Its token may have ended with its time to wait, and what came before that is for it.
    asker.identity.as_deref().map_or(Ok(()), |identity| auth::check_revoked(shard, identity))?;
    Ok(respond(shard, wanted, &Method::GET, &range, false))
}

/// Finds what the poll asks for, if need be by having it read back.
async fn find(shard: &Shard, question: &Question<'_>) -> Result<Range, Refusal> {
    let asked = Instant::now();
    let deadline = asked + CURSOR_WAIT;
    loop {
        // Registered before looking, so that nothing is missed in between.
        let moved = shard.moved.notified();
        match read(shard, question, asked) {
            Found::Range(range) => return Ok(*range),
            Found::Nothing => return Err(Refusal::closed(CloseReason::Starting)),
            Found::Ahead(cursor) if Instant::now() >= deadline => {
                // This gateway lags behind the one that gave the cursor out: there is nothing new here.
                return Ok(Range::lagging(cursor));
            }
            Found::Ahead(_) => drop(timeout_at(deadline.into(), moved).await),
            Found::Stored(after) => {
                // On the heap: most polls are answered from memory, and need not carry its room with them.
                if asked.elapsed() >= FETCH_WAIT || !Box::pin(fetch::fetch(shard, after)).await {
                    let message = "what came after this cursor cannot be read back from Redis now; try again";
                    return Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "read_back", message));
                }
            }
        }
    }
}

/// Where a poll's answer is.
enum Found {
    Range(Box<Range>),
    /// Its cursor may become known in a moment.
    Ahead(Cursor),
    /// What comes after this must be read back first.
    Stored(Cursor),
    /// There is no order yet, or the one there was is being replaced.
    Nothing,
}

/// Reads what is asked for, if it is here.
fn read(shard: &Shard, question: &Question<'_>, asked: Instant) -> Found {
    let hub = &shard.sessions.borrow().hub;
    if !hub.is_warm() {
        return Found::Nothing;
    }
    let selection = question.selection;
    let (after, gap) = match question.since {
        Since::Absent | Since::Last => {
            let range = Range::new(shard, hub, selection, None);
            return Found::Range(Box::new(range.latest(shard, hub, question)));
        }
        Since::Earliest => (hub.earliest(), None),
        Since::Unreadable => begin_unknown(hub, None),
        Since::After(cursor) => match hub.begin(selection, cursor) {
            Beginning::At(place, gap) => (place, gap),
            Beginning::Ahead if hub.is_current(asked) => begin_unknown(hub, Some(cursor)),
            Beginning::Ahead => return Found::Ahead(cursor),
            Beginning::Fetch(after) => return Found::Stored(after),
        },
    };
    let range = Range::new(shard, hub, selection, gap);
    Found::Range(Box::new(range.after_place(hub, question, after)))
}

fn begin_unknown(hub: &Hub, cursor: Option<Cursor>) -> (Place, Option<Gap>) {
    let gap = hub.unknown_cursor(cursor);
    (gap.resume, Some(gap))
}

/// Counts what was found for one who asked.
fn count(shard: &Shard, since: Since, range: &Range) {
    if !range.lags {
        shard.metrics.count_start(since, false, range.gap.map(|gap| gap.reason));
    }
    if let Some(gap) = &range.gap {
        shard.metrics.count_gap(gap.reason);
    }
}

/// Notes what was found, where somebody follows what becomes of it.
fn trace(shard: &Shard, selection: &Selection, range: &Range) {
    if let Some(places) = &range.places {
        shard.sessions.borrow_mut().trace_answer(selection, places);
    }
}

fn respond(shard: &Shard, wanted: &Wanted, method: &Method, range: &Range, is_public: bool) -> Answer {
    let cursor = range.cursor_text();
    count(shard, wanted.since, range);
    let mut answer = if range.unchanged {
        respond::empty(StatusCode::NOT_MODIFIED)
    } else {
        let mut body = vec![b'{'];
        write_members(&mut body, range);
        body.push(b'}');
        if method != Method::HEAD {
            let counts = shard.metrics.of(Transport::Poll);
            counts.deliveries.inc_by(range.count);
            counts.bytes.inc_by(body.len() as u64);
            trace(shard, &wanted.selection, range);
        }
        respond::json(StatusCode::OK, body)
    };
    let headers = answer.headers_mut();
    insert(headers, HeaderName::from_static("fanfare-cursor"), &cursor);
    if let Some(tag) = range.tag() {
        insert(headers, ETAG, &format!("\"{tag}\""));
    }
    let (cache, vary) = if is_public {
        // `Last-Event-ID` wins over what the URL says.
        ("public, max-age=1", "Last-Event-ID, Origin")
    } else {
        ("private, no-store", "Accept, Origin")
    };
    insert(headers, CACHE_CONTROL, cache);
    insert(headers, VARY, vary);
    answer
}

/// Adds the members of the JSON object that says what was found.
fn write_members(out: &mut Vec<u8>, range: &Range) {
    let gap = range.gap.as_ref().map_or("null".to_owned(), control::gap_json);
    let (cursor, Range { more, complete, .. }) = (range.cursor_text(), range);
    let head =
        format!(r#""cursor":"{cursor}","gap":{gap},"more":{more},"complete":{complete},"publications":["#);
    out.extend_from_slice(head.as_bytes());
    out.extend_from_slice(&range.envelopes);
    out.push(b']');
}

fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    // Cursors and the constants of this file hold nothing that a header may not.
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}
