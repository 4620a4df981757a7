//! The systemd units that we ship, as systemd reads them.

use std::{fs, path::Path, process::Command};

use tempfile::TempDir;

/// What systemd before 253 says of a type that the unit tells how to replace there.
const OLDER: &str = "Failed to parse service type, ignoring: notify-reload";
/// The most that systemd may call a unit exposed, of 10.
const MAX_EXPOSURE: f64 = 2.0;

#[test]
fn units_are_understood_and_leave_little_open() {
    let (shipped, folder) =
        (Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/systemd"), TempDir::new().unwrap());
    let mut units = 0;
    for unit in fs::read_dir(shipped).unwrap() {
        let (unit, path) = (unit.as_ref().unwrap(), folder.path().join(unit.as_ref().unwrap().file_name()));
        // The binary is to be there.
        let text = fs::read_to_string(unit.path()).unwrap().replace("/usr/local/bin/fanfare", "/bin/true");
        fs::write(&path, text).unwrap();
        let analyze = |arguments: &[&str]| {
            let ran = Command::new("systemd-analyze").args(arguments).arg(&path).output().unwrap();
            assert!(ran.status.success(), "{ran:?}");
            format!("{}{}", String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr))
        };
        let said = analyze(&["verify"]);
        assert!(said.lines().all(|line| line.contains(OLDER)), "{said}");
        let said = analyze(&["security", "--offline=true", "--no-pager"]);
        let (_, level) = said.split_once("Overall exposure level for ").unwrap();
        let exposure: f64 = level.split_whitespace().nth(1).unwrap().parse().unwrap();
        assert!(exposure <= MAX_EXPOSURE, "{path:?}: {exposure}");
        units += 1;
    }
    assert_eq!(units, 2);
}
