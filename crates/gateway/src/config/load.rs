//! Reads the file and the environment, and finds every problem at once.

use std::path::Path;

use serde::Deserialize;
use toml::{Table, Value};

use super::{
    file::{Auth, Channels, Data, File, Issuer, Probe, ProbeTarget, Span, Watch, WatchQuery, WhenSlow, Who},
    problem::Problem,
};

/// Variables with this prefix are configuration; a second double underscore separates the keys.
const VARIABLES: &str = "FANFARE__";

/// The configuration of a file, if there is one, with the environment over it.
///
/// # Errors
/// Every problem that was found.
pub(crate) fn load(
    path: Option<&Path>,
    environment: impl Iterator<Item = (String, String)>,
) -> Result<File, Vec<Problem>> {
    let mut table = match path {
        Some(path) => parse_file(path).map_err(|problem| vec![problem])?,
        None => Table::new(),
    };
    let known = known_keys();
    let mut problems = Vec::new();
    let variables =
        environment.filter_map(|(name, value)| Some((name.strip_prefix(VARIABLES)?.to_owned(), value)));
    for (name, value) in variables {
        if let Err(problem) = set_variable(&mut table, &known, &name, value) {
            problems.push(problem);
        }
    }
    check_table(&mut Vec::new(), &table, &known, &mut problems);
    if !problems.is_empty() {
        return Err(problems);
    }
    File::deserialize(Value::Table(table)).map_err(|error| vec![Problem::new("", None, error.message())])
}

fn parse_file(path: &Path) -> Result<Table, Problem> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Problem::new("", None, format!("{} cannot be read: {error}", path.display())))?;
    text.parse().map_err(|error: toml::de::Error| {
        // The line itself is not shown: it may hold a password.
        let before = error.span().map_or("", |span| &text[..span.start.min(text.len())]);
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|character| *character != '\n').count() + 1;
        let reason = format!(
            "{} is not valid TOML at line {line}, column {column}: {}",
            path.display(),
            error.message()
        );
        Problem::new("", None, reason)
    })
}

/// Every key there is, with its default, and one of each table of which there can be several.
fn known_keys() -> Table {
    let rule = Channels {
        pattern: "*".to_owned(),
        subscribe: Who::default(),
        publish: Who::default(),
        presence: Who::default(),
        data: Data::default(),
        when_slow: WhenSlow::default(),
        keep_last: true,
    };
    let auth = Auth { issuers: vec![Issuer::default()], ..Auth::default() };
    let query = WatchQuery { jitter: Some(Span::seconds(0)), ..WatchQuery::default() };
    let watch = Watch { queries: vec![query], ..Watch::default() };
    let probe = Probe { targets: vec![ProbeTarget::default()], ..Probe::default() };
    let file = File { channels: vec![rule], auth, watch, probe, ..File::default() };
    // The file's own types can always be written as TOML.
    Table::try_from(file).unwrap_or_default()
}

/// Sets what a variable says, as the type that its key has.
fn set_variable(table: &mut Table, known: &Table, name: &str, value: String) -> Result<(), Problem> {
    let lower = name.to_ascii_lowercase();
    let mut path: Vec<&str> = lower.split("__").collect();
    let mut value = value;
    if find(known, &path).is_none()
        && let Some(base) = lower.strip_suffix("_file")
        && find(known, &base.split("__").collect::<Vec<_>>()).is_some()
    {
        path = base.split("__").collect();
        value = std::fs::read_to_string(&value)
            .map_err(|error| Problem::new(format!("{VARIABLES}{name}"), Some(value), error))?
            .trim_end()
            .to_owned();
    }
    let Some(default) = find(known, &path) else {
        let reason = unknown(&path.join("."), &all_keys(known));
        return Err(Problem::new(format!("{VARIABLES}{name}"), None, reason));
    };
    let secret = holds_secret(&path.join("."));
    let value = typed(default, &value).map_err(|reason| {
        Problem::new(format!("{VARIABLES}{name}"), Some(value.clone()).filter(|_| !secret), reason)
    })?;
    insert(table, &path, value);
    Ok(())
}

fn typed(default: &Value, text: &str) -> Result<Value, String> {
    match default {
        Value::Integer(_) => text.parse().map(Value::Integer).map_err(|_| "this must be a number".to_owned()),
        Value::Boolean(_) => {
            text.parse().map(Value::Boolean).map_err(|_| "this must be true or false".to_owned())
        }
        Value::Array(_) | Value::Table(_) => {
            serde_json::from_str(text).map_err(|error| format!("this must be JSON: {error}"))
        }
        _ => Ok(Value::String(text.to_owned())),
    }
}

fn find<'a>(table: &'a Table, path: &[&str]) -> Option<&'a Value> {
    let (last, sections) = path.split_last()?;
    let section = sections.iter().try_fold(table, |table, key| table.get(*key)?.as_table())?;
    section.get(*last)
}

fn insert(table: &mut Table, path: &[&str], value: Value) {
    let Some((last, sections)) = path.split_last() else { return };
    let mut section = table;
    for key in sections {
        let entry = section.entry(*key).or_insert_with(|| Value::Table(Table::new()));
        match entry {
            Value::Table(inner) => section = inner,
            // The file has something else there, which is reported as such.
            _ => return,
        }
    }
    section.insert((*last).to_owned(), value);
}

/// Finds unknown keys, and values that their keys do not take.
fn check_table(path: &mut Vec<String>, table: &Table, known: &Table, problems: &mut Vec<Problem>) {
    for (key, value) in table {
        path.push(key.clone());
        let name = path.join(".");
        match (known.get(key), value) {
            (None, _) => problems.push(Problem::new(&name, None, unknown(&name, &all_keys(&known_keys())))),
            (Some(Value::Table(known)), Value::Table(table)) => check_table(path, table, known, problems),
            (Some(Value::Array(known)), Value::Array(tables)) if known.iter().any(Value::is_table) => {
                for (index, table) in tables.iter().enumerate() {
                    check_one_of(&name, index, table, known, problems);
                }
            }
            (Some(Value::Table(_)), _) => {
                problems.push(Problem::new(&name, None, "this is a section, with keys of its own"));
            }
            (Some(_), value) => {
                if let Err(reason) = check_value(path, value) {
                    problems.push(Problem::new(&name, shown(&name, value), reason));
                }
            }
        }
        path.pop();
    }
}

/// One value alone, everything else being the default.
fn check_value(path: &[String], value: &Value) -> Result<(), String> {
    let mut table = Table::new();
    let path: Vec<_> = path.iter().map(String::as_str).collect();
    insert(&mut table, &path, value.clone());
    File::deserialize(Value::Table(table)).map(drop).map_err(|error| error.message().to_owned())
}

/// One of the tables of which there can be several.
fn check_one_of(key: &str, index: usize, table: &Value, known: &[Value], problems: &mut Vec<Problem>) {
    let name = format!("{key}[{index}]");
    let keys: Vec<String> =
        known.iter().filter_map(Value::as_table).flat_map(|table| table.keys().cloned()).collect();
    let unknown_key = table.as_table().and_then(|table| table.keys().find(|key| !keys.contains(key)));
    if let Some(key) = unknown_key {
        problems.push(Problem::new(format!("{name}.{key}"), None, unknown(key, &keys)));
        return;
    }
    let read = match key {
        "channels" => Channels::deserialize(table.clone()).map(drop),
        "probe.targets" => ProbeTarget::deserialize(table.clone()).map(drop),
        "watch.queries" => WatchQuery::deserialize(table.clone()).map(drop),
        _ => Issuer::deserialize(table.clone()).map(drop),
    };
    if let Err(error) = read {
        problems.push(Problem::new(name, None, error.message()));
    }
}

/// A value for people, if it is one that cannot hold a secret.
fn shown(name: &str, value: &Value) -> Option<String> {
    let scalar = !matches!(value, Value::Table(_) | Value::Array(_));
    (scalar && !holds_secret(name)).then(|| value.to_string())
}

/// URLs hold passwords, and what stands in the place of a section may hold secrets too.
pub(super) fn holds_secret(name: &str) -> bool {
    let secrets = [
        "broker.redis.url",
        "broker.redis.sentinels",
        "broker.embedded.password",
        "broker.embedded",
        "auth.secret",
        "auth.issuers",
        "watch.database",
        "watch.queries",
        "probe.database",
        "probe",
        "broker.redis",
        "broker",
        "auth",
        "watch",
    ];
    secrets.contains(&name)
}

fn all_keys(table: &Table) -> Vec<String> {
    let mut keys = Vec::new();
    for (key, value) in table {
        match value {
            Value::Table(inner) => {
                keys.extend(all_keys(inner).into_iter().map(|inner| format!("{key}.{inner}")));
            }
            _ => keys.push(key.clone()),
        }
    }
    keys
}

fn unknown(key: &str, known: &[String]) -> String {
    let sections = known.iter().filter_map(|known| Some(known.split_once('.')?.0));
    let nearest = known.iter().map(String::as_str).chain(sections).min_by_key(|known| distance(key, known));
    match nearest {
        Some(nearest) if distance(key, nearest) <= 2 + nearest.len() / 4 => {
            format!("there is no such key; did you mean {nearest}?")
        }
        _ => "there is no such key; config.example.toml lists all of them".to_owned(),
    }
}

/// The edit distance of Levenshtein.
fn distance(one: &str, two: &str) -> usize {
    let two: Vec<char> = two.chars().collect();
    let mut row: Vec<usize> = (0..=two.len()).collect();
    for (index, from) in one.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], index + 1);
        for (column, to) in two.iter().enumerate() {
            let changed = diagonal + usize::from(from != *to);
            diagonal = row[column + 1];
            row[column + 1] = changed.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[two.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load_text(text: &str, variables: &[(&str, &str)]) -> Result<File, Vec<String>> {
        let path = std::env::temp_dir().join(format!(
            "fanfare-{}-{:x}.toml",
            std::process::id(),
            rand::random::<u64>()
        ));
        std::fs::write(&path, text).unwrap();
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let loaded = load(Some(&path), variables);
        std::fs::remove_file(&path).unwrap();
        loaded.map_err(|problems| problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn every_problem_is_found_with_its_key_value_and_reason() {
        let text = r#"
            [sessions]
            heartbeet = "15s"
            retry = "soon"
            max = -1
            [sesions]
            max = 1
            [broker]
            kind = "kafka"
            [[channels]]
            match = "a"
            subscribe = "anybody"
            [[channels]]
            match = "a"
            subscibe = "anyone"
        "#;
        let problems = load_text(text, &[("FANFARE__LISTEN__SHARDS", "many")]).unwrap_err();
        let expect = |start: &str, part: &str| {
            assert!(
                problems.iter().any(|problem| problem.starts_with(start) && problem.contains(part)),
                "{start} {part}: {problems:#?}"
            );
        };
        expect("sessions.heartbeet:", "did you mean sessions.heartbeat?");
        expect("sessions.retry = \"soon\":", "length of time");
        expect("sessions.max = -1:", "");
        expect("broker.kind = \"kafka\":", "embedded");
        expect("channels[0]:", "anybody");
        expect("sesions:", "did you mean sessions?");
        expect("channels[1].subscibe:", "did you mean subscribe?");
        expect("FANFARE__LISTEN__SHARDS = many:", "number");
        assert_eq!(problems.len(), 8);
    }

    #[test]
    fn the_environment_wins_over_the_file() {
        let text = "[sessions]\nheartbeat = \"1s\"\nmax = 1";
        let rules = r#"[{"match":"a/*","subscribe":"anyone"}]"#;
        let file = load_text(
            text,
            &[
                ("FANFARE__SESSIONS__HEARTBEAT", "2s"),
                ("FANFARE__CHANNELS", rules),
                ("FANFARE__CORS__ORIGINS", r#"["https://a"]"#),
                ("FANFARE_SERVICE_PORT", "tcp://ignored"),
            ],
        )
        .unwrap();
        assert_eq!(file.sessions.heartbeat, super::super::file::Span::seconds(2));
        assert_eq!(file.sessions.max, 1);
        assert_eq!(file.channels[0].pattern, "a/*");
        assert_eq!(file.cors.origins, ["https://a"]);
    }

    #[test]
    fn a_secret_can_stand_in_a_file_and_is_never_shown() {
        let path = std::env::temp_dir().join(format!("fanfare-secret-{}", std::process::id()));
        std::fs::write(&path, "redis://:secret@x\n").unwrap();
        let file = load_text("", &[("FANFARE__BROKER__REDIS__URL_FILE", path.to_str().unwrap())]).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(file.broker.redis.url, "redis://:secret@x");
        for text in [
            "[broker.redis]\nurl = [\"redis://:secret@x\"]",
            "[broker.redis]\nurl = \"redis://:secret@x",
            "[broker]\nredis = \"redis://:secret@x\"",
        ] {
            let problems = load_text(text, &[]).unwrap_err();
            assert!(!problems[0].contains("secret"), "{problems:?}");
        }
    }

    #[test]
    fn the_example_holds_every_key_with_its_default() {
        let example = include_str!("../../../../config.example.toml");
        let parsed: Table = example.parse().unwrap();
        let file = File::deserialize(Value::Table(parsed.clone())).unwrap();
        assert_eq!(Table::try_from(file).unwrap(), Table::try_from(File::default()).unwrap());
        let (mut listed, mut known) = (all_keys(&parsed), all_keys(&known_keys()));
        known.retain(|key| !["channels", "auth.issuers", "watch.queries", "probe.targets"].contains(&&**key));
        listed.sort();
        known.sort();
        assert_eq!(listed, known);
    }
}
