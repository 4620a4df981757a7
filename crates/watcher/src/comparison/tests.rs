//! Results against what is shown: a model that keeps every value, and single cases.

use std::{collections::BTreeMap, time::Duration};

use proptest::{
    collection::{btree_map, vec},
    option,
    prelude::*,
};

use super::*;

/// A row of an id and a text.
struct Pair<'a>(&'a str, Option<&'a str>);

impl Row for Pair<'_> {
    fn columns(&self) -> Vec<Column> {
        ["id", "text"].map(|name| Column { name: name.to_owned(), kind: "TEXT".to_owned() }).into()
    }

    fn hash(&self, hash: &mut Hash) {
        hash.add(Some(self.0.as_bytes()));
        hash.add(self.1.map(str::as_bytes));
    }

    fn value(&self, column: usize) -> Result<Value<'_>, String> {
        let text = if column == 0 { Some(self.0) } else { self.1 };
        Ok(text.map_or(Value::Null, |text| Value::Text(text.into())))
    }
}

fn query(channel: &str) -> Query {
    Query {
        name: "q".to_owned(),
        database: "sqlite::memory:".parse().unwrap(),
        sql: String::new(),
        interval: Duration::from_secs(1),
        jitter: Duration::ZERO,
        timeout: Duration::from_secs(1),
        channel: channel.parse().unwrap(),
        event: None,
        json: Vec::new(),
        refresh: Some(Duration::from_secs(100)),
        max_rows: 1_000,
        max_data_bytes: 100,
    }
}

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

/// What a result changes; all of it is taken for published.
fn compare(query: &Query, shown: &mut Shown, now: u64, rows: &[Pair<'_>]) -> Result<Vec<String>, Unusable> {
    let mut comparison = Comparison::new(query, shown, at(now));
    for row in rows {
        comparison.row(row)?;
    }
    let changes = comparison.finish().changes;
    for change in &changes {
        shown.set(change.channel(), change.fingerprint);
    }
    let text = |change: &Change| {
        format!("{} {} {}", change.kind.label(), change.channel(), change.publication.data())
    };
    Ok(changes.iter().map(|change| text(change).trim_end().to_owned()).collect())
}

#[test]
fn what_is_new_other_or_gone_is_published_and_nothing_else() {
    let (query, mut shown) = (query("m/{id}"), Shown::default());
    let mut check = |rows: &[Pair<'_>], expected: &[&str]| {
        assert_eq!(compare(&query, &mut shown, 1, rows).unwrap(), expected);
    };
    let all = [Pair("1", Some("a")), Pair("2", None)];
    check(&all, &[r#"changed m/1 {"id":"1","text":"a"}"#, r#"changed m/2 {"id":"2","text":null}"#]);
    check(&all, &[]);
    check(&[Pair("2", Some("")), Pair("1", Some("a"))], &[r#"changed m/2 {"id":"2","text":""}"#]);
    check(&[Pair("2", Some(""))], &["retracted m/1"]);
    check(&[Pair("2", Some(""))], &[]);
    check(&[], &["retracted m/2"]);
    check(&all[..1], &[r#"changed m/1 {"id":"1","text":"a"}"#]);
}

#[test]
fn a_result_as_a_whole_is_published_when_it_is_another_one() {
    let (query, mut shown) = (query("all"), Shown::default());
    let mut check = |rows: &[Pair<'_>], expected: &[&str]| {
        assert_eq!(compare(&query, &mut shown, 1, rows).unwrap(), expected);
    };
    check(&[Pair("1", None)], &[r#"changed all [{"id":"1","text":null}]"#]);
    check(&[Pair("1", None)], &[]);
    check(&[], &["changed all []"]);
    let long = "x".repeat(100);
    let mut comparison = Comparison::new(&query, &mut shown, at(1));
    assert_eq!(comparison.row(&Pair("1", Some(&long))), Err(Unusable::TooLong(100)));
}

#[test]
fn what_is_old_is_published_again_each_at_a_moment_of_its_own() {
    let (query, mut shown) = (query("{id}"), Shown::default());
    let ids: Vec<_> = (0..40).map(|id| id.to_string()).collect();
    let rows: Vec<_> = ids.iter().map(|id| Pair(id, None)).collect();
    assert_eq!(compare(&query, &mut shown, 1_000, &rows).unwrap().len(), 40);
    assert_eq!(compare(&query, &mut shown, 1_075, &rows).unwrap().len(), 0);
    let early = compare(&query, &mut shown, 1_088, &rows).unwrap();
    assert!(early.iter().all(|change| change.starts_with("refreshed")));
    let late = compare(&query, &mut shown, 1_101, &rows).unwrap();
    assert!(!early.is_empty() && !late.is_empty());
    assert_eq!(early.len() + late.len(), 40);
}

#[test]
fn rows_that_cannot_be_published_disturb_no_others_and_leave_nothing_that_is_not_true() {
    let (query, mut shown) = (query("{id}"), Shown::default());
    let long = "x".repeat(100);
    assert_eq!(compare(&query, &mut shown, 1, &[Pair("a", None), Pair("b", None)]).unwrap().len(), 2);
    let rows = [Pair("a", Some(&long)), Pair("*", None), Pair("c", None)];
    let mut comparison = Comparison::new(&query, &mut shown, at(1));
    rows.iter().for_each(|row| comparison.row(row).unwrap());
    let compared = comparison.finish();
    assert_eq!(compared.skipped, 2);
    assert!(compared.why_skipped.unwrap().starts_with("a has "));
    let kinds: Vec<_> =
        compared.changes.iter().map(|change| (change.channel(), change.kind.label())).collect();
    assert_eq!(kinds, [("c", "changed"), ("a", "retracted"), ("b", "retracted")]);
}

#[test]
fn a_result_in_which_rows_cannot_be_told_apart_is_not_published() {
    let (query, mut shown) = (query("{id}"), Shown::default());
    let twice = compare(&query, &mut shown, 1, &[Pair("a", None), Pair("a", Some("x"))]);
    assert_eq!(twice, Err(Unusable::SameChannel("a".to_owned())));
    // And nothing of it is taken for shown.
    assert_eq!(compare(&query, &mut shown, 1, &[Pair("a", None)]).unwrap().len(), 1);
    let query = self::query("{other}");
    let missing = compare(&query, &mut shown, 1, &[Pair("a", None)]);
    assert_eq!(missing, Err(Unusable::NoColumn("other".to_owned())));
}

proptest! {
    /// Whatever results come, what a reader holds who believes the publications is the last result; and never is
    /// published what it holds already.
    #[test]
    fn who_believes_what_is_published_holds_the_result(
        results in vec(btree_map(0_u8..8, option::of("[a-c]{0,3}"), 0..6), 0..10),
        forgets in vec(any::<bool>(), 0..10),
    ) {
        let (query, mut shown) = (Query { max_data_bytes: usize::MAX, ..query("{id}") }, Shown::default());
        let (mut held, mut remembered) = (BTreeMap::new(), BTreeMap::new());
        for (round, result) in results.iter().enumerate() {
            if forgets.get(round) == Some(&true) {
                // Another process goes on with what is remembered.
                shown = Shown::new(remembered.clone().into_iter().collect());
            }
            let mut comparison = Comparison::new(&query, &mut shown, at(1));
            for (id, text) in result {
                comparison.row(&Pair(&id.to_string(), text.as_deref())).unwrap();
            }
            for change in comparison.finish().changes {
                let (channel, data) = (change.channel().to_owned(), change.publication.data().to_owned());
                match change.fingerprint {
                    Some(fingerprint) => {
                        prop_assert_ne!(held.insert(channel.clone(), data.clone()), Some(data));
                        remembered.insert(channel.clone(), fingerprint);
                    }
                    None => {
                        prop_assert!(held.remove(&channel).is_some());
                        remembered.remove(&channel);
                    }
                }
                shown.set(&channel, change.fingerprint);
            }
            let expected: BTreeMap<_, _> = result.iter().map(|(id, text)| {
                (id.to_string(), serde_json::json!({ "id": id.to_string(), "text": text }).to_string())
            }).collect();
            prop_assert_eq!(&held, &expected);
        }
    }
}
