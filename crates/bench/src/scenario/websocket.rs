//! As `steady`, `burst` and `idle`, with sessions on WebSockets.

use super::{burst, idle, steady};
use crate::Result;
use crate::lab::Lab;
use crate::server::Contender;

pub(super) const STEADY: &str = "websocket-steady";
pub(super) const BURST: &str = "websocket-burst";
pub(super) const IDLE: &str = "websocket-idle";

const PEERS: [Contender; 2] = [Contender::Ws, Contender::SocketIo];
/// Each holds what its client may have begun to say, beside what an event stream holds.
const MAX_BYTES_PER_SESSION: f64 = 1_200.0;

pub(super) fn steady(lab: &mut Lab) -> Result<()> {
    let others = [&[Contender::Fanfare], &PEERS[..]].concat();
    steady::compare(lab, STEADY, Contender::WebSocket, &others)?;
    lab.report.note(
        "websocket-steady: the floor writes event streams as always, of about as many bytes; fanfare \
         among the peers is the gateway with event streams",
    );
    Ok(())
}

pub(super) fn burst(lab: &mut Lab) -> Result<()> {
    burst::compare(lab, BURST, Contender::WebSocket, &PEERS, &[(Contender::Floor, 20.0)])
}

pub(super) fn idle(lab: &mut Lab) -> Result<()> {
    idle::compare(lab, IDLE, Contender::WebSocket, &PEERS, MAX_BYTES_PER_SESSION)
}
