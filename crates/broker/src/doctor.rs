//! Looks at everything that can keep a publication from arriving, for `fanfare doctor`.

mod health;
mod listening;
mod names;
mod near;
mod streams;

pub use self::listening::{Heard, listen};
pub use crate::rights::Duties;
use crate::{
    config::RedisConfig,
    connection::Connection,
    diagnosis::{Diagnosis, Verdict},
    door::Door,
    link_error::LinkError,
    preflight::losses,
    rights::{self, Denied},
    settings,
    stream::Retention,
};

/// The oldest Redis that has all commands that the stream needs.
const LEAST_VERSION: (u32, u32) = (6, 2);

/// Looks at the server, the rights, the settings and the stream.
pub async fn examine(config: &RedisConfig, door: Door, retention: Option<Retention>) -> Vec<Diagnosis> {
    let mut found = Vec::new();
    let outcome = async {
        let mut connection = Connection::open(config).await?;
        found.push(server(&mut connection, config).await?);
        let hurtful = settings::look(&mut connection, door).await?;
        let readable = settings::may_read(&mut connection).await?;
        if let Some(retention) = retention.filter(|_| door == Door::Stream) {
            found.extend(health::look(&mut connection, config, retention).await?);
        }
        found.extend(settings_in_words(hurtful, readable));
        // Last: it leaves the connection subscribed to what nobody reads here.
        found.extend(rights_in_words(&Denied::ask(&mut connection, config, door).await?, config));
        Ok(())
    };
    if let Err(error) = outcome.await {
        found.push(trouble(&error, config));
    }
    found
}

/// The whole rule for a Redis user that needs no more than this.
#[must_use]
pub fn rule(config: &RedisConfig, door: Door, duties: Duties) -> String {
    rights::whole(door, config, duties)
}

fn trouble(error: &LinkError, config: &RedisConfig) -> Diagnosis {
    let text = format!("Redis at {}: {error}", config.address());
    match error {
        LinkError::Io(_) | LinkError::Timeout(_) => {
            Diagnosis::new(Verdict::Problem, text, "start Redis there, or set broker.redis.url")
        }
        _ => Diagnosis { verdict: Verdict::Problem, text, remedy: None },
    }
}

async fn server(connection: &mut Connection, config: &RedisConfig) -> Result<Diagnosis, LinkError> {
    let (name, version) = connection.server.name_and_version();
    let version = version.to_owned();
    let mut words: Vec<String> = vec![format!("{name} {version} at {}", config.address())];
    if connection.server.role.is_some() {
        words.push("the primary".to_owned());
    }
    if let Some(replicas) = connection.info("replication", "connected_slaves").await? {
        words.push(format!("replicas: {replicas}"));
    }
    let text = words.join(", ");
    let mut numbers = version.split('.').map_while(|number| number.parse().ok());
    let is_old = numbers.next().zip(numbers.next()).is_some_and(|version| version < LEAST_VERSION);
    if is_old {
        return Ok(Diagnosis::new(Verdict::Problem, text, "it is older than 6.2; take a newer one"));
    }
    Ok(Diagnosis::fine(text))
}

fn settings_in_words(hurtful: Vec<Diagnosis>, readable: bool) -> Vec<Diagnosis> {
    match (hurtful.is_empty(), readable) {
        (false, _) => hurtful,
        (true, true) => vec![Diagnosis::fine("no setting of Redis will hurt")],
        (true, false) => {
            vec![Diagnosis::fine("the settings of Redis may not be read, so nothing is known of them")]
        }
    }
}

fn rights_in_words(denied: &Denied, config: &RedisConfig) -> Vec<Diagnosis> {
    let vital = denied.error(config).map(|error| Diagnosis {
        verdict: Verdict::Problem,
        text: error.to_string(),
        remedy: Some(denied.grant(config)),
    });
    let mut found: Vec<_> = vital.into_iter().chain(losses(denied, config)).collect();
    if found.is_empty() {
        let text = format!("the Redis user {:?} may do all that is needed", config.user());
        found.push(Diagnosis::fine(text));
    }
    found
}
