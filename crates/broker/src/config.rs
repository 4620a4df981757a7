//! What the broker needs to know.

use std::{fmt, sync::Arc, time::Duration};

use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo};
use rustls::ClientConfig;

use crate::{
    link_error::LinkError,
    shell,
    tls::{TlsFiles, TlsProblem},
};

/// Where the Redis is, and under which names.
#[derive(Clone)]
pub struct RedisConfig {
    info: ConnectionInfo,
    prefix: String,
    sentinels: Vec<ConnectionInfo>,
    sentinel_master: String,
    /// What TLS needs, if any address wants it.
    tls: Option<Arc<ClientConfig>>,
    /// The file with the authority's certificate, if it is a private one.
    tls_ca: Option<String>,
    /// The longest wait for a connection, and for each answer.
    pub timeout: Duration,
    /// Between two of this gateway's beacons.
    pub beacon_interval: Duration,
}

impl RedisConfig {
    /// Reads a URL such as `redis://user:password@host:6379`.
    ///
    /// # Errors
    /// What is wrong with the URL.
    pub fn new(
        url: &str,
        prefix: &str,
        timeout: Duration,
        beacon_interval: Duration,
    ) -> Result<Self, String> {
        let info = parse(url)?;
        Ok(Self {
            info,
            prefix: prefix.to_owned(),
            sentinels: Vec::new(),
            sentinel_master: String::new(),
            tls: None,
            tls_ca: None,
            timeout,
            beacon_interval,
        })
    }

    /// Asks these Sentinels for the primary called `master`, instead of going to the URL's address.
    ///
    /// # Errors
    /// What is wrong with one of their URLs.
    pub fn watched_by(mut self, sentinels: &[String], master: &str) -> Result<Self, String> {
        let parse = |(index, url): (usize, &String)| {
            // It may hold a password, so it is not repeated.
            parse(url).map_err(|error| format!("number {}: {error}", index + 1))
        };
        self.sentinels = sentinels.iter().enumerate().map(parse).collect::<Result<_, _>>()?;
        self.sentinel_master = master.to_owned();
        Ok(self)
    }

    /// Reads what TLS needs, if any of the addresses wants it. To be called when they are all there.
    ///
    /// # Errors
    /// Which file is wrong, and why.
    pub fn with_tls(mut self, files: TlsFiles<'_>) -> Result<Self, TlsProblem> {
        let wants_tls = |info: &ConnectionInfo| matches!(info.addr(), ConnectionAddr::TcpTls { .. });
        if self.sentinels.iter().chain([&self.info]).any(wants_tls) {
            self.tls = Some(files.read()?);
            self.tls_ca = files.ca.map(|path| path.to_string_lossy().into_owned());
        } else if !files.are_none() {
            let reason = "the URL says redis://, which means no TLS; write rediss://".to_owned();
            return Err(TlsProblem { key: "url", reason });
        }
        Ok(self)
    }

    pub(crate) fn tls(&self) -> Option<Arc<ClientConfig>> {
        self.tls.clone()
    }

    pub(crate) fn sentinels(&self) -> &[ConnectionInfo] {
        &self.sentinels
    }

    pub(crate) fn sentinel_master(&self) -> &str {
        &self.sentinel_master
    }

    /// The URL's address with another host and port, its way of connecting kept.
    pub(crate) fn with_address(&self, host: String, port: u16) -> ConnectionAddr {
        match self.info.addr() {
            ConnectionAddr::TcpTls { insecure, tls_params, .. } => {
                ConnectionAddr::TcpTls { host, port, insecure: *insecure, tls_params: tls_params.clone() }
            }
            _ => ConnectionAddr::Tcp(host, port),
        }
    }

    /// Whether an error at the very start can never pass.
    pub(crate) fn is_permanent(&self, error: &LinkError) -> bool {
        // Where Sentinels watch, a replica may be a primary that was demoted a moment ago.
        let may_pass = matches!(error, LinkError::Replica) && !self.sentinels.is_empty();
        error.is_permanent() && !may_pass
    }

    /// How `redis-cli` is called to get to an address, for a shell; the password is asked for.
    pub(crate) fn command_line(&self, address: &ConnectionAddr) -> String {
        let port;
        let mut words = vec!["redis-cli"];
        match address {
            ConnectionAddr::Unix(path) => words.extend(["-s", path.to_str().unwrap_or_default()]),
            ConnectionAddr::Tcp(host, number) | ConnectionAddr::TcpTls { host, port: number, .. } => {
                port = number.to_string();
                words.extend(["-h", host, "-p", &port]);
            }
            _ => {}
        }
        if self.tls.is_some() {
            words.push("--tls");
        }
        if let Some(ca) = self.tls_ca.as_deref() {
            words.extend(["--cacert", ca]);
        }
        let settings = self.info.redis_settings();
        let database = settings.db().to_string();
        if settings.db() != 0 {
            words.extend(["-n", &database]);
        }
        if settings.password().is_some() {
            words.extend(["--user", self.user(), "--askpass"]);
        }
        shell::join(&words)
    }

    /// The name by which Redis knows us.
    pub(crate) fn user(&self) -> &str {
        self.info.redis_settings().username().unwrap_or("default")
    }

    /// The key of the stream.
    pub(crate) fn stream_key(&self) -> String {
        format!("{}@stream", self.prefix)
    }

    /// Before every name in Redis that concerns Fanfare.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    pub(crate) fn info(&self) -> &ConnectionInfo {
        &self.info
    }

    /// Host and port, for messages: never with the password.
    #[must_use]
    pub fn address(&self) -> String {
        match &self.sentinels[..] {
            [] => self.info.addr().to_string(),
            [first, ..] => format!("{} (by Sentinel {})", self.sentinel_master, first.addr()),
        }
    }

    /// The pattern that means everything under the prefix and nothing else.
    pub(crate) fn pattern(&self) -> String {
        let mut pattern = String::with_capacity(self.prefix.len() + 1);
        for character in self.prefix.chars() {
            if matches!(character, '*' | '?' | '[' | ']' | '\\') {
                pattern.push('\\');
            }
            pattern.push(character);
        }
        pattern.push('*');
        pattern
    }
}

fn parse(url: &str) -> Result<ConnectionInfo, String> {
    let info = url.into_connection_info().map_err(|error| error.to_string())?;
    match info.addr() {
        ConnectionAddr::TcpTls { insecure: true, .. } => {
            Err("#insecure is not supported; name the authority in broker.redis.tls_ca_file".to_owned())
        }
        _ => Ok(info),
    }
}

impl fmt::Debug for RedisConfig {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("RedisConfig")
            .field("address", &self.address())
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_taken_literally() {
        let config =
            RedisConfig::new("redis://x", "a*[b]?\\:", Duration::from_secs(1), Duration::from_secs(1))
                .unwrap();
        assert_eq!(config.pattern(), r"a\*\[b\]\?\\:*");
    }

    #[test]
    fn a_password_is_never_shown() {
        let config = RedisConfig::new(
            "redis://me:secret@host:1",
            "f:",
            Duration::from_secs(1),
            Duration::from_secs(1),
        )
        .unwrap();
        assert!(!format!("{config:?} {}", config.address()).contains("secret"));
    }
}
