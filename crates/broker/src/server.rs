//! What a Redis server says of itself.

use crate::{link_error::LinkError, resp::Reply};

/// From INFO; what it does not say is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Server {
    pub(crate) run_id: Option<String>,
    pub(crate) replication_id: Option<String>,
    pub(crate) role: Option<String>,
    pub(crate) mode: Option<String>,
    /// Of Redis, or the one that a relative says it is compatible with.
    redis_version: Option<String>,
    valkey_version: Option<String>,
}

impl Server {
    /// Takes what an INFO says.
    pub(crate) fn learn(&mut self, info: &Reply) {
        let Some(text) = info.text() else { return };
        for line in text.lines() {
            let Some((key, value)) = line.split_once(':') else { continue };
            let field = match key {
                "run_id" => &mut self.run_id,
                "master_replid" => &mut self.replication_id,
                "role" => &mut self.role,
                // As Redis and as Valkey calls it.
                "redis_mode" | "server_mode" => &mut self.mode,
                "redis_version" => &mut self.redis_version,
                "valkey_version" => &mut self.valkey_version,
                _ => continue,
            };
            *field = Some(value.to_owned());
        }
    }

    /// What it is, as far as it says.
    pub(crate) fn name_and_version(&self) -> (&'static str, &str) {
        match (&self.valkey_version, &self.redis_version) {
            (Some(version), _) => ("Valkey", version),
            (None, Some(version)) => ("Redis", version),
            (None, None) => ("Redis", "of a version that it does not tell"),
        }
    }

    /// Whether it can give one order to all.
    pub(crate) fn check(&self) -> Result<(), LinkError> {
        if self.mode.as_deref() == Some("cluster") {
            return Err(LinkError::Unsuitable(
                "this is a Redis Cluster, whose nodes have no common order; use a single primary",
            ));
        }
        if self.role.as_deref().is_some_and(|role| role != "master") {
            return Err(LinkError::Replica);
        }
        Ok(())
    }

    /// Whether both are known to be one and the same primary.
    pub(crate) fn is_same_primary(&self, other: &Self) -> bool {
        self.run_id.is_some() && self.replication_id.is_some() && self.role.is_some() && self == other
    }
}
