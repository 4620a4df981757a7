//! Starts the floor: this very binary, as a process of its own.

use std::process::Command;

use super::{Contender, Place, Server};
use crate::Result;
use crate::child::{Child, free_address, listens};

pub(super) fn start(place: &Place<'_>) -> Result<Server> {
    let public = free_address()?;
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("floor").args(["--listen", &public.to_string()]).args(["--redis", &place.redis.to_string()]);
    let mut child = Child::start("floor", &mut command, place.directory)?;
    child.wait_until(|| listens(public))?;
    Ok(Server {
        public,
        admin: None,
        pid: child.pid(),
        contender: Contender::Floor,
        signer: None,
        _child: child,
    })
}
