//! Starts nginx: one worker that serves a small file.

use std::fs;
use std::net::SocketAddrV4;
use std::process::Command;

use super::{Contender, Place, Server};
use crate::Result;
use crate::child::{Child, free_address, listens};
use crate::stamp::DATA_BYTES;
use crate::usage;

const CONFIG: &str = include_str!("nginx.conf");
/// Where the file is found.
pub(crate) const FILE_TARGET: &str = "/poll.json";
/// About what a poll's answer has beside the data of its publication.
const ENVELOPE_BYTES: usize = 150;

pub(super) fn obstacle() -> Option<String> {
    let is_there = Command::new("nginx").arg("-v").output().is_ok();
    (!is_there).then(|| "nginx is not installed (Debian: nginx-light)".into())
}

pub(super) fn start(place: &Place<'_>) -> Result<Server> {
    let files = place.directory.join("files");
    fs::create_dir_all(&files)?;
    fs::write(files.join(&FILE_TARGET[1..]), vec![b'x'; ENVELOPE_BYTES + DATA_BYTES])?;
    let text = CONFIG.replace("FILES", &files.display().to_string());
    start_with(place, Contender::Nginx, &text)
}

/// Starts it with a config in which `PUBLIC` stands for the address.
pub(super) fn start_with(place: &Place<'_>, contender: Contender, config: &str) -> Result<Server> {
    let public: SocketAddrV4 = free_address()?;
    let path = place.directory.join("nginx.conf");
    fs::write(&path, config.replace("PUBLIC", &public.to_string()))?;
    let mut command = Command::new("nginx");
    command.arg("-p").arg(place.directory).arg("-c").arg(&path);
    let mut child = Child::start("nginx", &mut command, place.directory)?;
    child.ask_to_end();
    let master = child.pid();
    let worker = || usage::first_child(master).ok().flatten();
    child.wait_until(|| worker().is_some() && listens(public))?;
    let worker = worker().ok_or("nginx has no worker")?;
    Ok(Server { public, admin: None, pid: worker, contender, signer: None, _child: child })
}
