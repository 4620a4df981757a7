//! The right to publish what a watcher finds: one process has it at a time, and Redis looks at it with each
//! publication, so that one which was paused and has lost it publishes nothing more.
//!
//! Under the prefix: `@watch:NAME` is whose term it is, and expires; `@watch:NAME:QUERY` is a hash of what is shown, by
//! channel, written together with each publication. A term has a token of its own, and what was sent in an earlier term
//! of the same process is refused too: so what still lies in a connection that was given up comes to nothing.

use std::time::Duration;

use publication::Publication;
use redis::Value;

use crate::{config::RedisConfig, door::Door, lane::Lane, publisher::PublishError, wire};

/// For how long it is remembered what is shown, after it was last written.
const KEEP_SHOWN: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Takes the lease if nobody has it, or only this process's own earlier term; else says for how long, in milliseconds,
/// somebody else has it.
const TAKE: &str = "local holder = redis.call('GET', KEYS[1]) \
    if holder and holder ~= ARGV[1] then return redis.call('PTTL', KEYS[1]) end \
    redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) return -1";

/// Prolongs it, if it is still this term's.
const RENEW: &str = "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end \
    return redis.call('PEXPIRE', KEYS[1], ARGV[2])";

/// Gives it up, if it is still this term's.
const RESIGN: &str =
    "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0";

/// Publishes one after the other, and remembers each; -1 if the term is over, else how many were heard by nobody, of
/// which nothing is remembered.
const PUBLISH: &str = "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return -1 end \
    local at, unheard = 3, 0 \
    while at <= #ARGV do \
        local words = tonumber(ARGV[at]) \
        local channel, shown = ARGV[at + words + 1], ARGV[at + words + 2] \
        if redis.call(unpack(ARGV, at + 1, at + words)) == 0 then unheard = unheard + 1 \
        elseif shown == '' then redis.call('HDEL', KEYS[2], channel) \
        else redis.call('HSET', KEYS[2], channel, shown) end \
        at = at + words + 3 \
    end \
    redis.call('PEXPIRE', KEYS[2], ARGV[2]) return unheard";

/// Fields in one answer.
const SCAN: &str = "1000";

/// Who may publish; one of several processes.
pub struct Lease {
    lane: Lane,
    config: RedisConfig,
    door: Door,
    key: String,
    /// For how long it holds without being renewed.
    hold: Duration,
    /// Of the last term.
    token: String,
}

/// What taking the lease came to.
pub enum Taken<'a> {
    /// It is this process's.
    Term(Term<'a>),
    /// Somebody has it, for so long at least.
    Held(Duration),
}

/// The lease, as long as it holds.
pub struct Term<'a> {
    lease: &'a Lease,
}

/// One publication of a term, and what is to be remembered of it.
pub struct Entry<'a> {
    /// What is published.
    pub publication: &'a Publication,
    /// What is remembered under its channel; empty to forget.
    pub shown: String,
}

/// Why a term is over.
#[derive(Debug)]
pub enum TermEnd {
    /// Another process has the lease.
    Lost,
    /// Nobody knows.
    Broken(PublishError),
}

impl Lease {
    /// The lease called `name`, for publications by `door`.
    #[must_use]
    pub fn new(config: &RedisConfig, door: Door, name: &str, hold: Duration) -> Self {
        Self {
            lane: Lane::new(config),
            key: format!("{}@watch:{name}", config.prefix()),
            config: config.clone(),
            door,
            hold,
            token: String::new(),
        }
    }

    /// Takes the lease, unless another process has it.
    ///
    /// # Errors
    /// Redis is not there or does not take it.
    pub async fn take(&mut self) -> Result<Taken<'_>, PublishError> {
        let token = format!("{:032x}", rand::random::<u128>());
        let hold = self.hold.as_millis().to_string();
        let held: i64 = self.eval(TAKE, &[], &[&self.token, &token, &hold]).await?;
        match u64::try_from(held) {
            Ok(millis) => Ok(Taken::Held(Duration::from_millis(millis))),
            Err(_) => {
                self.token = token;
                Ok(Taken::Term(Term { lease: self }))
            }
        }
    }

    /// What is shown by a query, by channel, as it was remembered.
    ///
    /// # Errors
    /// Redis is not there or does not answer.
    pub async fn shown(&self, query: &str) -> Result<Vec<(String, String)>, PublishError> {
        let (key, mut cursor) = (self.shown_key(query), "0".to_owned());
        let mut shown = Vec::new();
        loop {
            let words = ["HSCAN", &key, &cursor, "COUNT", SCAN].map(str::to_owned);
            let (next, fields): (String, Vec<(String, String)>) = self.lane.send(&words).await?;
            shown.extend(fields);
            if next == "0" {
                return Ok(shown);
            }
            cursor = next;
        }
    }

    /// Gives the lease up, if this process has it, so that another one need not wait until it expires.
    pub async fn resign(&self) {
        if let Err(error) = self.eval(RESIGN, &[], &[&self.token]).await {
            tracing::debug!(%error, "the lease cannot be given up; it expires by itself");
        }
    }

    fn shown_key(&self, query: &str) -> String {
        format!("{}:{query}", self.key)
    }

    async fn eval(&self, script: &str, further: &[&str], arguments: &[&str]) -> Result<i64, PublishError> {
        let keys = (1 + further.len()).to_string();
        let words = ["EVAL", script, &keys, &self.key].into_iter();
        let words = words.chain(further.iter().copied()).chain(arguments.iter().copied());
        match self.lane.send(&words.map(str::to_owned).collect::<Vec<_>>()).await? {
            Value::Int(number) => Ok(number),
            other => Err(PublishError::new(format!("Redis answers a script with {other:?}"))),
        }
    }
}

impl Term<'_> {
    /// Holds on to the lease for another while. To be called often enough.
    ///
    /// # Errors
    /// The term is over.
    pub async fn renew(&self) -> Result<(), TermEnd> {
        let hold = self.lease.hold.as_millis().to_string();
        match self.lease.eval(RENEW, &[], &[&self.lease.token, &hold]).await {
            Ok(0) => Err(TermEnd::Lost),
            Ok(_) => Ok(()),
            Err(error) => Err(TermEnd::Broken(error)),
        }
    }

    /// What is shown by a query, by channel, as it was remembered.
    ///
    /// # Errors
    /// The term is over.
    pub async fn shown(&self, query: &str) -> Result<Vec<(String, String)>, TermEnd> {
        self.lease.shown(query).await.map_err(TermEnd::Broken)
    }

    /// Publishes, and remembers what was: both or neither, if the term still is. Returns whether anybody listens; if
    /// not, nothing is remembered.
    ///
    /// # Errors
    /// The term is over. If that is not known, some of it may have been published, and then is remembered too.
    pub async fn publish(&self, query: &str, entries: &[Entry<'_>]) -> Result<bool, TermEnd> {
        let Lease { config, door, token, .. } = self.lease;
        let keep = KEEP_SHOWN.as_millis().to_string();
        let mut arguments = vec![token.clone(), keep];
        for Entry { publication, shown } in entries {
            let words = wire::words(*door, config, publication);
            arguments.push(words.len().to_string());
            arguments.extend(words);
            arguments.push(publication.channels().next().unwrap_or_default().to_owned());
            arguments.push(shown.clone());
        }
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        match self.lease.eval(PUBLISH, &[&self.lease.shown_key(query)], &arguments).await {
            Ok(unheard) if unheard < 0 => Err(TermEnd::Lost),
            Ok(unheard) => Ok(unheard == 0),
            Err(error) => Err(TermEnd::Broken(error)),
        }
    }
}

impl std::fmt::Display for TermEnd {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Lost => out.write_str("another process publishes now"),
            Self::Broken(error) => error.fmt(out),
        }
    }
}
