//! What is looked at once before the first link: whether all that will be needed is allowed, and
//! which settings will hurt.

use crate::{
    config::RedisConfig,
    connection::Connection,
    diagnosis::{Diagnosis, Verdict},
    door::Door,
    link_error::LinkError,
    rights::Denied,
    settings,
};

/// Looks, and logs what will hurt.
///
/// # Errors
/// There is no connection, or what cannot be done without is denied.
pub(crate) async fn preflight(config: &RedisConfig, door: Door) -> Result<(), LinkError> {
    // Of its own: it ends up subscribed to what nobody reads here.
    let mut connection = Connection::open(config).await?;
    let found = settings::look(&mut connection, door).await?;
    let denied = Denied::ask(&mut connection, config, door).await?;
    if let Some(error) = denied.error(config) {
        return Err(error);
    }
    found.iter().chain(&losses(&denied, config)).for_each(Diagnosis::log);
    Ok(())
}

/// What does not work for want of rights, all in one.
pub(crate) fn losses(denied: &Denied, config: &RedisConfig) -> Option<Diagnosis> {
    let mut losses = denied.losses.clone();
    losses.dedup();
    (!losses.is_empty()).then(|| {
        let text = format!("the Redis user {:?} has few rights: {}", config.user(), losses.join("; "));
        Diagnosis::new(Verdict::Warning, text, denied.grant(config))
    })
}
