//! A poll: one bounded read of a range, answered at once.

use std::time::{Duration, Instant};

use hub::{Beginning, Gap, Hub, Place, Selection, Shown};
use hyper::{
    HeaderMap, Method, StatusCode,
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
pub(crate) async fn answer(
    shard: &Shard,
    wanted: &Wanted,
    method: &Method,
    headers: &HeaderMap,
) -> Result<Answer, Refusal> {
    let asked = Instant::now();
    let deadline = asked + CURSOR_WAIT;
    loop {
        // Registered before looking, so that nothing is missed in between.
        let moved = shard.moved.notified();
        match read(shard, wanted, headers, asked)? {
            Found::Range(range) => return Ok(respond(shard, wanted, method, &range)),
            Found::Ahead(cursor) if Instant::now() >= deadline => {
                // This gateway lags behind the one that gave the cursor out: there is nothing new here.
                return Ok(respond(shard, wanted, method, &Range::lagging(cursor)));
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
    /// The place and the cursor of the newest publication of the selection.
    newest: Option<(Place, Cursor)>,
    /// How many latest values have expired: nothing new was published, and yet the answer changes.
    expired: usize,
    /// No other gateway is known to know more.
    complete: bool,
    /// `If-None-Match` says that there is nothing new; then nothing was encoded.
    unchanged: bool,
}

/// Reads what the poll asks for, if it is here.
fn read(shard: &Shard, wanted: &Wanted, headers: &HeaderMap, asked: Instant) -> Result<Found, Refusal> {
    let sessions = shard.sessions.borrow();
    if let Some(reason) = sessions.refusal() {
        return Err(Refusal::closed(reason));
    }
    let hub = &sessions.hub;
    let selection = &wanted.selection;
    let (after, gap) = match wanted.since {
        Since::Absent | Since::Last => {
            let range = Range::new(shard, hub, selection, None);
            return Ok(Found::Range(Box::new(range.latest(shard, hub, selection, headers))));
        }
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
    let range = Range::new(shard, hub, selection, gap);
    Ok(Found::Range(Box::new(range.after_place(hub, selection, after, headers))))
}

fn begin_unknown(hub: &Hub, cursor: Option<Cursor>) -> (Place, Option<Gap>) {
    let gap = hub.unknown_cursor(cursor);
    (gap.resume, Some(gap))
}

impl Range {
    fn new(shard: &Shard, hub: &Hub, selection: &Selection, gap: Option<Gap>) -> Self {
        Self {
            cursor: None,
            gap,
            more: false,
            envelopes: Vec::new(),
            count: 0,
            newest: hub.newest(selection).map(|entry| (entry.place, entry.cursor)),
            expired: 0,
            complete: *shard.phase.borrow() != Phase::Starting,
            unchanged: false,
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
            complete: false,
            unchanged: false,
        }
    }

    /// The latest publication of each channel, unpaged.
    fn latest(mut self, shard: &Shard, hub: &Hub, selection: &Selection, headers: &HeaderMap) -> Self {
        let (now, config) = (Instant::now(), shard.config());
        self.cursor = hub.tip();
        self.expired = hub.expired(selection, now);
        self.unchanged = self.is_known(hub, headers);
        if !self.unchanged {
            for value in hub.values(selection, now, |channel| config.access.keeps_last(channel)) {
                self.push(&value);
            }
        }
        self
    }

    /// What came after a place, up to the limits or to where a gap is to be told first.
    fn after_place(mut self, hub: &Hub, selection: &Selection, after: Place, headers: &HeaderMap) -> Self {
        let until = hub.until(selection, after);
        self.more = until < hub.place();
        self.unchanged = self.is_known(hub, headers);
        let (mut read, mut upto) = (after, until);
        let limit = if self.unchanged { 0 } else { MAX_PUBLICATIONS + 1 };
        for entry in hub.read(selection, after, until, limit) {
            if self.count as usize == MAX_PUBLICATIONS || self.envelopes.len() >= MAX_BYTES {
                (self.more, upto) = (true, read);
                break;
            }
            self.push(&Shown::delivered(entry, selection));
            read = entry.place;
        }
        self.cursor = if upto == hub.place() { hub.tip() } else { hub.cursor_of(upto) };
        self
    }

    fn push(&mut self, shown: &Shown<'_>) {
        if self.count > 0 {
            self.envelopes.push(b',');
        }
        envelope::write(&mut self.envelopes, shown, true);
        self.count += 1;
    }

    /// What `ETag` says, where it says anything. A page that is not the last says nothing of the
    /// newest publication: with its tag the next answer would be a 304, and the pages between would
    /// never be seen.
    fn tag(&self) -> Option<String> {
        if !self.complete || self.more {
            return None;
        }
        Some(match (self.newest, self.expired) {
            (None, _) => "none".to_owned(),
            (Some((_, cursor)), 0) => cursor.to_string(),
            (Some((_, cursor)), expired) => format!("{cursor}.{expired}"),
        })
    }

    /// Whether one of the tags in `If-None-Match` names the newest publication: whoever has it has
    /// all. Compared weakly, and by place where the tags are cursors, since two cursors can mean the
    /// same place.
    fn is_known(&self, hub: &Hub, headers: &HeaderMap) -> bool {
        let Some(own) = self.tag().filter(|_| self.gap.is_none()) else { return false };
        let values = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
        values.flat_map(|value| value.split(',')).any(|tag| {
            let tag = tag.trim();
            let tag = tag.strip_prefix("W/").unwrap_or(tag).trim_matches('"');
            let same_place = || {
                let place = hub.place_of(tag.parse().ok()?)?;
                Some(self.expired == 0 && self.newest.is_some_and(|(newest, _)| newest == place))
            };
            tag == "*" || tag == own || same_place() == Some(true)
        })
    }
}

fn respond(shard: &Shard, wanted: &Wanted, method: &Method, range: &Range) -> Answer {
    let cursor = range.cursor.map_or(String::new(), |cursor| cursor.to_string());
    let mut answer = if range.unchanged {
        respond::empty(StatusCode::NOT_MODIFIED)
    } else {
        let body = body(range, &cursor);
        if method != Method::HEAD {
            shard.metrics.poll_deliveries.inc_by(range.count);
            shard.metrics.poll_bytes.inc_by(body.len() as u64);
        }
        respond::json(StatusCode::OK, body)
    };
    let headers = answer.headers_mut();
    insert(headers, HeaderName::from_static("fanfare-cursor"), &cursor);
    if let Some(tag) = range.tag() {
        insert(headers, ETAG, &format!("\"{tag}\""));
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

fn body(range: &Range, cursor: &str) -> Vec<u8> {
    let gap = range.gap.as_ref().map_or("null".to_owned(), control::gap_json);
    let Range { more, complete, .. } = range;
    let mut body =
        format!(r#"{{"cursor":"{cursor}","gap":{gap},"more":{more},"complete":{complete},"publications":["#)
            .into_bytes();
    body.extend_from_slice(&range.envelopes);
    body.extend_from_slice(b"]}");
    body
}

fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    // Cursors and the constants of this file hold nothing that a header may not.
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}
