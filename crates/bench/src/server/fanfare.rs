//! Starts the gateway as its users do: the release binary with a config file.

use std::fs;
use std::process::Command;

use super::{Contender, Place, Server, admin, tokens};
use crate::Result;
use crate::child::{Child, free_address};
use crate::publisher::{PREFIX, Way};

/// Publications that a gateway with a short memory keeps.
pub(crate) const SHORT_MEMORY: u32 = 100;

/// Of a gateway that guards itself: the attackers are of one address, those who belong there of many.
const HEAD_TIMEOUT: &str = "head_timeout = \"2s\"\n";
const MAX_PER_ADDRESS: &str = "max_per_address = 250\n";
/// What it leaves open, for attacks to get at.
const OPEN: &str = "[[channels]]\nmatch = \"open\"\nsubscribe = \"anyone\"\n\
                    [[channels]]\nmatch = \"a\"\npublish = \"anyone\"\n";

/// The generator connects without end, and does not wait for a turn as browsers do.
const NO_BOUND: u32 = 1_000_000;

pub(super) fn obstacle(place: &Place<'_>) -> Option<String> {
    let path = place.fanfare;
    (!path.is_file()).then(|| format!("there is no binary {}", path.display()))
}

pub(super) fn start(place: &Place<'_>, contender: Contender) -> Result<Server> {
    let public = free_address()?;
    let admin = free_address()?;
    let config = place.directory.join("fanfare.toml");
    let redis = place.redis;
    let kind = match contender.way() {
        Way::Publish => "redis-pubsub",
        Way::Add => "redis-stream",
    };
    let (listening, bounds, rules) = match contender {
        Contender::Guarded => (HEAD_TIMEOUT, MAX_PER_ADDRESS, OPEN),
        _ => ("", "", ""),
    };
    let mut text = format!(
        "{rules}[listen]\npublic = \"{public}\"\nadmin = \"{admin}\"\n{listening}\
         [broker]\nkind = \"{kind}\"\n\
         [broker.redis]\nurl = \"redis://{redis}\"\nprefix = \"{PREFIX}\"\n\
         [sessions]\nmax_new_per_second = {NO_BOUND}\n{bounds}"
    );
    if contender == Contender::ShortMemory {
        text.push_str(&format!("[history]\nkeep_count = {SHORT_MEMORY}\n"));
    }
    let (demand, signer) = tokens::demand(contender, place.directory)?.unzip();
    text.push_str(&demand.unwrap_or_default());
    fs::write(&config, text)?;
    let mut command = Command::new(place.fanfare);
    command.arg("serve").arg("--config").arg(&config);
    let mut child = Child::start("fanfare", &mut command, place.directory)?;
    child.wait_until(|| matches!(admin::get(admin, "/readyz"), Ok((200, _))))?;
    Ok(Server { public, admin: Some(admin), pid: child.pid(), contender, signer, _child: child })
}
