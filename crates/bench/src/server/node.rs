//! Starts Node processes; npm installs what they need into the cache once.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use super::{Contender, Place, Server};
use crate::Result;
use crate::child::{Child, free_address, listens};
use crate::publisher::PREFIX;

/// The libraries of all scripts, their versions pinned.
const PACKAGE: &str = include_str!("package.json");
/// npm writes it when it has installed everything.
const INSTALLED: &str = "node_modules/.package-lock.json";

/// A server in JavaScript.
pub(super) struct Script {
    name: &'static str,
    text: &'static str,
}

/// http and ioredis: an event stream.
pub(super) const SSE: Script = Script { name: "node", text: include_str!("node.js") };
/// The library ws.
pub(super) const WS: Script = Script { name: "ws", text: include_str!("ws.js") };
/// Socket.IO with its Redis adapter.
pub(super) const SOCKET_IO: Script = Script { name: "socket.io", text: include_str!("socket_io.js") };

pub(super) fn obstacle(place: &Place<'_>) -> Option<String> {
    if Command::new("node").arg("--version").output().is_err() {
        return Some("node is not installed (Debian: nodejs, npm)".into());
    }
    install(place).err().map(|error| error.to_string())
}

pub(super) fn start(place: &Place<'_>, contender: Contender, script: &Script) -> Result<Server> {
    let public = free_address()?;
    let path = home(place).join(format!("{}.js", script.name));
    fs::write(&path, script.text)?;
    let mut command = Command::new("node");
    command.arg(&path).arg(public.port().to_string()).arg(place.redis.port().to_string()).arg(PREFIX);
    let mut child = Child::start(script.name, &mut command, place.directory)?;
    child.wait_until(|| listens(public))?;
    Ok(Server { public, admin: None, pid: child.pid(), contender, signer: None, _child: child })
}

fn home(place: &Place<'_>) -> PathBuf {
    place.cache.join("bench-node")
}

fn install(place: &Place<'_>) -> Result<()> {
    let home = home(place);
    let package = home.join("package.json");
    let is_as_wanted = fs::read_to_string(&package).is_ok_and(|text| text == PACKAGE);
    if is_as_wanted && home.join(INSTALLED).is_file() {
        return Ok(());
    }
    fs::create_dir_all(&home)?;
    // Of another version nothing may stay.
    let _ = fs::remove_file(home.join(INSTALLED));
    fs::write(&package, PACKAGE)?;
    let output = Command::new("npm")
        .args(["install", "--no-audit", "--no-fund", "--no-package-lock", "--prefix"])
        .arg(&home)
        .output()
        .map_err(|error| format!("npm does not start: {error}"))?;
    if output.status.success() { Ok(()) } else { Err("npm cannot install the libraries".into()) }
}
