//! Dependencies run one way: what each crate may know, read from the manifests.

use std::{collections::BTreeSet, fs, path::Path};

/// Every crate, the siblings that it may depend on, and outside crates that it must not know.
const ARROWS: &[(&str, &[&str], &[&str])] = &[
    ("crates/publication", &[], &["tokio", "mio", "hyper", "redis", "serde_json", "prometheus"]),
    (
        "crates/hub",
        &["publication"],
        &["tokio", "mio", "hyper", "redis", "serde_json", "prometheus", "tracing"],
    ),
    ("crates/broker", &["publication"], &["hyper", "hyper-util", "http-body-util", "mio"]),
    ("crates/identity", &["publication"], &["tokio", "mio", "hyper", "redis", "prometheus", "tracing"]),
    ("crates/edge", &["hub", "identity", "publication"], &["redis", "fred", "toml", "clap"]),
    ("crates/watcher", &["publication"], &["hyper", "redis", "fred", "mio", "toml", "clap"]),
    ("crates/prober", &[], &["redis", "fred", "mio", "toml", "clap", "prometheus"]),
    ("crates/gateway", &["broker", "edge", "hub", "identity", "prober", "publication", "watcher"], &["fred"]),
    ("crates/bench", &["identity", "publication", "tests"], &[]),
    ("crates/chaos", &["publication", "tests"], &[]),
    ("tests", &["publication"], &[]),
];

#[test]
fn no_crate_knows_what_it_must_not() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let siblings: BTreeSet<&str> = ARROWS.iter().map(|(path, ..)| path.rsplit('/').next().unwrap()).collect();
    for (path, allowed, forbidden) in ARROWS {
        let manifest = fs::read_to_string(root.join(path).join("Cargo.toml")).unwrap();
        let manifest: toml::Table = manifest.parse().unwrap();
        for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let Some(dependencies) = manifest.get(section).and_then(toml::Value::as_table) else { continue };
            for name in dependencies.keys().map(String::as_str) {
                assert!(!forbidden.contains(&name), "{path} must not know {name}");
                assert!(
                    !siblings.contains(name) || allowed.contains(&name),
                    "{path} must not depend on {name}"
                );
            }
        }
    }
    let crates = fs::read_dir(root.join("crates")).unwrap().count();
    assert_eq!(crates + 1, ARROWS.len(), "every crate is listed here");
}
