//! A poll: one bounded read of a range, answered at once.

use std::time::{Duration, Instant};

use hub::{Beginning, Gap, Hub, Place, Selection, Shown};
use hyper::{
    HeaderMap, StatusCode,
    header::{CACHE_CONTROL, ETAG, HeaderName, HeaderValue, IF_NONE_MATCH, VARY},
};
use publication::Cursor;
use tokio::time::timeout_at;

use crate::{
    control, envelope, fetch,
    phase::Phase,
    request::{CURSOR_WAIT, Since, Wanted},
    respond::{self, Answer, Refusal},
    shard::Shard,
};

/// What one answer holds at most after a cursor.
const MAX_PUBLICATIONS: usize = 1_000;
const MAX_BYTES: usize = 1024 * 1024;

/// How long a poll waits for what memory no longer holds.
const FETCH_WAIT: Duration = Duration::from_secs(10);

/// Answers a poll.
///
/// # Errors
/// The gateway takes nobody in just now.
pub(crate) async fn answer(shard: &Shard, wanted: &Wanted, headers: &HeaderMap) -> Result<Answer, Refusal> {
    let asked = Instant::now();
    let deadline = asked + CURSOR_WAIT;
    loop {
        // Registered before looking, so that nothing is missed in between.
        let moved = shard.moved.notified();
        match read(shard, wanted, asked)? {
            Found::Range(range) => return Ok(respond(shard, wanted, headers, &range)),
            Found::Ahead(cursor) if Instant::now() >= deadline => {
                // This gateway lags behind the one that gave the cursor out: there is nothing new here.
                return Ok(respond(shard, wanted, headers, &Range::lagging(cursor)));
            }
            Found::Ahead(_) => drop(timeout_at(deadline.into(), moved).await),
            Found::Stored(after) => {
                if asked.elapsed() >= FETCH_WAIT || !fetch::fetch(shard, after).await {
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
}

/// What an answer says.
struct Range {
    cursor: Option<Cursor>,
    gap: Option<Gap>,
    more: bool,
    /// The publications' envelopes, joined by commas.
    envelopes: Vec<u8>,
    count: u64,
    /// The cursor of the newest publication of the selection, its place, and whether it is the one
    /// that `If-None-Match` names.
    newest: Option<(Place, Cursor)>,
    /// Other gateways are known to know more.
    lagging: bool,
    /// How many latest values have expired: nothing new was published, and yet the answer changes.
    expired: usize,
}

/// Reads what the poll asks for, if it is here.
fn read(shard: &Shard, wanted: &Wanted, asked: Instant) -> Result<Found, Refusal> {
    let sessions = shard.sessions.borrow();
    if let Some(reason) = sessions.refusal() {
        return Err(Refusal::closed(reason));
    }
    let hub = &sessions.hub;
    let selection = &wanted.selection;
    let (after, gap) = match wanted.since {
        Since::Absent | Since::Last => return Ok(Found::Range(Box::new(latest(shard, hub, selection)))),
        Since::Earliest => (hub.earliest(), None),
        Since::Unreadable => begin_unknown(hub, None),
        Since::After(cursor) => match hub.begin(selection, cursor) {
            Beginning::At(place, gap) => (place, gap),
            Beginning::Ahead if hub.is_current(asked) => begin_unknown(hub, Some(cursor)),
            Beginning::Ahead => return Ok(Found::Ahead(cursor)),
            Beginning::Fetch(after) => return Ok(Found::Stored(after)),
        },
    };
    shard.metrics.count_start(wanted.since, false, gap.map(|gap| gap.reason));
    if let Some(gap) = &gap {
        shard.metrics.count_gap(gap.reason);
    }
    Ok(Found::Range(Box::new(after_place(hub, selection, after, gap))))
}

fn begin_unknown(hub: &Hub, cursor: Option<Cursor>) -> (Place, Option<Gap>) {
    let gap = hub.unknown_cursor(cursor);
    (gap.resume, Some(gap))
}

/// The latest publication of each channel, unpaged.
fn latest(shard: &Shard, hub: &Hub, selection: &Selection) -> Range {
    let (mut range, now, config) = (Range::new(hub, selection, None), Instant::now(), shard.config());
    for value in hub.values(selection, now, |channel| config.access.keeps_last(channel)) {
        range.push(&value);
    }
    range.expired = hub.expired(selection, now);
    range.cursor = hub.tip();
    range
}

/// What came after a place, up to the limits or to where a gap is to be told first.
fn after_place(hub: &Hub, selection: &Selection, after: Place, gap: Option<Gap>) -> Range {
    let mut range = Range::new(hub, selection, gap);
    let until = hub.until(selection, after);
    let mut upto = until;
    let entries = hub.read(selection, after, until, MAX_PUBLICATIONS + 1);
    let mut read = after;
    for entry in entries {
        if range.count as usize == MAX_PUBLICATIONS || range.envelopes.len() >= MAX_BYTES {
            upto = read;
            break;
        }
        range.push(&Shown::delivered(entry, selection));
        read = entry.place;
    }
    range.more = upto < hub.place();
    range.cursor = if upto == hub.place() { hub.tip() } else { hub.cursor_of(upto) };
    range
}

impl Range {
    fn new(hub: &Hub, selection: &Selection, gap: Option<Gap>) -> Self {
        let newest = hub.newest(selection).map(|entry| (entry.place, entry.cursor));
        Self {
            cursor: None,
            gap,
            more: false,
            envelopes: Vec::new(),
            count: 0,
            newest,
            expired: 0,
            lagging: false,
        }
    }

    /// Nothing, for one whose cursor this gateway has not reached.
    fn lagging(cursor: Cursor) -> Self {
        Self {
            cursor: Some(cursor),
            gap: None,
            more: false,
            envelopes: Vec::new(),
            count: 0,
            newest: None,
            expired: 0,
            lagging: true,
        }
    }

    fn push(&mut self, shown: &Shown<'_>) {
        if self.count > 0 {
            self.envelopes.push(b',');
        }
        envelope::write(&mut self.envelopes, shown, true);
        self.count += 1;
    }
}

fn respond(shard: &Shard, wanted: &Wanted, headers: &HeaderMap, range: &Range) -> Answer {
    let cursor = range.cursor.map_or(String::new(), |cursor| cursor.to_string());
    let etag = match (range.newest, range.expired) {
        (None, _) => "none".to_owned(),
        (Some((_, cursor)), 0) => cursor.to_string(),
        (Some((_, cursor)), expired) => format!("{cursor}.{expired}"),
    };
    let complete = *shard.phase.borrow() != Phase::Starting && !range.lagging;
    // A page that is not the last says nothing of the newest publication: with its tag the next
    // answer would be a 304, and the pages between would never be seen.
    let tagged = complete && !range.more;
    let unchanged = tagged && range.gap.is_none() && is_newest(shard, headers, &etag, range);
    let mut answer = if unchanged {
        respond::empty(StatusCode::NOT_MODIFIED)
    } else {
        shard.metrics.poll_deliveries.inc_by(range.count);
        let body = body(range, &cursor, complete);
        shard.metrics.poll_bytes.inc_by(body.len() as u64);
        respond::json(StatusCode::OK, body)
    };
    let headers = answer.headers_mut();
    insert(headers, HeaderName::from_static("fanfare-cursor"), &cursor);
    if tagged {
        insert(headers, ETAG, &format!("\"{etag}\""));
    }
    // `Last-Event-ID` wins over what the URL says.
    let (cache, vary) = if wanted.explicit {
        ("public, max-age=1", "Last-Event-ID, Origin")
    } else {
        ("private, no-store", "Accept, Origin")
    };
    insert(headers, CACHE_CONTROL, cache);
    insert(headers, VARY, vary);
    answer
}

fn body(range: &Range, cursor: &str, complete: bool) -> Vec<u8> {
    let gap = range.gap.as_ref().map_or("null".to_owned(), control::gap_json);
    let more = range.more;
    let mut body =
        format!(r#"{{"cursor":"{cursor}","gap":{gap},"more":{more},"complete":{complete},"publications":["#)
            .into_bytes();
    body.extend_from_slice(&range.envelopes);
    body.extend_from_slice(b"]}");
    body
}

/// Whether one of the tags in `If-None-Match` names the newest publication. Compared weakly, and by
/// place where the tags are cursors, since two cursors can mean the same place.
fn is_newest(shard: &Shard, headers: &HeaderMap, etag: &str, range: &Range) -> bool {
    let values = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|tag| {
        let tag = tag.trim();
        let tag = tag.strip_prefix("W/").unwrap_or(tag).trim_matches('"');
        let same_place = || {
            let place = shard.sessions.borrow().hub.place_of(tag.parse().ok()?)?;
            Some(range.expired == 0 && range.newest.is_some_and(|(newest, _)| newest == place))
        };
        tag == "*" || tag == etag || same_place() == Some(true)
    })
}

fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    // Cursors and the constants of this file hold nothing that a header may not.
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}
