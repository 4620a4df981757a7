//! The two ways by which publications come through Redis.

/// Which of them a gateway watches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// PUBLISH, the kind `redis-pubsub`.
    PubSub,
    /// XADD, the kind `redis-stream`.
    Stream,
}

impl Door {
    /// The kind of broker, as the configuration calls it.
    #[must_use]
    pub fn kind(self) -> &'static str {
        match self {
            Self::PubSub => "redis-pubsub",
            Self::Stream => "redis-stream",
        }
    }
}
