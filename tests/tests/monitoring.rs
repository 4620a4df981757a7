//! What operators see: Prometheus scrapes, and its rules mean what they say.

use std::{collections::BTreeSet, fs, process::Command};

use tests::{Gateway, Prometheus, Redis, Sqlite, Watcher, prometheus::folder, wait_for};

fn promtool(arguments: &[&str]) {
    let ran = Command::new("promtool").args(arguments).current_dir(folder()).output().expect("promtool runs");
    assert!(ran.status.success(), "{ran:?}");
}

/// The names behind a word at the beginnings of lines, such as `- alert: `.
fn named(text: &str, word: &str) -> Vec<String> {
    let name = |line: &str| line.trim().strip_prefix(word).map(|rest| rest.trim().to_owned());
    text.lines().filter_map(name).collect()
}

#[test]
fn each_alert_fires_where_it_should_and_none_where_all_is_well() {
    promtool(&["check", "config", "prometheus.yml"]);
    promtool(&["check", "rules", "rules.yml"]);
    promtool(&["test", "rules", "rules.test.yml"]);
    let rules = fs::read_to_string(folder().join("rules.yml")).unwrap();
    let tests = fs::read_to_string(folder().join("rules.test.yml")).unwrap();
    let (alerts, tried) = (named(&rules, "- alert:"), named(&tests, "- name:"));
    assert!(alerts.len() > 10);
    for alert in alerts {
        assert!(tried.contains(&alert), "{alert} is never tried");
    }
}

#[test]
fn prometheus_scrapes_and_knows_every_metric_that_a_rule_asks_for() {
    let (sqlite, redis) = (Sqlite::default(), Redis::start());
    sqlite.run("CREATE TABLE t (id INTEGER PRIMARY KEY); INSERT INTO t VALUES (1)");
    let gateway = Gateway::on(&redis);
    let watcher = Watcher::on_pubsub(&redis)
        .database(&sqlite.url())
        .query("t", "SELECT * FROM t", "key = 'id'")
        .start();
    watcher.wait_for_runs("t", "ok");
    let _listener = gateway.listen("channel=a");
    redis.publish("a", "x");
    redis.publish("a*", "not a channel");
    let prometheus = Prometheus::start(&[gateway.admin()], &[watcher.admin()]);
    wait_for("both to be scraped", || prometheus.query("up == 1").len() == 2);
    let rules = fs::read_to_string(folder().join("rules.yml")).unwrap();
    let mut metrics = BTreeSet::new();
    for expression in named(&rules, "expr:") {
        // It can be evaluated, and nothing is wrong with what was scraped beyond what was done to it.
        let _ = prometheus.query(&expression);
        let words = expression.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
        metrics.extend(words.filter(|word| word.starts_with("fanfare_")).map(str::to_owned));
    }
    // Those that appear with the first case of what they count.
    let later = ["fanfare_rejected_total", "fanfare_gaps_total"];
    for metric in metrics.iter().filter(|metric| !later.contains(&metric.as_str())) {
        assert!(!prometheus.query(metric).is_empty(), "there is no {metric}");
    }
    assert!(metrics.len() > 12, "{metrics:?}");

    // What Grafana asks is answered, but for what has not happened yet: nobody read from an unknown cursor or was refused.
    let never = ["rejected", "runs_total{outcome!", "increase(fanfare_broker_reconnects"];
    let queries = grafana_queries();
    assert!(queries.len() > 20, "{queries:?}");
    for counter in ["fanfare_deliveries_total", "fanfare_watch_publications_total"] {
        wait_for("two scrapes", || !prometheus.query(&format!("rate({counter}[1m])")).is_empty());
    }
    for query in queries {
        let found = prometheus.query(&query);
        assert!(
            !found.is_empty() || never.iter().any(|never| query.contains(never)),
            "nothing comes of {query}"
        );
    }
}

/// Every expression of the dashboard, with its variables as Grafana would fill them in.
fn grafana_queries() -> Vec<String> {
    let text = fs::read_to_string(folder().join("../grafana/fanfare.json")).expect("it is shipped");
    let dashboard: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    let targets = panels.iter().filter_map(|panel| panel["targets"].as_array()).flatten();
    let query = |target: &serde_json::Value| target["expr"].as_str().map(str::to_owned);
    let filled = |query: String| query.replace("$__rate_interval", "1m").replace("$instance", ".*");
    targets.filter_map(query).map(filled).collect()
}
