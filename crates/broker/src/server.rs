//! What a Redis server says of itself.

use crate::{link_error::LinkError, resp::Reply};

/// From INFO; what it does not say is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Server {
    pub(crate) run_id: Option<String>,
    pub(crate) replication_id: Option<String>,
    pub(crate) role: Option<String>,
    pub(crate) mode: Option<String>,
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
                "redis_mode" => &mut self.mode,
                _ => continue,
            };
            *field = Some(value.to_owned());
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
