//! What clients speak with a gateway, and which of them speaks what.

use serde::{Deserialize, Serialize};

/// A way to follow channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Transport {
    Sse,
    /// Polls that wait for something new.
    LongPoll,
    /// Polls at an interval.
    Poll,
    WebSocket,
}

/// Which transport a client uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Taste {
    Keeps(Transport),
    /// Another one with each connection; its cursor goes with it.
    Changes,
}

/// The tastes in a crowd, in turn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Mix(Vec<Taste>);

/// The name of a mix of all tastes.
pub(crate) const MIXED: &str = "mixed";

impl Transport {
    const ALL: [Self; 4] = [Self::Sse, Self::LongPoll, Self::Poll, Self::WebSocket];

    /// The one that a client turns to after this.
    fn next(self) -> Self {
        Self::ALL[(self as usize + 1) % Self::ALL.len()]
    }
}

impl Taste {
    const ALL: [Self; 5] = [
        Self::Keeps(Transport::Sse),
        Self::Keeps(Transport::LongPoll),
        Self::Keeps(Transport::Poll),
        Self::Keeps(Transport::WebSocket),
        Self::Changes,
    ];

    /// The word on the command line and in the table.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Keeps(Transport::Sse) => "sse",
            Self::Keeps(Transport::LongPoll) => "long-poll",
            Self::Keeps(Transport::Poll) => "poll",
            Self::Keeps(Transport::WebSocket) => "websocket",
            Self::Changes => "changing",
        }
    }

    /// With what a client begins.
    pub(crate) fn first(self) -> Transport {
        match self {
            Self::Keeps(transport) => transport,
            Self::Changes => Transport::ALL[rand::random_range(0..Transport::ALL.len())],
        }
    }

    /// With what it goes on after a connection over this transport.
    pub(crate) fn after(self, transport: Transport) -> Transport {
        match self {
            Self::Keeps(transport) => transport,
            Self::Changes => transport.next(),
        }
    }
}

impl Mix {
    /// What a mix can be called.
    pub(crate) fn names() -> impl Iterator<Item = &'static str> {
        Taste::ALL.map(Taste::label).into_iter().chain([MIXED])
    }

    /// The mix of this name: one taste, or all of them.
    pub(crate) fn named(name: &str) -> Self {
        Self(Taste::ALL.into_iter().filter(|taste| name == MIXED || name == taste.label()).collect())
    }

    /// The taste of the client that comes as this one.
    pub(crate) fn taste(&self, index: usize) -> Taste {
        self.0[index % self.0.len()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_a_mix_and_the_last_one_is_all() {
        let counts: Vec<usize> = Mix::names().map(|name| Mix::named(name).0.len()).collect();
        assert_eq!(counts, [1, 1, 1, 1, 1, 5]);
    }

    #[test]
    fn who_changes_comes_through_all_of_them() {
        let mut seen = vec![Taste::Changes.first()];
        seen.extend((0..3).scan(seen[0], |transport, _| {
            *transport = Taste::Changes.after(*transport);
            Some(*transport)
        }));
        seen.sort_unstable();
        assert_eq!(seen, Transport::ALL);
    }
}
