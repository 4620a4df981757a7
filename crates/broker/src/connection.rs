//! One connection to Redis, set up and known to be to a primary: commands out, RESP3 in.
//!
//! What is asked here and there goes by [`Connection::ask`]; what comes a million times a second is
//! parsed where it lies, by those who know what it is.

use std::{
    io::ErrorKind::{ConnectionReset, UnexpectedEof},
    time::Duration,
};

use redis::ConnectionAddr;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::timeout,
};

use crate::{
    config::RedisConfig,
    link_error::LinkError,
    resp::{self, Abridged, Frame, Reply},
    rights, sentinel,
    server::Server,
    socket::{self, Socket},
};

/// Read at once: a few hundred publications, so that a batch grows with the load.
const READ_BYTES: usize = 128 * 1024;

/// A connection.
pub(crate) struct Connection {
    socket: Socket,
    buffer: Vec<u8>,
    /// What of the buffer has been parsed.
    parsed: usize,
    /// Where it goes.
    address: Box<ConnectionAddr>,
    /// The longest wait for the socket to take a command, and for more of an answer.
    timeout: Duration,
    /// Who answers.
    pub(crate) server: Server,
}

impl Connection {
    /// Connects to the primary, introduces itself, and makes sure that it is one and no cluster.
    pub(crate) async fn open(config: &RedisConfig) -> Result<Self, LinkError> {
        let address = match config.sentinels() {
            [] => config.info().addr().clone(),
            sentinels => sentinel::find_primary(sentinels, config).await?,
        };
        let mut connection = Self::connect(&address, config).await?;
        connection.set_up(config).await?;
        Ok(connection)
    }

    /// Connects only.
    pub(crate) async fn connect(address: &ConnectionAddr, config: &RedisConfig) -> Result<Self, LinkError> {
        let socket = socket::open(address, config).await?;
        let timeout = config.timeout;
        let address = Box::new(address.clone());
        Ok(Self { socket, buffer: Vec::new(), parsed: 0, address, timeout, server: Server::default() })
    }

    /// Nothing but the socket, when all that was asked is answered.
    pub(crate) fn into_socket(self) -> Socket {
        self.socket
    }

    async fn set_up(&mut self, config: &RedisConfig) -> Result<(), LinkError> {
        let settings = config.info().redis_settings();
        self.greet(settings).await?;
        if settings.db() != 0 {
            self.select(settings.db(), config).await?;
        }
        for section in ["server", "replication"] {
            // Without INFO the gateway works, but can never tell that two links show one order.
            match self.ask(&["INFO", section]).await {
                Ok(info) => self.server.learn(&info),
                Err(LinkError::Refused { error, .. }) => tracing::debug!(%error, "INFO is refused"),
                Err(error) => return Err(error),
            }
        }
        self.server.check()
    }

    async fn select(&mut self, database: i64, config: &RedisConfig) -> Result<(), LinkError> {
        match self.ask(&["SELECT", &database.to_string()]).await {
            Ok(_) => Ok(()),
            Err(LinkError::Refused { command, error }) if error.starts_with("NOPERM") => {
                Err(LinkError::Denied { commands: command, grant: rights::grant_one(config, "+select") })
            }
            Err(error) => Err(error),
        }
    }

    /// Says who it is, and asks for RESP3.
    pub(crate) async fn greet(&mut self, settings: &redis::RedisConnectionInfo) -> Result<(), LinkError> {
        let mut hello = vec!["HELLO", "3"];
        if let Some(password) = settings.password() {
            hello.extend(["AUTH", settings.username().unwrap_or("default"), password]);
        }
        hello.extend(["SETNAME", "fanfare"]);
        match self.ask(&hello).await {
            Ok(_) => Ok(()),
            Err(LinkError::Io(error)) if matches!(error.kind(), UnexpectedEof | ConnectionReset) => {
                Err(LinkError::Unanswered)
            }
            Err(error) => Err(error),
        }
    }

    /// Sends a command and waits for its answer. Not while publications may come in between.
    pub(crate) async fn ask(&mut self, words: &[&str]) -> Result<Reply, LinkError> {
        self.send(words).await?;
        accepted(words, self.answer().await?)
    }

    /// The same, where the answer may hold long strings that are of no interest.
    pub(crate) async fn ask_abridged(&mut self, words: &[&str]) -> Result<Reply, LinkError> {
        self.send(words).await?;
        let mut abridged = Abridged::default();
        loop {
            let Some((ended, length)) = abridged.next(self.unparsed())? else {
                self.fill_in_time().await?;
                continue;
            };
            self.consume(length);
            if let Some(reply) = ended {
                return accepted(words, reply);
            }
        }
    }

    /// Waits for the next answer, for each piece of it as long as an answer may take.
    async fn answer(&mut self) -> Result<Reply, LinkError> {
        loop {
            let Some((frame, length)) = resp::parse(self.unparsed(), usize::MAX)? else {
                self.fill_in_time().await?;
                continue;
            };
            let reply = match frame {
                Frame::Reply(reply) => Some(reply),
                Frame::Message { .. } | Frame::Oversized { .. } => None,
            };
            self.consume(length);
            if let Some(reply) = reply {
                return Ok(reply);
            }
        }
    }

    /// What INFO says under a name; `None` where it says nothing, or may not be asked.
    pub(crate) async fn info(&mut self, section: &str, name: &str) -> Result<Option<String>, LinkError> {
        let info = match self.ask(&["INFO", section]).await {
            Ok(info) => info.text().unwrap_or_default(),
            Err(LinkError::Refused { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        let value = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        Ok(value.map(str::to_owned))
    }

    /// Makes sure that the server still is a primary, where it says.
    pub(crate) async fn ask_role(&mut self) -> Result<(), LinkError> {
        match self.ask(&["INFO", "replication"]).await {
            Ok(info) => self.server.learn(&info),
            Err(LinkError::Refused { .. }) => {}
            Err(error) => return Err(error),
        }
        self.server.check()
    }

    /// Sends a command, without waiting for its answer.
    pub(crate) async fn send(&mut self, words: &[&str]) -> Result<(), LinkError> {
        self.send_all(&[words]).await
    }

    /// Sends several commands at once, without waiting for their answers.
    pub(crate) async fn send_all(&mut self, commands: &[&[&str]]) -> Result<(), LinkError> {
        let mut text = String::new();
        for words in commands {
            text.push_str(&format!("*{}\r\n", words.len()));
            for word in *words {
                text.push_str(&format!("${}\r\n{word}\r\n", word.len()));
            }
        }
        let written = timeout(self.timeout, self.socket.write_all(text.as_bytes())).await;
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
        match self.socket.read_buf(&mut self.buffer).await? {
            0 => Err(LinkError::Io(UnexpectedEof.into())),
            _ => Ok(()),
        }
    }

    /// Waits for more of an answer, as long as that may take.
    async fn fill_in_time(&mut self) -> Result<(), LinkError> {
        let filled = timeout(self.timeout, self.fill()).await;
        filled.map_err(|_| LinkError::Timeout("answer"))?
    }

    /// Takes what has already come in, without waiting; returns whether there was anything.
    pub(crate) async fn fill_now(&mut self) -> Result<bool, LinkError> {
        timeout(Duration::ZERO, self.fill()).await.map_or(Ok(false), |filled| filled.map(|()| true))
    }

    /// Where it goes: with Sentinels, where the primary was when it was opened.
    pub(crate) fn address(&self) -> &ConnectionAddr {
        &self.address
    }

    /// The longest wait for more of an answer.
    pub(crate) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// What has come in and is not yet parsed.
    pub(crate) fn unparsed(&self) -> &[u8] {
        &self.buffer[self.parsed..]
    }

    /// So many bytes more are parsed.
    pub(crate) fn consume(&mut self, length: usize) {
        self.parsed += length;
    }
}

/// The answer to a command, if it is no error.
fn accepted(words: &[&str], reply: Reply) -> Result<Reply, LinkError> {
    match reply {
        Reply::Error(error) => {
            let command = words.first().copied().unwrap_or_default().to_owned();
            Err(LinkError::Refused { command, error })
        }
        reply => Ok(reply),
    }
}
