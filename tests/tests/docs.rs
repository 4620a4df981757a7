//! The documents: what they tell a shell to do is done, page by page, as it stands there; and what they point to is there.

use std::{
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;
use tests::gateway::binary;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// What a page has a shell do, in the order of the page.
fn commands(text: &str) -> String {
    let blocks = text.split("\n```sh\n").skip(1).filter_map(|rest| rest.split("\n```").next());
    blocks.collect::<Vec<_>>().join("\n")
}

/// Runs a page in one shell, on a machine of its own as far as ports and processes go: pages use the usual ports.
fn check(page: &str) {
    let text = fs::read_to_string(format!("{ROOT}/docs/{page}.md")).expect("the page is there");
    let script = commands(&text);
    assert!(!script.is_empty(), "{page} has nothing to run");
    let folder = TempDir::new().expect("a temporary folder");
    let fanfare = binary();
    let beside = fanfare.parent().expect("it lies in a folder").display();
    let path = std::env::var("PATH").unwrap_or_default();
    let ran = Command::new("unshare")
        .args(["--user", "--map-root-user", "--net", "--pid", "--fork", "--kill-child", "bash", "-c"])
        .arg(format!("ip link set lo up\nset -e\n{script}"))
        .current_dir(folder.path())
        .env("PATH", format!("{beside}:{path}"))
        .output()
        .expect("unshare runs");
    let said = [ran.stdout, ran.stderr].map(|said| String::from_utf8_lossy(&said).into_owned()).join("\n");
    assert!(ran.status.success(), "{page}: {}\n{said}", ran.status);
    assert!(!said.contains("error: ") && !said.contains("command not found"), "{page}:\n{said}");
}

macro_rules! pages {
    ($($name:ident: $page:literal,)*) => {
        $(#[test]
        fn $name() {
            check($page);
        })*

        const RUN: &[&str] = &[$($page),*];
    };
}

pages! {
    the_quick_start_for_front_ends_runs: "quick-start-front-end",
    the_quick_start_for_back_ends_runs: "quick-start-back-end",
    the_quick_start_for_operators_runs: "quick-start-operator",
    what_is_said_of_event_streams_runs: "event-streams",
    what_is_said_of_polling_runs: "polling",
    what_is_said_of_websockets_runs: "websocket",
    coming_from_socket_io_runs: "coming-from-socket-io",
    coming_from_mercure_runs: "coming-from-mercure",
    coming_from_node_runs: "coming-from-node-sse",
    the_operations_handbook_runs: "operations",
    scaling_runs: "scaling",
    the_comparison_runs: "comparison",
    what_it_is_not_runs: "what-it-is-not",
}

#[test]
fn no_page_with_commands_is_forgotten() {
    for entry in fs::read_dir(format!("{ROOT}/docs")).expect("there is a folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_stem().and_then(|name| name.to_str()).expect("a name").to_owned();
        if path.extension().is_some_and(|extension| extension == "md") && !RUN.contains(&&*name) {
            let text = fs::read_to_string(&path).expect("it can be read");
            assert_eq!(commands(&text), "", "{name} has commands that no test runs");
        }
    }
}

/// The files below a folder that end so.
fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        match path.is_dir() {
            true => found.extend(files(&path, extension)),
            false if path.extension().is_some_and(|own| own == extension) => found.push(path),
            false => {}
        }
    }
    found
}

/// The names of all metrics in the sources.
fn metrics() -> HashSet<String> {
    let mut names = HashSet::new();
    for folder in ["crates/edge/src", "crates/gateway/src", "crates/broker/src", "crates/watcher/src"] {
        for path in files(Path::new(&format!("{ROOT}/{folder}")), "rs") {
            let text = fs::read_to_string(&path).expect("a source");
            let quoted =
                text.split('"').filter(|part| part.starts_with("fanfare_") && !part.contains(['{', ' ']));
            names.extend(quoted.map(str::to_owned));
        }
    }
    // These are cookies.
    names.retain(|name| !["fanfare_console", "fanfare_token"].contains(&name.as_str()));
    names
}

#[test]
fn the_handbook_names_every_metric() {
    let handbook = fs::read_to_string(format!("{ROOT}/docs/operations.md")).expect("it is there");
    let section =
        handbook.split("## Metrics").nth(1).expect("it has them").split("\n## ").next().unwrap_or_default();
    let metrics = metrics();
    assert!(metrics.len() > 40, "{metrics:?}");
    let is_missing =
        |name: &&String| !section.contains(&format!("`{}`", name.trim_start_matches("fanfare_")));
    let missing: Vec<_> = metrics.iter().filter(is_missing).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// As GitHub names the headings of a page.
fn anchors(text: &str) -> HashSet<String> {
    let heading =
        |line: &str| line.starts_with('#').then(|| line.trim_start_matches('#').trim().to_lowercase());
    let anchor = |heading: String| {
        let kept = heading.chars().filter(|letter| letter.is_alphanumeric() || " -_".contains(*letter));
        kept.map(|letter| if letter == ' ' { '-' } else { letter }).collect()
    };
    text.lines().filter_map(heading).map(anchor).collect()
}

#[test]
fn what_pages_point_to_is_there() {
    let in_docs = fs::read_dir(format!("{ROOT}/docs")).expect("there is a folder");
    let mut pages: Vec<_> = in_docs.map(|entry| entry.expect("an entry").path()).collect();
    for other in [
        "README.md",
        "ARCHITECTURE.md",
        "SECURITY.md",
        "CONTRIBUTING.md",
        "gauntlet/README.md",
        "examples/README.md",
    ] {
        pages.push(Path::new(ROOT).join(other));
    }
    let mut broken = Vec::new();
    for page in pages.iter().filter(|page| page.extension().is_some_and(|extension| extension == "md")) {
        let text = fs::read_to_string(page).expect("it can be read");
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if link.contains("://") || link.contains(' ') {
                continue;
            }
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target =
                if file.is_empty() { page.clone() } else { page.parent().expect("a folder").join(file) };
            let is_there = target.exists()
                && (anchor.is_empty()
                    || fs::read_to_string(&target).is_ok_and(|text| anchors(&text).contains(anchor)));
            if !is_there {
                broken.push(format!("{}: {link}", page.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}
