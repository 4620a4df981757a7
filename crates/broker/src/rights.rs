//! What the user of Redis must be allowed, and what it is denied.
//!
//! Everything that will ever be asked is asked once at the start, in a form that changes nothing, so
//! that what is denied shows then and not when it is needed. (ACL DRYRUN would tell the same, but is
//! itself a right that few have.)

use std::collections::BTreeSet;

use crate::{config::RedisConfig, connection::Connection, door::Door, link_error::LinkError, shell};

/// What is asked of Redis to tell who is present.
const PRESENCE: &[&str] = &[
    "+multi",
    "+exec",
    "+del",
    "+sadd",
    "+srem",
    "+smembers",
    "+hset",
    "+hdel",
    "+hget",
    "+hgetall",
    "+hlen",
    "+pexpire",
];

/// What is asked of Redis to keep revocations.
const REVOCATIONS: &[&str] = &["+hget", "+hscan", "+hset", "+hdel"];

/// What a watcher asks of Redis, beside publishing.
const WATCHING: &[&str] =
    &["+eval", "+get", "+set", "+del", "+pttl", "+pexpire", "+hset", "+hdel", "+hscan", "+info"];

/// What a Redis user is for, beside reading what is published.
#[derive(Clone, Copy, Debug, Default)]
pub struct Duties {
    /// To tell who is present.
    pub presence: bool,
    /// To keep revocations.
    pub revocations: bool,
    /// To publish what a watcher finds.
    pub watching: bool,
}

/// One thing that is needed.
struct Need {
    /// The rule that allows the command.
    command: &'static str,
    /// What it touches.
    scope: Scope,
    /// It, in a form without effect.
    words: Vec<String>,
    /// What does not work without it; empty if nothing does.
    without: &'static str,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Scope {
    Server,
    Keys,
    Channels,
}

/// What is denied.
#[derive(Debug, Default)]
pub(crate) struct Denied {
    /// Commands without which nothing works.
    pub(crate) vital: Vec<String>,
    /// What does not work without the others.
    pub(crate) losses: Vec<&'static str>,
    /// The rules that are missing for `vital`, and for all.
    vital_rules: BTreeSet<String>,
    rules: BTreeSet<String>,
}

impl Denied {
    /// Asks for everything that a gateway behind this door will ever need.
    pub(crate) async fn ask(
        connection: &mut Connection,
        config: &RedisConfig,
        door: Door,
    ) -> Result<Self, LinkError> {
        let mut denied = Self::default();
        for need in needs(door, config) {
            let words: Vec<&str> = need.words.iter().map(String::as_str).collect();
            match connection.ask_abridged(&words).await {
                Err(LinkError::Refused { error, .. }) if error.starts_with("NOPERM") => {
                    denied.add(&need, missing(&need, &error, config));
                }
                // Before 6.2 streams knew no open ranges.
                Err(LinkError::Refused { error, .. }) if error.contains("Invalid stream ID") => {
                    return Err(LinkError::Unsuitable("this Redis is older than version 6.2"));
                }
                Err(error @ LinkError::Refused { .. }) if error.is_permanent() && need.without.is_empty() => {
                    return Err(error);
                }
                Ok(_) | Err(LinkError::Refused { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(denied)
    }

    fn add(&mut self, need: &Need, rule: String) {
        if need.without.is_empty() {
            self.vital.push(need.words[0].clone());
            self.vital_rules.insert(rule.clone());
        } else {
            self.losses.push(need.without);
        }
        self.rules.insert(rule);
    }

    /// The error, if nothing can work.
    pub(crate) fn error(&self, config: &RedisConfig) -> Option<LinkError> {
        (!self.vital.is_empty()).then(|| LinkError::Denied {
            commands: self.vital.join(", "),
            grant: grant(config, &self.vital_rules),
        })
    }

    /// The command that grants all that is missing.
    pub(crate) fn grant(&self, config: &RedisConfig) -> String {
        grant(config, &self.rules)
    }
}

/// The whole rule for a user of its own.
pub(crate) fn whole(door: Door, config: &RedisConfig, duties: Duties) -> String {
    let mut commands: Vec<_> = needs(door, config).iter().map(|need| need.command).collect();
    let publish = match door {
        Door::PubSub => "+publish",
        Door::Stream => "+xadd",
    };
    let further = [
        (duties.presence, PRESENCE),
        (duties.revocations, REVOCATIONS),
        (duties.watching, WATCHING),
        (duties.watching, &[publish]),
    ];
    for (_, more) in further.into_iter().filter(|(is_needed, _)| *is_needed) {
        let new: Vec<_> = more.iter().copied().filter(|command| !commands.contains(command)).collect();
        commands.extend(new);
    }
    if config.info().redis_settings().db() != 0 {
        commands.push("+select");
    }
    // Whoever has no user of their own had better make one than take rights from all others.
    let mut words = match config.user() {
        "default" => vec!["ACL", "SETUSER", "fanfare", "on", ">PASSWORD", "resetchannels"],
        user => vec!["ACL", "SETUSER", user, "resetchannels"],
    };
    let (channels, keys) = (rule_for(Scope::Channels, config), rule_for(Scope::Keys, config));
    words.extend([&*channels, &*keys]);
    words.extend(commands);
    shell::join(&words)
}

/// The command that grants this one rule.
pub(crate) fn grant_one(config: &RedisConfig, rule: &str) -> String {
    grant(config, &BTreeSet::from([rule.to_owned()]))
}

/// The command that grants what presence needs, if that is what an error tells of. Nothing of it is asked
/// for at the start: most gateways never need it.
pub(crate) fn grant_presence(config: &RedisConfig, error: &str) -> Option<String> {
    grant_all(config, error, PRESENCE)
}

/// The same for what is needed to keep revocations.
pub(crate) fn grant_revocations(config: &RedisConfig, error: &str) -> Option<String> {
    grant_all(config, error, REVOCATIONS)
}

fn grant_all(config: &RedisConfig, error: &str, rules: &[&str]) -> Option<String> {
    if error.contains("permissions to access") {
        return Some(grant_one(config, &rule_for(Scope::Keys, config)));
    }
    let is_denied = error.contains("permissions to run");
    is_denied.then(|| grant(config, &rules.iter().map(|rule| (*rule).to_owned()).collect()))
}

fn grant(config: &RedisConfig, rules: &BTreeSet<String>) -> String {
    let mut words = vec!["ACL", "SETUSER", config.user()];
    words.extend(rules.iter().map(String::as_str));
    shell::join(&words)
}

/// Which rule is missing, by what Redis says. Adding one that is there already would be an error.
fn missing(need: &Need, error: &str, config: &RedisConfig) -> String {
    if error.contains("to run") || need.scope == Scope::Server {
        return need.command.to_owned();
    }
    rule_for(need.scope, config)
}

fn rule_for(scope: Scope, config: &RedisConfig) -> String {
    match scope {
        Scope::Keys => format!("~{}", config.pattern()),
        // Redis compares it with what PSUBSCRIBE says, letter by letter.
        Scope::Channels => format!("&{}", config.pattern()),
        Scope::Server => String::new(),
    }
}

fn needs(door: Door, config: &RedisConfig) -> Vec<Need> {
    let (key, pattern) = (config.stream_key(), config.pattern());
    let beacons = format!("{}@beacon", config.prefix());
    let need = |command, scope, words: &[&str], without| Need {
        command,
        scope,
        words: words.iter().map(|&word| word.to_owned()).collect(),
        without,
    };
    let info = "a primary that was demoted, and that two links show one order, cannot be seen";
    let doors = "publications by the wrong door are not noticed";
    let picture = format!("{}@picture:", config.prefix());
    let start = "a gateway that starts does not take over what others know";
    match door {
        Door::PubSub => vec![
            // An empty beacon is none, and nobody counts it.
            need("+publish", Scope::Channels, &["PUBLISH", &beacons, ""], ""),
            need("+info", Scope::Server, &["INFO", "replication"], info),
            need("+xrange", Scope::Keys, &["XRANGE", &key, "0-1", "0-1"], doors),
            need("+xrevrange", Scope::Keys, &["XREVRANGE", &key, "0-1", "0-1"], doors),
            // There is no such key.
            need("+set", Scope::Keys, &["SET", &picture, "", "XX"], start),
            need("+getdel", Scope::Keys, &["GETDEL", &picture], start),
            need("+psubscribe", Scope::Channels, &["PSUBSCRIBE", &pattern], ""),
        ],
        Door::Stream => vec![
            need("+xread", Scope::Keys, &["XREAD", "COUNT", "1", "STREAMS", &key, "$"], ""),
            need("+xrange", Scope::Keys, &["XRANGE", &key, "(0-1", "0-2"], ""),
            need("+xrevrange", Scope::Keys, &["XREVRANGE", &key, "0-1", "0-1"], ""),
            need("+xinfo|stream", Scope::Keys, &["XINFO", "STREAM", &key], ""),
            need(
                "+info",
                Scope::Server,
                &["INFO", "replication"],
                "a primary that was demoted cannot be seen",
            ),
            need("+time", Scope::Server, &["TIME"], "ages are told by the clock of this machine"),
            need(
                "+xtrim",
                Scope::Keys,
                &["XTRIM", &key, "MAXLEN", "~", "9000000000000000000"],
                "this gateway does not trim the stream",
            ),
            // Nothing can be added before the first id.
            need("+xadd", Scope::Keys, &["XADD", &key, "0-0", "a", "b"], "nobody can publish over HTTP"),
            need("+psubscribe", Scope::Channels, &["PSUBSCRIBE", &pattern], doors),
        ],
    }
}
