//! Names in Redis that look as if Fanfare's were meant.

/// What a publisher may have meant by a name that is none under the prefix: the channel, and
/// whether the name looks like ours at all.
pub(super) fn meant(name: &str, prefix: &str) -> (String, bool) {
    let stem = stem(prefix);
    let lower = name.to_ascii_lowercase();
    let at = (!stem.is_empty()).then(|| lower.find(&stem)).flatten();
    match at {
        // Another case, another separator, or something before it.
        Some(at) => {
            let rest = &name[at + stem.len()..];
            // A word that only begins like it (`fanfares:`) was meant to be it.
            let rest = match rest.find(is_separator) {
                Some(separator) if !rest.starts_with(is_separator) => &rest[separator..],
                _ => rest,
            };
            let channel = rest.trim_start_matches(is_separator);
            (channel.to_owned(), !channel.is_empty())
        }
        // Without any prefix.
        None => (name.to_owned(), !name.contains(is_separator)),
    }
}

/// The prefix without what separates it from the channel.
fn stem(prefix: &str) -> String {
    prefix.trim_end_matches(is_separator).to_ascii_lowercase()
}

/// Whether a key looks as if it were meant to be the stream.
pub(super) fn is_like_the_stream(key: &str, prefix: &str) -> bool {
    let stem = stem(prefix);
    !stem.is_empty() && key.to_ascii_lowercase().contains(&stem)
}

fn is_separator(character: char) -> bool {
    ":./_-@|#".contains(character)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_meant_is_found_behind_other_prefixes() {
        let check = |name, channel: &str, similar| {
            assert_eq!(meant(name, "fanfare:"), (channel.to_owned(), similar), "{name}");
        };
        check("alerts", "alerts", true);
        check("Fanfare:alerts", "alerts", true);
        check("fanfare.alerts", "alerts", true);
        check("fanfare::alerts", "alerts", true);
        check("laravel_database_fanfare:alerts", "alerts", true);
        check("fanfare:monitors/7", "monitors/7", true);
        check("sidekiq:beat", "sidekiq:beat", false);
        check("fanfares:alerts", "alerts", true);
        check("fanfarealerts", "alerts", true);
        check("fanfare", "", false);
        assert!(is_like_the_stream("Fanfare@stream", "fanfare:"));
        assert!(!is_like_the_stream("jobs", "fanfare:"));
    }
}
