//! The manifests that we ship: valid by Kubernetes's own schemas, and of one mind with the configuration in them.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    time::Duration,
};

use serde_json::Value;
use tempfile::TempDir;
use tests::gateway::binary;

fn manifest() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/kubernetes/fanfare.yaml")
}

/// Runs something of the Python that the tests have.
fn python(program: &str, arguments: &[&str]) -> Output {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients");
    let mut command = Command::new(folder.join(".venv/bin").join(program));
    command.args(arguments).arg(manifest()).current_dir(folder).output().expect("it runs")
}

fn documents() -> Vec<Value> {
    let ran = python("python", &["manifests.py"]);
    serde_json::from_slice(&ran.stdout).unwrap_or_else(|_| panic!("{ran:?}"))
}

fn find<'a>(documents: &'a [Value], kind: &str, name: &str) -> &'a Value {
    let found = documents.iter().find(|one| one["kind"] == kind && one["metadata"]["name"] == name);
    found.unwrap_or_else(|| panic!("there is no {kind} {name}"))
}

#[test]
fn kubernetes_takes_the_manifests() {
    let ran = python("kubernetes-validate", &["-k", "1.29", "--strict"]);
    assert!(ran.status.success(), "{ran:?}");
    assert_eq!(String::from_utf8_lossy(&ran.stdout).matches("passed").count(), 5, "{ran:?}");
}

#[test]
fn the_configuration_is_valid_and_a_drain_fits_into_the_grace_period() {
    let documents = documents();
    let text = find(&documents, "ConfigMap", "fanfare")["data"]["fanfare.toml"].as_str().unwrap();
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("fanfare.toml");
    fs::write(&file, text).unwrap();
    let checked = Command::new(binary())
        .args(["check", "--config"])
        .arg(&file)
        .env("FANFARE__WATCH__DATABASE", "postgres://user:password@postgres/app")
        .output()
        .unwrap();
    assert!(checked.status.success(), "{checked:?}");

    let config: toml::Table = text.parse().unwrap();
    let seconds = |key: &str| {
        let text = config["drain"][key].as_str().unwrap().trim_end_matches('s');
        Duration::from_secs(text.parse().unwrap())
    };
    let pod = &find(&documents, "Deployment", "fanfare")["spec"]["template"]["spec"];
    let container = &pod["containers"][0];
    let number = |value: &Value| Duration::from_secs(value.as_u64().unwrap());
    let pre_stop = number(&container["lifecycle"]["preStop"]["sleep"]["seconds"]);
    let grace = number(&pod["terminationGracePeriodSeconds"]);
    let last_words = Duration::from_secs(5);
    assert!(pre_stop + seconds("delay") + seconds("spread") + last_words <= grace);

    // Probes, scrapes and services look where it listens.
    for (name, port, key) in
        [("fanfare", "admin", "listen"), ("fanfare", "public", "listen"), ("fanfare-watch", "admin", "watch")]
    {
        let template = &find(&documents, "Deployment", name)["spec"]["template"];
        let ports = template["spec"]["containers"][0]["ports"].as_array().unwrap();
        let named = ports.iter().find(|one| one["name"] == port).unwrap()["containerPort"].as_u64().unwrap();
        let listens = config[key][port].as_str().unwrap();
        assert!(listens.ends_with(&format!(":{named}")), "{name}: {port} {named}, but {listens}");
        if port == "admin" {
            let scraped = &template["metadata"]["annotations"]["prometheus.io/port"];
            assert_eq!(scraped, &named.to_string());
        }
    }
}
