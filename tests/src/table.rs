//! A table that is watched: monitors, each with a name and whether it is up.

use serde_json::{Value, json};

use crate::{gateway::Gateway, redis::Redis, watcher::Watcher};

/// Makes it.
pub const MONITORS: &str = "CREATE TABLE monitors (id INTEGER PRIMARY KEY, name TEXT, up BOOLEAN)";
/// Asks for all of it.
pub const ALL: &str = "SELECT * FROM monitors";

/// Changes the two monitors `(1, 'a', true)` and `(2, 'b', true)`, whatever the database and the way of publishing, and looks
/// what viewers are told.
///
/// # Panics
/// It is something else.
pub fn check_its_life(run: impl Fn(&str), watcher: &Watcher, gateway: &Gateway) {
    let monitor = |id: u64, name: &str, up: bool| json!({ "id": id, "name": name, "up": up });
    let (one, two) = (("monitors/1", monitor(1, "a", true)), ("monitors/2", monitor(2, "b", true)));
    gateway.wait_for_shown("monitors/*", &[one.clone(), two]);
    let mut listener = gateway.listen("channel=monitors/*&format=json");
    run("UPDATE monitors SET up = false WHERE id = 2");
    run("INSERT INTO monitors VALUES (3, 'c', true)");
    let three = ("monitors/3", monitor(3, "c", true));
    gateway.wait_for_shown("monitors/*", &[one, ("monitors/2", monitor(2, "b", false)), three.clone()]);
    run("DELETE FROM monitors WHERE id < 3");
    gateway.wait_for_shown("monitors/*", &[three]);
    watcher.wait_for_runs("monitors", "ok");
    let mut told = Vec::new();
    while told.len() < 4 {
        let event = listener.next();
        if event.data.contains("\"retract\":true") || event.data.contains("\"data\"") {
            let envelope: Value = serde_json::from_str(&event.data).expect("an envelope");
            told.push(envelope["channel"].as_str().expect("an envelope").to_owned());
        }
    }
    assert_eq!(
        told,
        ["monitors/2", "monitors/3", "monitors/1", "monitors/2"],
        "what changed, and nothing else"
    );
}

/// What lies in the stream, beyond `skip` entries: channel and data, or `-` for a retraction.
///
/// # Panics
/// An entry is none of ours.
#[must_use]
pub fn entries(redis: &Redis, skip: usize) -> Vec<String> {
    let text = |(_, fields): &(String, Vec<(String, String)>)| {
        let field = |name: &str| fields.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
        let data = if field("retract").is_some() { "-".to_owned() } else { field("data").expect("a field") };
        format!("{} {data}", field("channel").expect("a field"))
    };
    redis.entries().iter().skip(skip).map(text).collect()
}
