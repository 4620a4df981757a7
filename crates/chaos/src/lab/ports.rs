//! Ports for what is restarted on the same one.

use std::{fs, net::TcpListener};

use rand::RngExt;

/// Below it the kernel's own choices may lie on systems where we cannot read them.
const LOWEST: u16 = 10_000;
/// Where Linux begins to choose from unless it is told otherwise.
const USUAL_EPHEMERAL: u16 = 32_768;

/// A port that is free now, and that the kernel gives to nobody while a gateway is down: it lies
/// below those that it chooses from by itself.
pub(super) fn lasting_port() -> u16 {
    let range = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let ephemeral = range.split_whitespace().next().and_then(|low| low.parse().ok());
    let ephemeral = ephemeral.filter(|&low| low > LOWEST).unwrap_or(USUAL_EPHEMERAL);
    loop {
        let port = rand::rng().random_range(LOWEST..ephemeral);
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
