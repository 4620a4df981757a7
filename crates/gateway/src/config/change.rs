//! What differs between two configurations, and which of it can change while the gateway runs.

use std::{collections::BTreeSet, fmt};

use serde::Deserialize;
use toml::{Table, Value};

use super::{file::File, load::holds_secret, problem::Problem};

/// Keys, and sections, that can change without touching a connection. All others need a restart:
/// sockets are bound, threads run, the order of publications has begun.
const CHANGEABLE: &[&str] = &[
    "listen.head_timeout",
    "listen.keep_alive",
    "listen.max_head_bytes",
    "listen.max_headers",
    "listen.max_url_bytes",
    "listen.trusted_proxies",
    "broker.readiness",
    "history",
    "sessions",
    "presence.max_member_bytes",
    "drain",
    "cors",
    "auth.secret",
    "auth.public_key_file",
    "auth.jwks_url",
    "auth.issuer",
    "auth.audience",
    "auth.leeway",
    "auth.cookie",
    "auth.cookie_path",
    "auth.query",
    "auth.issuers",
    "log.level",
    "log.sessions",
    "channels",
    // Nothing of it is the gateway's.
    "watch",
    "probe",
];

/// One key whose value is another now; `None` where it is not set.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Change {
    pub(crate) key: String,
    old: Option<Value>,
    new: Option<Value>,
}

impl Change {
    /// Everything that differs, in the order of the keys.
    pub(crate) fn between(old: &File, new: &File) -> Vec<Self> {
        let mut changes = Vec::new();
        compare("", &table(old), &table(new), &mut changes);
        changes
    }

    /// Whether it needs a restart.
    pub(crate) fn needs_restart(&self) -> bool {
        !CHANGEABLE.iter().any(|changeable| {
            let rest = self.key.strip_prefix(changeable);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        })
    }
}

impl fmt::Display for Change {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if holds_secret(&self.key) {
            return write!(out, "{} (its values are not shown)", self.key);
        }
        let text = |value: &Option<Value>| value.as_ref().map_or("nothing".to_owned(), Value::to_string);
        write!(out, "{} = {} (was {})", self.key, text(&self.new), text(&self.old))
    }
}

/// The new configuration with the old values of all that needs a restart: what is in force then.
///
/// # Errors
/// Together they are not valid.
pub(crate) fn without(new: &File, needing_restart: &[Change]) -> Result<File, Vec<Problem>> {
    let mut table = table(new);
    for change in needing_restart {
        put(&mut table, &change.key, change.old.clone());
    }
    File::deserialize(Value::Table(table)).map_err(|error| vec![Problem::new("", None, error.message())])
}

/// Every key with its value, also where that is the default.
fn table(file: &File) -> Table {
    // The file's own types can always be written as TOML.
    Table::try_from(file).unwrap_or_default()
}

fn compare(section: &str, old: &Table, new: &Table, changes: &mut Vec<Change>) {
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    for name in names {
        let key = if section.is_empty() { name.clone() } else { format!("{section}.{name}") };
        match (old.get(name), new.get(name)) {
            (Some(Value::Table(old)), Some(Value::Table(new))) => compare(&key, old, new, changes),
            (old, new) if old != new => {
                changes.push(Change { key, old: old.cloned(), new: new.cloned() });
            }
            _ => {}
        }
    }
}

/// Sets the value of a key such as `sessions.max`, whose sections are there, or unsets it.
fn put(table: &mut Table, key: &str, value: Option<Value>) {
    match (key.split_once('.'), value) {
        (Some((section, rest)), value) => {
            if let Some(section) = table.get_mut(section).and_then(Value::as_table_mut) {
                put(section, rest, value);
            }
        }
        (None, Some(value)) => {
            table.insert(key.to_owned(), value);
        }
        (None, None) => {
            table.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::file::{Issuer, Span},
        *,
    };

    #[test]
    fn every_change_is_found_and_told_with_both_values_but_no_secret() {
        let old = File::default();
        let mut new = old.clone();
        new.sessions.heartbeat = Span::seconds(5);
        new.listen.shards = 3;
        new.broker.redis.url = "redis://:secret@host".to_owned();
        new.cors.origins = vec!["https://a".to_owned()];
        let changes = Change::between(&old, &new);
        let told: Vec<_> = changes.iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "broker.redis.url (its values are not shown)",
                "cors.origins = [\"https://a\"] (was [])",
                "listen.shards = 3 (was 0)",
                "sessions.heartbeat = \"5s\" (was \"15s\")",
            ]
        );
        let needing: Vec<_> = changes.into_iter().filter(Change::needs_restart).collect();
        let keys: Vec<_> = needing.iter().map(|change| &*change.key).collect();
        assert_eq!(keys, ["broker.redis.url", "listen.shards"]);
        let in_force = without(&new, &needing).unwrap();
        let left = Change::between(&old, &in_force);
        assert!(
            left.iter().map(|change| &*change.key).eq(["cors.origins", "sessions.heartbeat"]),
            "{left:?}"
        );
        assert_eq!(Change::between(&in_force, &new), needing);
    }

    #[test]
    fn rules_are_one_key_whether_there_are_any_or_not() {
        let rule = toml::from_str("match = \"a\"").unwrap();
        let (none, one) = (File::default(), File { channels: vec![rule], ..File::default() });
        for (old, new) in [(&none, &one), (&one, &none)] {
            let changes = Change::between(old, new);
            assert_eq!(changes.len(), 1);
            assert!(changes[0].key == "channels" && !changes[0].needs_restart());
        }
        assert_eq!(Change::between(&one, &one), []);
    }

    #[test]
    fn what_can_change_is_the_name_of_something() {
        let rule = toml::from_str("match = \"a\"").unwrap();
        let mut file = File { channels: vec![rule], ..File::default() };
        file.auth.issuers.push(Issuer::default());
        let known = table(&file);
        for changeable in CHANGEABLE {
            let mut without = known.clone();
            put(&mut without, changeable, None);
            assert_ne!(without, known, "{changeable}");
        }
    }
}
