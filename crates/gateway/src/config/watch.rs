//! What the watcher asks, from the file's words.

use std::{net::SocketAddr, time::Duration};

use publication::EventType;
use watcher::{Database, Query, Template};

use super::{
    file::{self, File, Span},
    problem::Problem,
};
use crate::client::Server;

/// The settings of a watcher.
pub(crate) struct Watch {
    pub(crate) name: String,
    pub(crate) admin: SocketAddr,
    pub(crate) lease: Duration,
    /// Where it publishes, where there is no Redis; empty for the gateway on this machine.
    pub(crate) to: String,
    pub(crate) queries: Vec<Query>,
}

/// What of its interval a query's run begins later at the most, unless the file says it.
const JITTER: f64 = 0.1;
/// What is remembered in Redis is forgotten after 30 days without a publication.
const MAX_REFRESH: (u64, u64) = (0, 7 * 24 * 60 * 60);
/// Names stand in Redis's keys and in metrics.
const MAX_NAME_BYTES: usize = 64;

/// The watcher; that there are queries is asked for by who runs them.
pub(super) fn watch(file: &File, problems: &mut Vec<Problem>) -> Watch {
    let watch = &file.watch;
    check_name("watch.name", &watch.name, problems);
    check_span("watch.lease", watch.lease, (1, 60), problems);
    if !watch.to.is_empty()
        && let Err(reason) = Server::parse(&watch.to)
    {
        problems.push(Problem::new("watch.to", Some(format!("{:?}", watch.to)), reason));
    }
    let mut queries: Vec<Query> = Vec::with_capacity(watch.queries.len());
    for (index, words) in watch.queries.iter().enumerate() {
        let key = format!("watch.queries[{index}]");
        if queries.iter().any(|query| query.name == words.name) {
            let reason = "another query has this name";
            problems.push(Problem::new(format!("{key}.name"), Some(format!("{:?}", words.name)), reason));
        }
        let Some(query) = query(&key, words, file, problems) else { continue };
        if let Some(other) = queries.iter().find(|other| other.channel == query.channel) {
            let reason =
                format!("{:?} publishes there too, and each would retract the other's rows", other.name);
            let channel = Some(format!("{:?}", query.channel.to_string()));
            problems.push(Problem::new(format!("{key}.channel"), channel, reason));
        }
        queries.push(query);
    }
    let (name, to) = (watch.name.clone(), watch.to.clone());
    Watch { name, admin: watch.admin, lease: watch.lease.0, to, queries }
}

fn query(key: &str, words: &file::WatchQuery, file: &File, problems: &mut Vec<Problem>) -> Option<Query> {
    let before = problems.len();
    check_name(&format!("{key}.name"), &words.name, problems);
    check_span(&format!("{key}.interval"), words.interval, (0, 24 * 60 * 60), problems);
    check_span(&format!("{key}.timeout"), words.timeout, (0, 60 * 60), problems);
    let jitter = words.jitter.map_or(words.interval.0.mul_f64(JITTER), |jitter| jitter.0);
    if jitter >= words.interval.0 && !words.interval.0.is_zero() {
        let reason = format!("this must be shorter than the interval of {}", words.interval);
        problems.push(Problem::new(format!("{key}.jitter"), Some(Span(jitter).to_string()), reason));
    }
    if !words.refresh.0.is_zero() {
        check_span(&format!("{key}.refresh"), words.refresh, MAX_REFRESH, problems);
    }
    if words.max_rows == 0 {
        let reason = "this must be at least 1";
        problems.push(Problem::new(format!("{key}.max_rows"), Some("0".to_owned()), reason));
    }
    if words.sql.trim().is_empty() {
        problems.push(Problem::new(format!("{key}.sql"), None, "there is nothing to ask"));
    }
    if let Err(error) = EventType::new(&words.event)
        && !words.event.is_empty()
    {
        problems.push(Problem::new(format!("{key}.event"), Some(format!("{:?}", words.event)), error));
    }
    let database = database(key, words, file, problems)?;
    let channel = channel(key, words, problems)?;
    (problems.len() == before).then(|| Query {
        name: words.name.clone(),
        database,
        sql: words.sql.clone(),
        interval: words.interval.0,
        jitter,
        timeout: words.timeout.0,
        channel,
        event: Some(words.event.clone()).filter(|event| !event.is_empty()),
        json: words.json.clone(),
        refresh: Some(words.refresh.0).filter(|refresh| !refresh.is_zero()),
        max_rows: words.max_rows,
        max_data_bytes: file.broker.max_data_bytes,
    })
}

fn database(
    key: &str,
    words: &file::WatchQuery,
    file: &File,
    problems: &mut Vec<Problem>,
) -> Option<Database> {
    let (key, url) = match words.database.is_empty() {
        true => ("watch.database".to_owned(), &file.watch.database),
        false => (format!("{key}.database"), &words.database),
    };
    match url.parse() {
        Ok(database) => Some(database),
        Err(_) if url.is_empty() => {
            let reason =
                "name the database to ask: postgres://user:password@host/name or sqlite:/path/to/file.db";
            problems.push(Problem::new(key, None, reason));
            None
        }
        Err(error) => {
            // The URL may hold a password, so it is not repeated.
            let reason = format!(
                "{error}; write it like postgres://user:password@host/name or sqlite:/path/to/file.db"
            );
            problems.push(Problem::new(key, None, reason));
            None
        }
    }
}

/// Where rows go: as `channel` says; else to one named after the query, with the key if there is one.
fn channel(key: &str, words: &file::WatchQuery, problems: &mut Vec<Problem>) -> Option<Template> {
    let (name, column) = (&words.name, &words.key);
    let text = match (words.channel.is_empty(), column.is_empty()) {
        (false, _) => words.channel.clone(),
        (true, false) => format!("{name}/{{{column}}}"),
        (true, true) => name.clone(),
    };
    let shown = Some(format!("{text:?}"));
    match text.parse::<Template>() {
        Ok(channel) if column.is_empty() || channel.columns().any(|name| name == column) => Some(channel),
        Ok(_) => {
            let reason =
                format!("rows with different keys need different channels: it must hold {{{column}}}");
            problems.push(Problem::new(format!("{key}.channel"), shown, reason));
            None
        }
        Err(error) => {
            problems.push(Problem::new(format!("{key}.channel"), shown, error));
            None
        }
    }
}

fn check_name(key: &str, name: &str, problems: &mut Vec<Problem>) {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    if name.is_empty() || name.len() > MAX_NAME_BYTES || !name.bytes().all(fits) {
        let reason = format!(
            "a name has 1 to {MAX_NAME_BYTES} letters, digits, `_`, `-` and `.`, such as \"monitors\""
        );
        problems.push(Problem::new(key, Some(format!("{name:?}")), reason));
    }
}

/// At least so many seconds (0 for a tenth of one), and at most so many.
fn check_span(key: &str, span: Span, (least, most): (u64, u64), problems: &mut Vec<Problem>) {
    let least = Duration::from_secs(least).max(Duration::from_millis(100));
    if span.0 < least || span.0 > Duration::from_secs(most) {
        let reason = format!("this must be from {} to {}", Span(least), Span::seconds(most));
        problems.push(Problem::new(key, Some(span.to_string()), reason));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(queries: &str) -> Result<Vec<Query>, Vec<String>> {
        let text = format!("[watch]\ndatabase = \"sqlite:x.db\"\n{queries}");
        let file: File = toml::from_str(&text).unwrap();
        let mut problems = Vec::new();
        let watch = watch(&file, &mut problems);
        match problems.is_empty() {
            true => Ok(watch.queries),
            false => Err(problems.iter().map(ToString::to_string).collect()),
        }
    }

    #[test]
    fn a_name_and_a_key_are_enough_for_a_channel_a_row() {
        let check = |line: &str, channel: &str| {
            let text = format!("[[watch.queries]]\nname = \"m\"\nsql = \"select\"\n{line}");
            assert_eq!(problems(&text).unwrap()[0].channel.to_string(), channel);
        };
        check("", "m");
        check("key = \"id\"", "m/{id}");
        check("key = \"id\"\nchannel = \"t/{tenant}/{id}\"", "t/{tenant}/{id}");
        check("channel = \"a/{b}\"", "a/{b}");
    }

    #[test]
    fn what_cannot_be_meant_is_named() {
        let check = |lines: &str, part: &str| {
            let found = problems(&format!("[[watch.queries]]\n{lines}")).err().unwrap().join("\n");
            assert!(found.contains(part), "{found}");
        };
        check("name = \"a b\"\nsql = \"select\"", "watch.queries[0].name = \"a b\": a name has 1 to 64");
        check("name = \"a\"\nsql = \" \"", "watch.queries[0].sql: there is nothing to ask");
        check("name = \"a\"\nsql = \"s\"\nkey = \"id\"\nchannel = \"x\"", "it must hold {id}");
        check("name = \"a\"\nsql = \"s\"\nchannel = \"{\"", "a column stands in braces");
        check("name = \"a\"\nsql = \"s\"\ninterval = \"1ms\"", "this must be from 100ms to 1day");
        check(
            "name = \"a\"\nsql = \"s\"\njitter = \"5s\"\ninterval = \"5s\"",
            "shorter than the interval of 5s",
        );
        check("name = \"a\"\nsql = \"s\"\nrefresh = \"1y\"", "refresh = 1year: this must be from");
        check("name = \"a\"\nsql = \"s\"\nmax_rows = 0", "max_rows = 0: this must be at least 1");
        check(
            "name = \"a\"\nsql = \"s\"\n[[watch.queries]]\nname = \"b\"\nsql = \"s\"\nchannel = \"a\"",
            "watch.queries[1].channel = \"a\": \"a\" publishes there too",
        );
        check("name = \"a\"\nsql = \"s\"\nevent = \"error\"", "event = \"error\"");
        check("name = \"a\"\nsql = \"s\"\ndatabase = \"mysql://u:secret@h/d\"", "postgres:// or sqlite:");
        check(
            "name = \"a\"\nsql = \"s\"\n[[watch.queries]]\nname = \"a\"\nsql = \"s\"",
            "another query has this name",
        );
    }
}
