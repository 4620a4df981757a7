//! The right to publish what a watcher finds: one process has it at a time, and Redis looks at it with each
//! publication, so that one which was paused and has lost it publishes nothing more.
//!
//! Under the prefix: `@watch:NAME` is whose term it is, and expires; `@watch:NAME:QUERY` is a hash of what is shown, by
//! channel, written together with each publication; `@watch:NAME:` has the names of the queries that have such a hash;
//! `@lost` has another value whenever a gateway on Pub/Sub may not hold
//! what was published before (on a stream nothing of that kind is lost), and each value of the hash ends with the one it
//! was written under. A term has a token of its own, and what was sent in an earlier term
//! of the same process is refused too: so what still lies in a connection that was given up comes to nothing.

use std::time::Duration;

use publication::Publication;
use redis::Value;

use crate::{
    config::RedisConfig, door::Door, lane::Lane, pictures::lost_key, publish_error::PublishError, wire,
};

/// For how long it is remembered what is shown, after it was last written.
const KEEP_SHOWN: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// The words with which a script says that the term is over.
const LOST: i64 = -1;
const FORGOTTEN: i64 = -2;

/// Takes the lease if nobody has it, or only this process's own earlier term; else says for how long, in milliseconds,
/// somebody else has it.
const TAKE: &str = "local holder = redis.call('GET', KEYS[1]) \
    if holder and holder ~= ARGV[1] then return math.max(redis.call('PTTL', KEYS[1]), 0) end \
    redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) return -1";

/// Prolongs it, if the term is not over.
const RENEW: &str = "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return -1 end \
    if (redis.call('GET', KEYS[2]) or '') ~= ARGV[2] then return -2 end \
    redis.call('PEXPIRE', KEYS[1], ARGV[3]) return 0";

/// Gives it up, if it is still this term's.
const RESIGN: &str =
    "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0";

/// Publishes one after the other, and remembers each, if the term is not over. Says how many were heard by nobody, of
/// which nothing is remembered.
const PUBLISH: &str = "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return -1 end \
    if (redis.call('GET', KEYS[2]) or '') ~= ARGV[2] then return -2 end \
    redis.call('HSET', KEYS[4], ARGV[4], '') redis.call('PEXPIRE', KEYS[4], ARGV[3]) \
    local at, unheard = 5, 0 \
    while at <= #ARGV do \
        local words = tonumber(ARGV[at]) \
        local channel, shown = ARGV[at + words + 1], ARGV[at + words + 2] \
        if redis.call(unpack(ARGV, at + 1, at + words)) == 0 then unheard = unheard + 1 \
        elseif shown == '' then redis.call('HDEL', KEYS[3], channel) \
        else redis.call('HSET', KEYS[3], channel, shown .. ' ' .. ARGV[2]) end \
        at = at + words + 3 \
    end \
    redis.call('PEXPIRE', KEYS[3], ARGV[3]) return unheard";

/// Moves what is remembered from one query to another, if the term is not over.
const MOVE: &str = "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return -1 end \
    if (redis.call('GET', KEYS[2]) or '') ~= ARGV[2] then return -2 end \
    redis.call('HSET', KEYS[5], ARGV[4], '') redis.call('PEXPIRE', KEYS[5], ARGV[3]) \
    for at = 5, #ARGV, 2 do \
        redis.call('HSET', KEYS[4], ARGV[at], ARGV[at + 1]) redis.call('HDEL', KEYS[3], ARGV[at]) \
    end \
    redis.call('PEXPIRE', KEYS[4], ARGV[3]) return 0";

/// In the place of a loss, where what was written is not certain.
const UNCERTAIN: &str = "-";
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
    /// The loss that everything is published after.
    loss: String,
}

/// What is remembered of a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remembered {
    /// The channel.
    pub channel: String,
    /// What was to be remembered.
    pub shown: String,
    /// Whether every gateway has it, as far as is known.
    pub certain: bool,
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
    /// What was published may not be shown everywhere any more.
    Forgotten,
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
                let loss = self.loss().await?;
                Ok(Taken::Term(Term { lease: self, loss }))
            }
        }
    }

    /// The last loss; empty if there was none.
    async fn loss(&self) -> Result<String, PublishError> {
        let words = ["GET".to_owned(), lost_key(self.config.prefix())];
        Ok(self.lane.send::<Option<String>>(&words).await?.unwrap_or_default())
    }

    /// What is shown by a query, as it was remembered.
    ///
    /// # Errors
    /// Redis is not there or does not answer.
    pub async fn shown(&self, query: &str) -> Result<Vec<Remembered>, PublishError> {
        let loss = self.loss().await?;
        self.shown_after(query, &loss).await
    }

    async fn shown_after(&self, query: &str, loss: &str) -> Result<Vec<Remembered>, PublishError> {
        let fields = self.fields(&self.shown_key(query)).await?;
        let remembered = |(channel, written): (String, String)| {
            let (shown, written_after) = written.rsplit_once(' ').unwrap_or((&written, ""));
            Remembered { channel, shown: shown.to_owned(), certain: written_after == loss }
        };
        Ok(fields.into_iter().map(remembered).collect())
    }

    /// A hash, part by part, so that Redis is never busy with it for long.
    async fn fields(&self, key: &str) -> Result<Vec<(String, String)>, PublishError> {
        let (mut fields, mut cursor) = (Vec::new(), "0".to_owned());
        loop {
            let words = ["HSCAN", key, &cursor, "COUNT", SCAN].map(str::to_owned);
            let (next, part): (String, Vec<(String, String)>) = self.lane.send(&words).await?;
            fields.extend(part);
            if next == "0" {
                return Ok(fields);
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

    /// Where the names of queries are.
    fn index_key(&self) -> String {
        format!("{}:", self.key)
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
        let (hold, lost) = (self.lease.hold.as_millis().to_string(), lost_key(self.lease.config.prefix()));
        let renewed = self.lease.eval(RENEW, &[&lost], &[&self.lease.token, &self.loss, &hold]).await;
        ended(renewed).map(drop)
    }

    /// What is shown by a query, as it was remembered.
    ///
    /// # Errors
    /// The term is over.
    pub async fn shown(&self, query: &str) -> Result<Vec<Remembered>, TermEnd> {
        self.lease.shown_after(query, &self.loss).await.map_err(TermEnd::Broken)
    }

    /// Publishes, and remembers what was: both or neither, if the term still is. Returns whether anybody listens; if
    /// not, nothing is remembered.
    ///
    /// # Errors
    /// The term is over. If that is not known, some of it may have been published, and then is remembered too.
    pub async fn publish(&self, query: &str, entries: &[Entry<'_>]) -> Result<bool, TermEnd> {
        let Lease { config, door, token, .. } = self.lease;
        let keep = KEEP_SHOWN.as_millis().to_string();
        let mut arguments = vec![token.clone(), self.loss.clone(), keep, query.to_owned()];
        for Entry { publication, shown } in entries {
            let words = wire::words(*door, config, publication);
            arguments.push(words.len().to_string());
            arguments.extend(words);
            arguments.push(publication.channels().next().unwrap_or_default().to_owned());
            arguments.push(shown.clone());
        }
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        let keys = [&*lost_key(config.prefix()), &*self.lease.shown_key(query), &*self.lease.index_key()];
        let unheard = ended(self.lease.eval(PUBLISH, &keys, &arguments).await)?;
        Ok(unheard == 0)
    }
}

/// What queries have left that may not be there any more.
impl Term<'_> {
    /// The names of all queries of which something may be remembered.
    ///
    /// # Errors
    /// The term is over.
    pub async fn queries(&self) -> Result<Vec<String>, TermEnd> {
        let names = self.lease.fields(&self.lease.index_key()).await.map_err(TermEnd::Broken)?;
        Ok(names.into_iter().map(|(name, _)| name).collect())
    }

    /// Remembers of another query what was remembered of this one.
    ///
    /// # Errors
    /// The term is over.
    pub async fn hand_over(&self, from: &str, to: &str, remembered: &[Remembered]) -> Result<(), TermEnd> {
        let Lease { config, token, .. } = self.lease;
        let keep = KEEP_SHOWN.as_millis().to_string();
        let mut arguments = vec![token.clone(), self.loss.clone(), keep, to.to_owned()];
        for Remembered { channel, shown, certain } in remembered {
            let loss = if *certain { &self.loss } else { UNCERTAIN };
            arguments.extend([channel.clone(), format!("{shown} {loss}")]);
        }
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        let (lost, index) = (lost_key(config.prefix()), self.lease.index_key());
        let (from, to) = (self.lease.shown_key(from), self.lease.shown_key(to));
        ended(self.lease.eval(MOVE, &[&*lost, &*from, &*to, &*index], &arguments).await).map(drop)
    }

    /// Forgets that there was such a query; nothing may be remembered of it any more.
    ///
    /// # Errors
    /// The term is over.
    pub async fn forget(&self, query: &str) -> Result<(), TermEnd> {
        let words = ["HDEL", &*self.lease.index_key(), query].map(str::to_owned);
        self.lease.lane.send::<i64>(&words).await.map(drop).map_err(TermEnd::Broken)
    }
}

/// What a script says, if the term is not over.
fn ended(said: Result<i64, PublishError>) -> Result<i64, TermEnd> {
    match said {
        Ok(LOST) => Err(TermEnd::Lost),
        Ok(FORGOTTEN) => Err(TermEnd::Forgotten),
        Ok(number) => Ok(number),
        Err(error) => Err(TermEnd::Broken(error)),
    }
}

impl std::fmt::Display for TermEnd {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Lost => out.write_str("another process publishes now"),
            Self::Forgotten => out.write_str("a gateway may not hold what was published"),
            Self::Broken(error) => error.fmt(out),
        }
    }
}
