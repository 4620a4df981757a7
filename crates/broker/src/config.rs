//! What the broker needs to know.

use std::{fmt, time::Duration};

use redis::IntoConnectionInfo;

use crate::link_error::LinkError;

/// Where the Redis is, and under which names.
#[derive(Clone)]
pub struct RedisConfig {
    info: redis::ConnectionInfo,
    prefix: String,
    sentinels: Vec<redis::ConnectionInfo>,
    sentinel_master: String,
    /// Between two of this gateway's beacons.
    pub beacon_interval: Duration,
}

impl RedisConfig {
    /// Reads a URL such as `redis://user:password@host:6379`.
    ///
    /// # Errors
    /// What is wrong with the URL.
    pub fn new(url: &str, prefix: &str, beacon_interval: Duration) -> Result<Self, String> {
        let info = url.into_connection_info().map_err(|error| error.to_string())?;
        Ok(Self {
            info,
            prefix: prefix.to_owned(),
            sentinels: Vec::new(),
            sentinel_master: String::new(),
            beacon_interval,
        })
    }

    /// Asks these Sentinels for the primary called `master`, instead of going to the URL's address.
    ///
    /// # Errors
    /// What is wrong with one of their URLs.
    pub fn watched_by(mut self, sentinels: &[String], master: &str) -> Result<Self, String> {
        let parse =
            |url: &String| url.as_str().into_connection_info().map_err(|error| format!("{url:?}: {error}"));
        self.sentinels = sentinels.iter().map(parse).collect::<Result<_, _>>()?;
        self.sentinel_master = master.to_owned();
        Ok(self)
    }

    pub(crate) fn sentinels(&self) -> &[redis::ConnectionInfo] {
        &self.sentinels
    }

    pub(crate) fn sentinel_master(&self) -> &str {
        &self.sentinel_master
    }

    /// The URL's address with another host and port, its way of connecting kept.
    pub(crate) fn with_address(&self, host: String, port: u16) -> redis::ConnectionAddr {
        match self.info.addr() {
            redis::ConnectionAddr::TcpTls { insecure, tls_params, .. } => redis::ConnectionAddr::TcpTls {
                host,
                port,
                insecure: *insecure,
                tls_params: tls_params.clone(),
            },
            _ => redis::ConnectionAddr::Tcp(host, port),
        }
    }

    /// Whether an error at the very start can never pass.
    pub(crate) fn is_permanent(&self, error: &LinkError) -> bool {
        // Where Sentinels watch, a replica may be a primary that was demoted a moment ago.
        let may_pass = matches!(error, LinkError::Replica) && !self.sentinels.is_empty();
        error.is_permanent() && !may_pass
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

    pub(crate) fn info(&self) -> &redis::ConnectionInfo {
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
        let config = RedisConfig::new("redis://x", "a*[b]?\\:", Duration::from_secs(1)).unwrap();
        assert_eq!(config.pattern(), r"a\*\[b\]\?\\:*");
    }

    #[test]
    fn a_password_is_never_shown() {
        let config = RedisConfig::new("redis://me:secret@host:1", "f:", Duration::from_secs(1)).unwrap();
        assert!(!format!("{config:?} {}", config.address()).contains("secret"));
    }
}
