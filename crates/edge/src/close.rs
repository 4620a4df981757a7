//! Why sessions end.

/// Every reason has one word, the same in the bye, in the metric and in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CloseReason {
    /// The browser hung up, or its connection broke.
    Gone,
    /// The gateway is shutting down.
    Drain,
    /// It did not take a byte for `sessions.write_timeout`.
    Slow,
    /// It kept sending where nothing is expected.
    Talkative,
    /// `sessions.max` is reached.
    Overloaded,
    /// The gateway has no cursor to give out yet.
    Starting,
}

impl CloseReason {
    /// All reasons, for metrics.
    pub const ALL: [Self; 6] =
        [Self::Gone, Self::Drain, Self::Slow, Self::Talkative, Self::Overloaded, Self::Starting];

    /// The word.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Gone => "gone",
            Self::Drain => "drain",
            Self::Slow => "slow",
            Self::Talkative => "talkative",
            Self::Overloaded => "overloaded",
            Self::Starting => "starting",
        }
    }

    /// How many times `sessions.retry` a browser is asked to stay away, before jitter.
    #[must_use]
    pub const fn patience(self) -> u32 {
        match self {
            Self::Overloaded => 5,
            Self::Gone | Self::Drain | Self::Slow | Self::Talkative | Self::Starting => 1,
        }
    }
}
