//! Why a connection to Redis broke, or could not be made.

use std::{fmt, io};

use crate::resp::ProtocolError;

/// How the errors begin that no waiting changes.
const PERMANENT: [&str; 5] = ["NOAUTH", "WRONGPASS", "NOPERM", "NOPROTO", "WRONGTYPE"];

/// Why a link broke, or could not be made.
#[derive(Debug)]
pub enum LinkError {
    /// The connection failed or was closed.
    Io(io::Error),
    /// No answer in time.
    Timeout(&'static str),
    /// The other side does not speak RESP3.
    Protocol(ProtocolError),
    /// The server refused something.
    Refused {
        /// What was asked.
        command: String,
        /// What it said.
        error: String,
    },
    /// The server can give no common order.
    Unsuitable(&'static str),
    /// The server is a replica. Where Sentinels watch, it may have been the primary a moment ago.
    Replica,
    /// No Sentinel knows the primary.
    NoPrimary(String),
    /// The link gave no sign of life, and a second one was of no help.
    Silent,
}

impl LinkError {
    /// Whether trying again can help at all.
    #[must_use]
    pub fn is_permanent(&self) -> bool {
        match self {
            Self::Io(_) | Self::Timeout(_) | Self::NoPrimary(_) | Self::Silent => false,
            // What has to do with rights, passwords and age stays so; all else may pass.
            Self::Refused { error, .. } => {
                PERMANENT.iter().any(|start| error.starts_with(start)) || error.contains("unknown command")
            }
            Self::Protocol(_) | Self::Unsuitable(_) | Self::Replica => true,
        }
    }
}

impl fmt::Display for LinkError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                out.write_str("the connection was closed")
            }
            Self::Io(error) => error.fmt(out),
            Self::Timeout(what) => write!(out, "no {what} in time"),
            Self::Protocol(error) => error.fmt(out),
            Self::Refused { command, error } if command == "HELLO" && error.contains("unknown command") => {
                out.write_str("this Redis is older than version 6")
            }
            Self::Refused { command, error } => write!(out, "{command} was refused: {error}"),
            Self::Unsuitable(why) => out.write_str(why),
            Self::Replica => out.write_str(
                "this is a replica, which passes publications on in an order of its own; use the primary",
            ),
            Self::NoPrimary(why) => write!(out, "no Sentinel knows the primary: {why}"),
            Self::Silent => out.write_str("no beacon came back; the link is dead"),
        }
    }
}

impl std::error::Error for LinkError {}

impl From<io::Error> for LinkError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<ProtocolError> for LinkError {
    fn from(error: ProtocolError) -> Self {
        Self::Protocol(error)
    }
}
