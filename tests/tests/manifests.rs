//! What we ship for Kubernetes, Compose and GitHub: valid by their schemas, and of one mind with our configuration.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    time::Duration,
};

use serde_json::Value;
use tempfile::TempDir;
use tests::gateway::binary;

const KUBERNETES: &str = "deploy/kubernetes/fanfare.yaml";
const COMPOSE: &str = "docker-compose.yml";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Runs something of the Python that the tests have, on a file of ours.
fn python(program: &str, arguments: &[&str], file: &str) -> Output {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients");
    let mut command = Command::new(folder.join(".venv/bin").join(program));
    command.args(arguments).arg(root().join(file)).current_dir(folder).output().expect("it runs")
}

fn documents(file: &str) -> Vec<Value> {
    let ran = python("python", &["manifests.py"], file);
    serde_json::from_slice(&ran.stdout).unwrap_or_else(|_| panic!("{ran:?}"))
}

fn find<'a>(documents: &'a [Value], kind: &str, name: &str) -> &'a Value {
    let found = documents.iter().find(|one| one["kind"] == kind && one["metadata"]["name"] == name);
    found.unwrap_or_else(|| panic!("there is no {kind} {name}"))
}

#[test]
fn kubernetes_takes_the_manifests() {
    let ran = python("kubernetes-validate", &["-k", "1.30", "--strict"], KUBERNETES);
    assert!(ran.status.success(), "{ran:?}");
    assert_eq!(String::from_utf8_lossy(&ran.stdout).matches("passed").count(), 5, "{ran:?}");
}

#[test]
fn compose_and_github_take_theirs() {
    let valid = |schema: &str, file: &str| {
        let ran = python("check-jsonschema", &["--builtin-schema", schema], file);
        assert!(ran.status.success(), "{ran:?}");
    };
    valid("vendor.compose-spec", COMPOSE);
    valid("vendor.github-workflows", ".github/workflows/ci.yml");
}

#[test]
fn what_compose_mounts_is_there_and_what_it_sets_is_valid() {
    let compose = &documents(COMPOSE)[0];
    let services = compose["services"].as_object().unwrap();
    for (name, service) in services {
        for volume in service["volumes"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            let (place, _) = volume.split_once(':').unwrap();
            let is_kept = compose["volumes"].as_object().unwrap().contains_key(place);
            assert!(is_kept || root().join(place).exists(), "{name}: {place}");
        }
    }
    for name in ["gateway-1", "gateway-2", "probe", "watch"] {
        let environment = services[name]["environment"].as_object().unwrap();
        let mut check = Command::new(binary());
        check.args(["check", "--config"]).arg(root().join("examples/uptime/fanfare.toml"));
        check.envs(environment.iter().map(|(key, value)| (key, value.as_str().unwrap())));
        let checked = check.output().unwrap();
        assert!(checked.status.success(), "{name}: {checked:?}");
        let grace: u64 =
            services[name]["stop_grace_period"].as_str().unwrap().trim_end_matches('s').parse().unwrap();
        assert!(grace >= 5 + 20 + 5, "{name}: a drain takes 25 s, and last words");
    }
}

#[test]
fn the_configuration_is_valid_and_a_drain_fits_into_the_grace_period() {
    let documents = documents(KUBERNETES);
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
