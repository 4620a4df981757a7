//! WebSocket, the server's side (RFC 6455), for sockets that have left hyper.
//!
//! What the server sends is not masked, so a frame is the same for all who read it. There are no
//! extensions: compression with a context costs some hundred kilobytes a session and makes each
//! frame a frame of its own.

mod frame;
mod handshake;
mod header;
mod reader;
mod violation;

use hub::Shown;

pub(crate) use self::{
    frame::{write_close, write_ping, write_pong, write_text},
    handshake::{HandshakeError, accept, is_wanted},
    reader::{Incoming, Reader},
    violation::Violation,
};
use crate::{encoding::Control, envelope};

/// Adds a publication as a text frame.
pub(crate) fn write_publication(out: &mut Vec<u8>, shown: &Shown<'_>, with_id: bool) {
    write_text(out, |out| envelope::write(out, shown, with_id));
}

/// Adds a control message as a text frame: `{"event":"fanfare.open","id":...,"retry":...,"data":{...}}`.
pub(crate) fn write_control(out: &mut Vec<u8>, control: &Control<'_>) {
    let Control { name, id, retry, data } = *control;
    let id = id.map_or(String::new(), |cursor| format!(r#","id":"{cursor}""#));
    let retry = retry.map_or(String::new(), |retry| format!(r#","retry":{}"#, retry.as_millis()));
    let json = format!(r#"{{"event":"fanfare.{name}"{id}{retry},"data":{data}}}"#);
    write_text(out, |out| out.extend_from_slice(json.as_bytes()));
}
