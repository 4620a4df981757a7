//! One connection to Redis that follows everything under the prefix.
//!
//! Beacons are published on the very connection that waits for them, so that one that comes back
//! proves both directions of this link and nothing else.

use std::{fmt, io, time::Duration};

use redis::ConnectionAddr;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::{
    config::RedisConfig,
    resp::{self, Frame, ProtocolError, Reply},
};

/// The longest wait for a connection and for each answer while it is set up.
const SETUP_TIMEOUT: Duration = Duration::from_secs(5);
/// The longest wait for the socket to take a beacon.
const WRITE_TIMEOUT: Duration = Duration::from_secs(5);
/// Read at once: a few hundred publications, so that a batch grows with the load.
const READ_BYTES: usize = 128 * 1024;

/// How the errors begin that no waiting changes.
const PERMANENT: [&str; 4] = ["NOAUTH", "WRONGPASS", "NOPERM", "NOPROTO"];

/// A subscribed connection.
pub(crate) struct Link {
    stream: TcpStream,
    buffer: Vec<u8>,
    /// What of the buffer has been parsed.
    parsed: usize,
    /// Bytes of an oversized payload still to be thrown away.
    skip: usize,
    max_payload: usize,
    /// Who answers on this link.
    pub(crate) server: Server,
}

/// What a server says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Server {
    pub(crate) run_id: Option<String>,
    pub(crate) replication_id: Option<String>,
    pub(crate) role: Option<String>,
    pub(crate) mode: Option<String>,
}

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
        command: &'static str,
        /// What it said.
        error: String,
    },
    /// The server can give no common order.
    Unsuitable(&'static str),
    /// The link gave no sign of life, and a second one was of no help.
    Silent,
}

/// What a link delivered.
pub(crate) enum Delivery<'a> {
    Message { channel: &'a [u8], payload: &'a [u8] },
    Oversized { channel: &'a [u8] },
}

impl Link {
    /// Connects, introduces itself, makes sure that the server is a primary that is no cluster, and
    /// subscribes.
    pub(crate) async fn open(config: &RedisConfig, max_payload: usize) -> Result<Self, LinkError> {
        let ConnectionAddr::Tcp(host, port) = config.info().addr() else {
            return Err(LinkError::Unsuitable("only redis:// is supported"));
        };
        let connected = timeout(SETUP_TIMEOUT, TcpStream::connect((host.as_str(), *port))).await;
        let stream = connected.map_err(|_| LinkError::Timeout("connection"))?.map_err(LinkError::Io)?;
        stream.set_nodelay(true).map_err(LinkError::Io)?;
        let mut link =
            Self { stream, buffer: Vec::new(), parsed: 0, skip: 0, max_payload, server: Server::default() };
        timeout(SETUP_TIMEOUT, link.set_up(config)).await.map_err(|_| LinkError::Timeout("answer"))??;
        Ok(link)
    }

    async fn set_up(&mut self, config: &RedisConfig) -> Result<(), LinkError> {
        let settings = config.info().redis_settings();
        let mut hello = vec!["HELLO", "3"];
        if let Some(password) = settings.password() {
            hello.extend(["AUTH", settings.username().unwrap_or("default"), password]);
        }
        hello.extend(["SETNAME", "fanfare"]);
        self.ask("HELLO", &hello).await?;
        for section in ["server", "replication"] {
            // Without INFO the gateway works, but can never tell that two links show one order.
            match self.ask("INFO", &["INFO", section]).await {
                Ok(info) => self.server.learn(&info),
                Err(LinkError::Refused { error, .. }) => tracing::warn!(%error, "INFO is refused"),
                Err(error) => return Err(error),
            }
        }
        self.server.check()?;
        self.ask("PSUBSCRIBE", &["PSUBSCRIBE", &config.pattern()]).await?;
        Ok(())
    }

    /// Sends a command and waits for its answer. Only before the subscription has begun.
    async fn ask(&mut self, command: &'static str, words: &[&str]) -> Result<Reply, LinkError> {
        self.send(words).await?;
        loop {
            if let Some((frame, length)) = self.parse()? {
                let reply = match frame {
                    Frame::Reply(reply) => Some(reply),
                    Frame::Message { .. } | Frame::Oversized { .. } => None,
                };
                self.parsed += length;
                match reply {
                    Some(Reply::Error(error)) => return Err(LinkError::Refused { command, error }),
                    Some(reply) => return Ok(reply),
                    None => continue,
                }
            }
            self.fill().await?;
        }
    }

    /// Publishes `payload`, and asks for the server's role behind it, without waiting for answers.
    pub(crate) async fn publish(&mut self, channel: &str, payload: &str) -> Result<(), LinkError> {
        self.send(&["PUBLISH", channel, payload]).await?;
        self.send(&["INFO", "replication"]).await
    }

    async fn send(&mut self, words: &[&str]) -> Result<(), LinkError> {
        let mut command = format!("*{}\r\n", words.len());
        for word in words {
            command.push_str(&format!("${}\r\n{word}\r\n", word.len()));
        }
        let written = timeout(WRITE_TIMEOUT, self.stream.write_all(command.as_bytes())).await;
        written.map_err(|_| LinkError::Timeout("socket"))?.map_err(LinkError::Io)
    }

    /// Waits for more bytes. May be cancelled without loss.
    pub(crate) async fn fill(&mut self) -> Result<(), LinkError> {
        if self.parsed > 0 {
            self.buffer.drain(..self.parsed);
            self.parsed = 0;
        }
        if self.buffer.is_empty() {
            // After something huge, the memory is given back.
            self.buffer.shrink_to(2 * READ_BYTES);
        }
        self.buffer.reserve(READ_BYTES);
        match self.stream.read_buf(&mut self.buffer).await.map_err(LinkError::Io)? {
            0 => Err(LinkError::Io(io::ErrorKind::UnexpectedEof.into())),
            _ => Ok(()),
        }
    }

    /// Takes what has already come in, without waiting; returns whether there was anything.
    pub(crate) async fn fill_now(&mut self) -> Result<bool, LinkError> {
        timeout(Duration::ZERO, self.fill()).await.map_or(Ok(false), |filled| filled.map(|()| true))
    }

    /// Hands over everything that has come in.
    pub(crate) fn deliver(&mut self, mut deliver: impl FnMut(Delivery<'_>)) -> Result<(), LinkError> {
        loop {
            if self.skip > 0 {
                let skipped = self.skip.min(self.buffer.len() - self.parsed);
                self.skip -= skipped;
                self.parsed += skipped;
            }
            let Some((frame, length)) = self.parse()? else { return Ok(()) };
            let mut skip = 0;
            let mut reply = None;
            match frame {
                Frame::Message { channel, payload } => deliver(Delivery::Message { channel, payload }),
                Frame::Oversized { channel, skip: bytes } => {
                    deliver(Delivery::Oversized { channel });
                    skip = bytes;
                }
                Frame::Reply(other) => reply = Some(other),
            }
            self.parsed += length;
            self.skip = skip;
            if let Some(reply) = reply {
                self.take_reply(reply)?;
            }
        }
    }

    /// The answers to what was sent along with a beacon.
    fn take_reply(&mut self, reply: Reply) -> Result<(), LinkError> {
        match reply {
            // A denied INFO has been told at set-up; a denied PUBLISH means that beacons never come.
            Reply::Error(error) if error.contains("'publish'") || error.contains("PUBLISH") => {
                Err(LinkError::Refused { command: "PUBLISH", error })
            }
            Reply::Error(error) => {
                tracing::debug!(%error, "Redis refused a command");
                Ok(())
            }
            reply => {
                self.server.learn(&reply);
                self.server.check()
            }
        }
    }

    fn parse(&self) -> Result<Option<(Frame<'_>, usize)>, LinkError> {
        resp::parse(&self.buffer[self.parsed..], self.max_payload).map_err(LinkError::Protocol)
    }
}

impl Server {
    /// Takes what an INFO says.
    fn learn(&mut self, info: &Reply) {
        let Some(text) = info.text() else { return };
        for line in text.lines() {
            let Some((key, value)) = line.split_once(':') else { continue };
            let field = match key {
                "run_id" => &mut self.run_id,
                "master_replid" => &mut self.replication_id,
                "role" => &mut self.role,
                "redis_mode" => &mut self.mode,
                _ => continue,
            };
            *field = Some(value.to_owned());
        }
    }

    fn check(&self) -> Result<(), LinkError> {
        if self.mode.as_deref() == Some("cluster") {
            return Err(LinkError::Unsuitable(
                "this is a Redis Cluster, whose nodes have no common order; use a single primary",
            ));
        }
        if self.role.as_deref().is_some_and(|role| role != "master") {
            return Err(LinkError::Unsuitable(
                "this is a replica, which passes publications on in an order of its own; use the primary",
            ));
        }
        Ok(())
    }

    /// Whether both are known to be one and the same primary.
    pub(crate) fn is_same_primary(&self, other: &Self) -> bool {
        self.run_id.is_some() && self.replication_id.is_some() && self.role.is_some() && self == other
    }
}

impl LinkError {
    /// Whether trying again can help at all.
    #[must_use]
    pub fn is_permanent(&self) -> bool {
        match self {
            Self::Io(_) | Self::Timeout(_) | Self::Silent => false,
            // What has to do with rights, passwords and age stays so; all else may pass.
            Self::Refused { error, .. } => {
                PERMANENT.iter().any(|start| error.starts_with(start)) || error.contains("unknown command")
            }
            Self::Protocol(_) | Self::Unsuitable(_) => true,
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
            Self::Refused { command: "HELLO", error } if error.contains("unknown command") => {
                out.write_str("this Redis is older than version 6")
            }
            Self::Refused { command, error } => write!(out, "{command} was refused: {error}"),
            Self::Unsuitable(why) => out.write_str(why),
            Self::Silent => out.write_str("no beacon came back; the link is dead"),
        }
    }
}

impl std::error::Error for LinkError {}
