//! Starts nginx with the Nchan module: one worker, EventSources and an HTTP publisher.

use std::fs;
use std::process::Command;

use super::{Contender, Place, Server, nginx};
use crate::Result;

const CONFIG: &str = include_str!("nchan.conf");
const MODULE: &str = "ngx_nchan_module.so";

pub(super) fn obstacle() -> Option<String> {
    match modules_path() {
        Some(path) if fs::exists(format!("{path}/{MODULE}")).unwrap_or(false) => None,
        Some(_) => Some("nginx has no Nchan (Debian: libnginx-mod-nchan)".into()),
        None => Some("nginx is not installed (Debian: nginx-light, libnginx-mod-nchan)".into()),
    }
}

pub(super) fn start(place: &Place<'_>) -> Result<Server> {
    let modules = modules_path().ok_or("nginx is not installed")?;
    nginx::start_with(place, Contender::Nchan, &CONFIG.replace("MODULES", &modules))
}

/// Where this nginx has its modules, by its own account.
fn modules_path() -> Option<String> {
    let output = Command::new("nginx").arg("-V").output().ok()?;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let path = text.split_whitespace().find_map(|word| word.strip_prefix("--modules-path="))?;
    Some(path.to_owned())
}
