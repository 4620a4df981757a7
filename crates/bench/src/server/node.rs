//! Starts a Node process with http and ioredis, which npm installs into the cache once.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use super::{Contender, Place, Server};
use crate::Result;
use crate::child::{Child, free_address, listens};
use crate::publisher::PREFIX;

const SCRIPT: &str = include_str!("node.js");
const CLIENT: &str = "ioredis@5";

pub(super) fn obstacle(place: &Place<'_>) -> Option<String> {
    if Command::new("node").arg("--version").output().is_err() {
        return Some("node is not installed (Debian: nodejs, npm)".into());
    }
    install(place).err().map(|error| error.to_string())
}

pub(super) fn start(place: &Place<'_>) -> Result<Server> {
    let public = free_address()?;
    let script = home(place).join("server.js");
    fs::write(&script, SCRIPT)?;
    let mut command = Command::new("node");
    command.arg(&script).arg(public.port().to_string()).arg(place.redis.port().to_string()).arg(PREFIX);
    let mut child = Child::start("node", &mut command, place.directory)?;
    child.wait_until(|| listens(public))?;
    Ok(Server { public, admin: None, pid: child.pid(), contender: Contender::Node, _child: child })
}

fn home(place: &Place<'_>) -> PathBuf {
    place.cache.join("bench-node")
}

fn install(place: &Place<'_>) -> Result<()> {
    let home = home(place);
    if home.join("node_modules/ioredis").is_dir() {
        return Ok(());
    }
    fs::create_dir_all(&home)?;
    let output = Command::new("npm")
        .args(["install", "--no-audit", "--no-fund", "--prefix"])
        .args([home.as_os_str(), CLIENT.as_ref()])
        .output()
        .map_err(|error| format!("npm does not start: {error}"))?;
    if output.status.success() { Ok(()) } else { Err("npm cannot install ioredis".into()) }
}
