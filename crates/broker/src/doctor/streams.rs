//! Streams that look like ours under another name.

use std::time::Duration;

use super::{names, near::Suggestion};
use crate::{
    connection::Connection,
    decode::Rules,
    diagnosis::{Diagnosis, Verdict},
    link_error::LinkError,
    resp::Reply,
    stream::{max_value, receive},
};

/// Keys that Redis goes through at once, and how often: enough to find what is there in most, and
/// little enough to hurt none.
const SCAN_COUNT: &str = "1000";
const MAX_SCANS: usize = 20;
/// Streams that are looked into.
const MAX_STREAMS: usize = 20;

/// Those among the first keys that Redis lists, as far as that is allowed.
pub(super) async fn alike(
    connection: &mut Connection,
    rules: &Rules,
    suggest: &Suggestion<'_>,
) -> Result<Vec<Diagnosis>, LinkError> {
    let ours = suggest.config.stream_key();
    let mut found = Vec::new();
    for key in keys(connection).await?.into_iter().filter(|key| *key != ours).take(MAX_STREAMS) {
        found.extend(look(connection, &key, rules, suggest).await?);
    }
    Ok(found)
}

async fn keys(connection: &mut Connection) -> Result<Vec<String>, LinkError> {
    let (mut cursor, mut keys) = ("0".to_owned(), Vec::new());
    for _ in 0..MAX_SCANS {
        match connection.ask(&["SCAN", &cursor, "COUNT", SCAN_COUNT, "TYPE", "stream"]).await {
            Ok(Reply::List(parts)) => {
                if let Some(Reply::List(page)) = parts.get(1) {
                    keys.extend(page.iter().filter_map(Reply::text));
                }
                cursor = parts.first().and_then(Reply::text).unwrap_or_default();
            }
            Ok(_) | Err(LinkError::Refused { .. }) => break,
            Err(error) => return Err(error),
        }
        if cursor.is_empty() || cursor == "0" {
            break;
        }
    }
    Ok(keys)
}

async fn look(
    connection: &mut Connection,
    key: &str,
    rules: &Rules,
    suggest: &Suggestion<'_>,
) -> Result<Option<Diagnosis>, LinkError> {
    connection.send(&["XREVRANGE", key, "+", "-", "COUNT", "1"]).await?;
    let mut newest = None;
    let received = receive(connection, "XREVRANGE", Duration::ZERO, max_value(rules), |(_, fields)| {
        newest = fields.and_then(|fields| rules.entry(&fields).ok());
    });
    match received.await {
        Err(LinkError::Refused { .. }) => return Ok(None),
        received => drop(received?),
    }
    let warn = |text: &str, remedy| Some(Diagnosis::new(Verdict::Warning, format!("{key}: {text}"), remedy));
    Ok(match newest {
        Some(publication) => {
            warn("a stream that holds publications, but gateways read another one", suggest.of(&publication))
        }
        None if names::is_like_the_stream(key, suggest.config.prefix()) => {
            let remedy = format!("add to {}, with the fields channel and data", suggest.config.stream_key());
            warn("a stream with a name like Fanfare's, but gateways read another one", remedy)
        }
        None => None,
    })
}
