//! Why sessions end.

/// Every reason has one word, the same in the bye, in the metric and in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CloseReason {
    /// The browser hung up, or its connection broke.
    Gone,
    /// The gateway is shutting down.
    Drain,
    /// It has lasted for its share of `sessions.max_lifetime`; it may come back elsewhere.
    Lifetime,
    /// It did not take a byte for `sessions.write_timeout`.
    Slow,
    /// It kept sending where nothing is expected.
    Talkative,
    /// `sessions.max` is reached, or more come than `sessions.max_new_per_second`.
    Overloaded,
    /// The gateway has no cursor to give out yet.
    Starting,
    /// A poll that waited was answered.
    Answered,
}

impl CloseReason {
    /// All reasons for which sessions end, for metrics.
    pub const ALL: [Self; 7] = [
        Self::Gone,
        Self::Drain,
        Self::Lifetime,
        Self::Slow,
        Self::Talkative,
        Self::Overloaded,
        Self::Starting,
    ];

    /// The word.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Gone => "gone",
            Self::Drain => "drain",
            Self::Lifetime => "lifetime",
            Self::Slow => "slow",
            Self::Talkative => "talkative",
            Self::Overloaded => "overloaded",
            Self::Starting => "starting",
            Self::Answered => "answered",
        }
    }

    /// How many times `sessions.retry` a browser is asked to stay away, before jitter.
    #[must_use]
    pub const fn patience(self) -> f64 {
        match self {
            Self::Overloaded => 5.0,
            // The ends are spread, so the returns need not be: the page hardly notices.
            Self::Lifetime => 0.1,
            Self::Gone | Self::Drain | Self::Slow | Self::Talkative | Self::Starting | Self::Answered => 1.0,
        }
    }
}
