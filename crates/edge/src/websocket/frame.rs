//! Frames as the server sends them: whole and unmasked.

use super::header::{CLOSE, FIN, MAX_CONTROL, PING, PONG, TEXT};
use crate::sized;

/// Adds a text frame of what `content` writes.
pub(crate) fn write_text(out: &mut Vec<u8>, content: impl FnOnce(&mut Vec<u8>)) {
    write(out, TEXT, content);
}

/// Adds a ping.
pub(crate) fn write_ping(out: &mut Vec<u8>) {
    write(out, PING, |_| {});
}

/// Adds the answer to a ping with this payload.
pub(crate) fn write_pong(out: &mut Vec<u8>, payload: &[u8]) {
    write(out, PONG, |out| out.extend_from_slice(payload));
}

/// Adds a close frame with a code and some words, or with neither.
pub(crate) fn write_close(out: &mut Vec<u8>, code: Option<u16>, words: &str) {
    write(out, CLOSE, |out| {
        let Some(code) = code else { return };
        out.extend_from_slice(&code.to_be_bytes());
        let room = words.floor_char_boundary(MAX_CONTROL - 2);
        out.extend_from_slice(&words.as_bytes()[..room]);
    });
}

fn write(out: &mut Vec<u8>, opcode: u8, content: impl FnOnce(&mut Vec<u8>)) {
    sized::write(out, content, |length, room| {
        room[0] = FIN | opcode;
        match (u8::try_from(length), u16::try_from(length)) {
            (Ok(short @ ..126), _) => {
                room[1] = short;
                2
            }
            (_, Ok(medium)) => {
                room[1] = 126;
                room[2..4].copy_from_slice(&medium.to_be_bytes());
                4
            }
            _ => {
                room[1] = 127;
                room[2..].copy_from_slice(&(length as u64).to_be_bytes());
                10
            }
        }
    });
}
