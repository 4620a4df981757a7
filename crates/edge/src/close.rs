//! Why sessions end.

use crate::transport::Transport;

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
    /// It did not answer pings.
    Silent,
    /// It sent what the protocol does not allow.
    Violation,
    /// It asked for more than a session may.
    Limit,
    /// The time of its token is over.
    TokenExpired,
    /// Its token counts no longer.
    Revoked,
    /// A backend wanted it to end.
    Disconnected,
    /// Who it is cannot be told now.
    AuthUnavailable,
    /// `sessions.max_per_address` is reached, or more come from there than may in a second.
    AddressLimit,
    /// `sessions.max_per_subject` is reached.
    SubjectLimit,
    /// A poll that waited was answered.
    Answered,
}

impl CloseReason {
    /// The reasons for which sessions over a transport end, for metrics.
    #[must_use]
    pub(crate) const fn of(transport: Transport) -> &'static [Self] {
        match transport {
            Transport::Sse => &[
                Self::Gone,
                Self::Drain,
                Self::Lifetime,
                Self::Slow,
                Self::Talkative,
                Self::TokenExpired,
                Self::Revoked,
                Self::Disconnected,
            ],
            Transport::Poll => &[Self::Gone, Self::Answered],
            Transport::WebSocket => &[
                Self::Gone,
                Self::Drain,
                Self::Lifetime,
                Self::Slow,
                Self::Silent,
                Self::Violation,
                Self::Limit,
                Self::TokenExpired,
                Self::Revoked,
                Self::Disconnected,
            ],
        }
    }

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
            Self::Silent => "silent",
            Self::Violation => "violation",
            Self::Limit => "limit",
            Self::TokenExpired => "token-expired",
            Self::Revoked => "revoked",
            Self::Disconnected => "disconnected",
            Self::AuthUnavailable => "auth-unavailable",
            Self::AddressLimit => "address-limit",
            Self::SubjectLimit => "subject-limit",
            Self::Answered => "answered",
        }
    }

    /// Whether it is of use to come back, at least with the same token.
    #[must_use]
    pub const fn may_come_back(self) -> bool {
        !matches!(self, Self::Revoked)
    }

    /// How many times `sessions.retry` a browser is asked to stay away, before jitter.
    #[must_use]
    pub const fn patience(self) -> f64 {
        match self {
            Self::Overloaded | Self::Limit | Self::AddressLimit | Self::SubjectLimit => 5.0,
            // The ends are spread, so the returns need not be: the page hardly notices.
            Self::Lifetime | Self::TokenExpired => 0.1,
            _ => 1.0,
        }
    }

    /// The code in a WebSocket's close frame (RFC 6455, section 7.4, and IANA's registry).
    #[must_use]
    pub const fn code(self) -> u16 {
        match self {
            Self::Gone | Self::Answered => 1000,
            // It goes away, for this browser at least.
            Self::Drain | Self::Lifetime => 1001,
            Self::Violation => 1002,
            Self::Slow | Self::Talkative | Self::Silent | Self::Limit | Self::Disconnected => 1008,
            Self::Overloaded
            | Self::Starting
            | Self::AuthUnavailable
            | Self::AddressLimit
            | Self::SubjectLimit => 1013,
            // "Unauthorized" and "Forbidden" in IANA's registry.
            Self::TokenExpired => 3000,
            Self::Revoked => 3003,
        }
    }
}
