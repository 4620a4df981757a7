//! In how many ways the same publication can be written.

use std::time::Duration;

use hub::Shown;
use publication::Cursor;

use crate::{sse, transport::Transport, websocket};

/// How a session's frames are written. Sessions that differ in it are different audiences.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// Server-Sent Events in this form.
    Events(sse::Form),
    /// The JSON envelope, one text frame each.
    WebSocket,
}

/// What the gateway itself says in a session.
pub(crate) struct Control<'a> {
    /// Without its prefix.
    pub(crate) name: &'static str,
    pub(crate) id: Option<Cursor>,
    pub(crate) retry: Option<Duration>,
    /// A JSON object.
    pub(crate) data: &'a str,
}

impl Encoding {
    /// As the hub knows those to whom nothing is written.
    pub(crate) const NONE: u8 = u8::MAX;

    const WEBSOCKET: u8 = u8::MAX - 1;

    /// As the hub knows it.
    pub(crate) const fn number(self) -> u8 {
        match self {
            Self::Events(form) => form.number(),
            Self::WebSocket => Self::WEBSOCKET,
        }
    }

    pub(crate) const fn from_number(number: u8) -> Self {
        match number {
            Self::WEBSOCKET => Self::WebSocket,
            number => Self::Events(sse::Form::from_number(number)),
        }
    }

    pub(crate) const fn transport(self) -> Transport {
        match self {
            Self::Events(_) => Transport::Sse,
            Self::WebSocket => Transport::WebSocket,
        }
    }

    /// Adds a publication; without its id where it would be no place to go on from.
    pub(crate) fn write_publication(self, out: &mut Vec<u8>, shown: &Shown<'_>, with_id: bool) {
        match self {
            Self::Events(form) => sse::write_publication(out, shown, form, with_id),
            Self::WebSocket => websocket::write_publication(out, shown, with_id),
        }
    }

    /// Adds a control message.
    pub(crate) fn write_control(self, out: &mut Vec<u8>, control: &Control<'_>) {
        match self {
            Self::Events(form) => sse::write_control(out, form, control),
            Self::WebSocket => websocket::write_control(out, control),
        }
    }
}
