//! A directive as it is written: JSON.

use publication::{Directive, Pattern, Revocation};
use serde::Deserialize;

/// As it is written.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
enum Written {
    Revoke(Whom),
    Disconnect(Subject),
    Subscribe(Channels),
    Unsubscribe(Channels),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Whom {
    token: Option<Box<str>>,
    subject: Option<Box<str>>,
    until: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Subject {
    subject: Box<str>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Channels {
    subject: Box<str>,
    channels: Vec<String>,
}

/// Reads one, as JSON: `{"revoke":{"token":"ID"}}`, `{"revoke":{"subject":"42","until":SECONDS}}`,
/// `{"disconnect":{"subject":"42"}}`, `{"subscribe":{"subject":"42","channels":["a","b/*"]}}`, and
/// `unsubscribe` in the same way. It came at `now`; a revocation that does not say until when is kept for
/// `keep`, both in seconds.
///
/// # Errors
/// What is wrong with it.
pub(super) fn read(text: &str, now: u64, keep: u64) -> Result<Directive, String> {
    let written: Written = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let patterns = |names: Vec<String>| {
        let read = |name: &String| Pattern::parse(name).map_err(|error| format!("{name:?}: {error}"));
        names.iter().map(read).collect::<Result<Vec<_>, _>>()
    };
    Ok(match written {
        Written::Revoke(Whom { token, subject, until }) => {
            let until = until.unwrap_or_else(|| now.saturating_add(keep));
            Directive::Revoke(match (token, subject) {
                (Some(id), None) => Revocation::Token { id, until },
                (None, Some(subject)) => Revocation::Subject { subject, issued: now, until },
                _ => return Err("a revocation has either `token` or `subject`".to_owned()),
            })
        }
        Written::Disconnect(Subject { subject }) => Directive::Disconnect { subject },
        Written::Subscribe(Channels { subject, channels }) => {
            Directive::Subscribe { subject, channels: patterns(channels)? }
        }
        Written::Unsubscribe(Channels { subject, channels }) => {
            Directive::Unsubscribe { subject, channels: patterns(channels)? }
        }
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_directive_is_read_or_told_why_not() {
        let read = |text: &str| super::read(text, 1_000, 60);
        let token = Revocation::Token { id: "a".into(), until: 1_060 };
        assert_eq!(read(r#"{"revoke":{"token":"a"}}"#), Ok(Directive::Revoke(token)));
        let subject = Revocation::Subject { subject: "42".into(), issued: 1_000, until: 2_000 };
        assert_eq!(read(r#"{"revoke":{"subject":"42","until":2000}}"#), Ok(Directive::Revoke(subject)));
        let (subject, channels) = ("42".into(), vec![Pattern::parse("a/*").unwrap()]);
        let text = r#"{"subscribe":{"subject":"42","channels":["a/*"]}}"#;
        assert_eq!(read(text), Ok(Directive::Subscribe { subject, channels }));
        for bad in [
            r#"{"revoke":{}}"#,
            r#"{"revoke":{"token":"a","subject":"b"}}"#,
            r#"{"revoke":{"tokn":"a"}}"#,
            r#"{"disconnect":{"subject":42}}"#,
            r#"{"subscribe":{"subject":"42","channels":["a*b"]}}"#,
            r#"{"destroy":{}}"#,
            "[]",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn whatever_comes_is_read_without_harm(text in ".*") {
            let _ = super::read(&text, 0, u64::MAX);
        }
    }
}
