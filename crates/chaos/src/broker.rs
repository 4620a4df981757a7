//! The two ways to publish through Redis, each with its own promises.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// Which broker the gateways use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Broker {
    /// `PUBLISH`: Redis keeps nothing.
    Pubsub,
    /// `XADD`: Redis keeps what was published.
    Stream,
}

impl Broker {
    /// `broker.kind` in the gateways' configuration.
    pub(crate) fn kind(self) -> &'static str {
        match self {
            Self::Pubsub => "redis-pubsub",
            Self::Stream => "redis-stream",
        }
    }

    /// The word on the command line and in the table.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Pubsub => "pubsub",
            Self::Stream => "stream",
        }
    }

    /// How one publishes.
    pub(crate) fn publish_command(self, channel: &str, data: &str) -> redis::Cmd {
        let mut command;
        match self {
            Self::Pubsub => {
                command = redis::cmd("PUBLISH");
                command.arg(format!("fanfare:{channel}")).arg(data);
            }
            Self::Stream => {
                command = redis::cmd("XADD");
                command.arg("fanfare:@stream").arg("*").arg("channel").arg(channel).arg("data").arg(data);
            }
        }
        command
    }
}
