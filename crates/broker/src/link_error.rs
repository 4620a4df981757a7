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
    /// The server's user lacks rights without which nothing works.
    Denied {
        /// The commands that it refused.
        commands: String,
        /// The command that grants what is missing.
        grant: String,
    },
    /// The server can give no common order.
    Unsuitable(&'static str),
    /// The server is a replica. Where Sentinels watch, it may have been the primary a moment ago.
    Replica,
    /// No Sentinel knows the primary.
    NoPrimary {
        /// What the last one that was asked said.
        why: String,
        /// None of them will ever say more.
        permanent: bool,
    },
    /// The link gave no sign of life, and a second one was of no help.
    Silent,
    /// The connection was closed where the first answer should have come.
    Unanswered,
    /// The other side did not begin with TLS in time.
    NoHandshake,
    /// The two sides did not come to terms on TLS.
    Tls(rustls::Error),
}

impl LinkError {
    /// Whether trying again can help at all.
    #[must_use]
    pub fn is_permanent(&self) -> bool {
        match self {
            Self::Io(_) | Self::Timeout(_) | Self::Silent | Self::Unanswered | Self::NoHandshake => false,
            Self::NoPrimary { permanent, .. } => *permanent,
            // Who is not trusted now will not be later, and who does not speak TLS does not learn it.
            Self::Tls(error) => matches!(
                error,
                rustls::Error::InvalidCertificate(_)
                    | rustls::Error::AlertReceived(_)
                    | rustls::Error::InvalidMessage(_)
                    | rustls::Error::PeerIncompatible(_)
            ),
            // What has to do with rights, passwords and age stays so; all else may pass.
            Self::Refused { error, .. } => {
                PERMANENT.iter().any(|start| error.starts_with(start)) || error.contains("unknown command")
            }
            Self::Protocol(_) | Self::Denied { .. } | Self::Unsuitable(_) | Self::Replica => true,
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
            Self::Denied { commands, grant } => {
                write!(out, "the Redis user may not use {commands}; grant what is missing: {grant}")
            }
            Self::Unsuitable(why) => out.write_str(why),
            Self::Replica => out.write_str(
                "this is a replica, which passes publications on in an order of its own; use the primary",
            ),
            Self::NoPrimary { why, .. } => write!(out, "no Sentinel knows the primary: {why}"),
            Self::Silent => out.write_str("no beacon came back; the link is dead"),
            Self::Unanswered => out.write_str(
                "the connection was closed instead of an answer; if this port speaks TLS, write rediss:// \
                 instead of redis://",
            ),
            Self::NoHandshake => out.write_str(
                "no TLS handshake in time; if this port does not speak TLS, write redis:// instead of rediss://",
            ),
            Self::Tls(error) => write!(out, "{error}{}", tls_advice(error)),
        }
    }
}

impl std::error::Error for LinkError {}

impl From<io::Error> for LinkError {
    fn from(error: io::Error) -> Self {
        let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
        tls.cloned().map_or_else(|| Self::Io(error), Self::Tls)
    }
}

/// What to do about it, where that can be said.
fn tls_advice(error: &rustls::Error) -> &'static str {
    use rustls::{AlertDescription as Alert, CertificateError as Certificate, Error};
    match error {
        // An authority that was made anew under its old name shows as a bad signature.
        Error::InvalidCertificate(Certificate::UnknownIssuer | Certificate::BadSignature) => {
            ": the certificate of Redis is signed by nobody who is trusted here; name the file with the \
             certificate of its authority in broker.redis.tls_ca_file"
        }
        Error::InvalidCertificate(
            Certificate::NotValidForName | Certificate::NotValidForNameContext { .. },
        ) => "; in broker.redis.url, call the host as its certificate does",
        Error::AlertReceived(Alert::CertificateRequired | Alert::HandshakeFailure) => {
            ": Redis asks for a client's certificate; name its files in broker.redis.tls_cert_file and \
             tls_key_file, or run Redis with tls-auth-clients no"
        }
        Error::AlertReceived(Alert::UnknownCA | Alert::BadCertificate | Alert::CertificateExpired) => {
            ": Redis does not accept the certificate in broker.redis.tls_cert_file"
        }
        Error::InvalidMessage(_) => ": this port does not speak TLS; write redis:// instead of rediss://",
        _ => "",
    }
}

impl From<ProtocolError> for LinkError {
    fn from(error: ProtocolError) -> Self {
        Self::Protocol(error)
    }
}
