//! What the broker needs to know.

use std::{fmt, time::Duration};

use redis::IntoConnectionInfo;

/// Where the Redis is, and under which names.
#[derive(Clone)]
pub struct RedisConfig {
    info: redis::ConnectionInfo,
    prefix: String,
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
        if !matches!(info.addr(), redis::ConnectionAddr::Tcp(..)) {
            return Err("only redis:// is supported".to_owned());
        }
        Ok(Self { info, prefix: prefix.to_owned(), beacon_interval })
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
        self.info.addr().to_string()
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
