//! The commands by which a publication is published, word by word.

use publication::Publication;

use crate::{config::RedisConfig, door::Door, shell};

/// Data longer than this are abbreviated where a command is shown to people.
const MAX_SHOWN_CHARS: usize = 60;

/// PUBLISH or XADD with all its arguments: plain where that says all.
pub(crate) fn words(door: Door, config: &RedisConfig, publication: &Publication) -> Vec<String> {
    with_data(door, config, publication, publication.data())
}

/// The same for a person who types it into a shell behind `redis-cli`; long data are abbreviated.
pub(crate) fn shown(door: Door, config: &RedisConfig, publication: &Publication) -> String {
    let data = publication.data();
    match data.char_indices().nth(MAX_SHOWN_CHARS) {
        None => shell::join(&words(door, config, publication)),
        Some((end, _)) => {
            let short = format!("{}...", &data[..end]);
            shell::join(&with_data(door, config, publication, &short))
        }
    }
}

fn with_data(door: Door, config: &RedisConfig, publication: &Publication, data: &str) -> Vec<String> {
    match door {
        Door::PubSub => publish(config.prefix(), publication, data),
        Door::Stream => add(config.stream_key(), publication, data),
    }
}

fn publish(prefix: &str, publication: &Publication, data: &str) -> Vec<String> {
    let channels: Vec<_> = publication.channels().collect();
    let plain = !publication.is_retraction() && publication.ttl().is_none() && publication.from().is_none();
    let (name, payload) = match (&channels[..], publication.event()) {
        ([channel], None) if plain => (format!("{prefix}{channel}"), data.to_owned()),
        (channels, event) => {
            let mut envelope = serde_json::json!({ "channels": channels, "data": data });
            if let Some(event) = event {
                envelope["event"] = event.into();
            }
            if publication.is_retraction() {
                envelope["retract"] = true.into();
            }
            if let Some(ttl) = publication.ttl() {
                envelope["ttl"] = ttl.into();
            }
            if let Some(from) = publication.from() {
                envelope["from"] = from.into();
            }
            if let Some(except) = publication.except() {
                envelope["except"] = except.to_string().into();
            }
            (format!("{prefix}@json"), envelope.to_string())
        }
    };
    vec!["PUBLISH".to_owned(), name, payload]
}

fn add(key: String, publication: &Publication, data: &str) -> Vec<String> {
    let mut words = vec!["XADD".to_owned(), key, "*".to_owned()];
    let mut field = |name: &str, value: &str| words.extend([name.to_owned(), value.to_owned()]);
    let channels: Vec<_> = publication.channels().collect();
    match &channels[..] {
        [channel] => field("channel", channel),
        channels => field("channels", &serde_json::json!(channels).to_string()),
    }
    if let Some(event) = publication.event() {
        field("event", event);
    }
    field("data", data);
    if publication.is_retraction() {
        field("retract", "1");
    }
    if let Some(ttl) = publication.ttl() {
        field("ttl", &ttl.to_string());
    }
    if let Some(from) = publication.from() {
        field("from", from);
    }
    if let Some(except) = publication.except() {
        field("except", &except.to_string());
    }
    words
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use publication::Draft;

    use super::*;

    #[test]
    fn commands_are_shown_as_a_shell_takes_them() {
        let config = RedisConfig::new("redis://x", "f:", Duration::MAX, Duration::MAX).unwrap();
        let check = |further: &[&str], event, data: &str, by_publish: &str, by_add: &str| {
            let draft = Draft { channel: "a", further, event, data, ..Draft::default() };
            let publication = Publication::new(&draft, 1_000).unwrap();
            assert_eq!(shown(Door::PubSub, &config, &publication), by_publish);
            assert_eq!(shown(Door::Stream, &config, &publication), by_add);
        };
        check(
            &[],
            None,
            "it's full",
            r"PUBLISH f:a 'it'\''s full'",
            r"XADD f:@stream '*' channel a data 'it'\''s full'",
        );
        check(
            &["b"],
            Some("disk"),
            "x",
            r#"PUBLISH f:@json '{"channels":["a","b"],"data":"x","event":"disk"}'"#,
            r#"XADD f:@stream '*' channels '["a","b"]' event disk data x"#,
        );
        let (long, short) = ("ä".repeat(61), "ä".repeat(60));
        check(
            &[],
            None,
            &long,
            &format!("PUBLISH f:a '{short}...'"),
            &format!("XADD f:@stream '*' channel a data '{short}...'"),
        );
    }
}
