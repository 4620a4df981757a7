//! Starts nginx with the Nchan module: one worker, EventSources and an HTTP publisher.

use std::fs;
use std::process::Command;

use super::{Contender, Place, Server};
use crate::Result;
use crate::child::{Child, free_address, listens};
use crate::usage;

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
    let public = free_address()?;
    let config = place.directory.join("nginx.conf");
    let modules = modules_path().ok_or("nginx is not installed")?;
    let text = CONFIG.replace("MODULES", &modules).replace("PUBLIC", &public.to_string());
    fs::write(&config, text)?;
    let mut command = Command::new("nginx");
    command.arg("-p").arg(place.directory).arg("-c").arg(&config);
    let mut child = Child::start("nchan", &mut command, place.directory)?;
    child.ask_to_end();
    let master = child.pid();
    let worker = || usage::first_child(master).ok().flatten();
    child.wait_until(|| worker().is_some() && listens(public))?;
    let worker = worker().ok_or("nginx has no worker")?;
    Ok(Server { public, admin: None, pid: worker, contender: Contender::Nchan, _child: child })
}

/// Where this nginx has its modules, by its own account.
fn modules_path() -> Option<String> {
    let output = Command::new("nginx").arg("-V").output().ok()?;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let path = text.split_whitespace().find_map(|word| word.strip_prefix("--modules-path="))?;
    Some(path.to_owned())
}
