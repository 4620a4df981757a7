//! Why a request is refused.

use std::fmt;

use hyper::StatusCode;
use publication::NameError;

use crate::respond::Refusal;

/// Characters of a name that are told back.
const MAX_SHOWN_CHARS: usize = 64;

/// What is wrong with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RequestError {
    /// No channel is named.
    NoChannel,
    /// More channels than a session may have.
    TooManyChannels(usize),
    /// A channel's name is not valid.
    Channel(String, NameError),
    /// `since` is none of its values.
    Since,
    /// A parameter has none of its values.
    Value { key: &'static str, expected: &'static str },
    /// A channel whose name would be no name of an event.
    Reserved(String),
    /// What a client says of itself is too long, or no JSON object.
    Member(usize),
    /// A poll cannot be present.
    Absent,
    /// A parameter that does not exist.
    Key { key: String, meant: &'static str },
}

impl RequestError {
    /// As it is told.
    pub(crate) fn refusal(&self) -> Refusal {
        Refusal::new(StatusCode::BAD_REQUEST, self.code(), self.to_string())
    }

    /// For programs; also the metric's label.
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::NoChannel => "no_channel",
            Self::Reserved(_) => "bad_channel",
            Self::TooManyChannels(_) => "too_many_channels",
            Self::Channel(..) => "bad_channel",
            Self::Since => "bad_since",
            Self::Value { .. } | Self::Member(_) | Self::Absent => "bad_value",
            Self::Key { .. } => "bad_parameter",
        }
    }
}

impl fmt::Display for RequestError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoChannel => out.write_str("no channel is named; add ?channel=NAME to the URL"),
            Self::TooManyChannels(max) => write!(out, "at most {max} channels can be asked for at once"),
            Self::Channel(text, error) => write!(out, "{:?} is no channel: {error}", shortened(text)),
            Self::Since => out.write_str("`since` must be a cursor, `last` or `earliest`"),
            Self::Reserved(channel) => {
                write!(
                    out,
                    "an event called {channel:?} would be taken for the browser's or the gateway's own"
                )
            }
            Self::Member(max) => write!(out, "`member` must be a JSON object of at most {max} bytes"),
            Self::Absent => out.write_str(
                "a poll comes and goes, and cannot be present; `member` and `presence` go with \
                 `transport=sse` or a WebSocket",
            ),
            Self::Value { key, expected } => write!(out, "`{key}` must be {expected}"),
            Self::Key { key, meant } => write!(out, "there is no parameter `{key}`; did you mean `{meant}`?"),
        }
    }
}

/// As much of a name as is told back: what came may be of any length.
fn shortened(text: &str) -> &str {
    text.char_indices().nth(MAX_SHOWN_CHARS).map_or(text, |(end, _)| &text[..end])
}
