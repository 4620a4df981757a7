//! The scenarios: what is done to the lab, and which gaps each broker may then tell.

mod clients;
mod failover;
mod gateways;
mod links;
mod redis;

use crate::{Result, broker::Broker, trial::Trial};

/// A sequence of faults, and what may come of them. Clients are restless meanwhile: some are cut off
/// now and then and come back, on whichever gateway answers. Whatever happens, nothing may be lost without a
/// gap being told, doubled or out of order, and no page may die.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    /// What happens, in words.
    pub(crate) about: &'static str,
    /// It belongs to the short selection.
    pub(crate) is_quick: bool,
    pub(crate) shape: Shape,
    pub(crate) on_pubsub: Expected,
    pub(crate) on_stream: Expected,
    pub(crate) faults: fn(&mut Trial) -> Result<()>,
}

/// What a scenario needs beyond the ordinary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Plain,
    Sentinels,
    /// Long publications and short buffers.
    Stalled,
    /// As many clients as descriptors allow.
    Avalanche,
}

/// Which gaps may be told, and why.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expected {
    pub(crate) gaps: Gaps,
    pub(crate) why: &'static str,
}

/// Who may tell gaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gaps {
    None,
    /// Only the gateway that the fault hits: the other one has lost nothing.
    OfA,
    Any,
}

const fn none(why: &'static str) -> Expected {
    Expected { gaps: Gaps::None, why }
}

const fn of_a(why: &'static str) -> Expected {
    Expected { gaps: Gaps::OfA, why }
}

const fn any(why: &'static str) -> Expected {
    Expected { gaps: Gaps::Any, why }
}

const KEPT: Expected = none("Redis keeps the stream, so every cursor finds its place in it");

/// All of them, in the order in which they run.
pub(crate) const ALL: &[Scenario] = &[
    Scenario {
        name: "gateway-killed",
        about: "gateway A is killed with -9 and started again",
        is_quick: true,
        shape: Shape::Plain,
        on_pubsub: none("gateway B has seen what A saw, under the same cursors"),
        on_stream: KEPT,
        faults: gateways::killed,
    },
    Scenario {
        name: "gateway-drained",
        about: "gateway A drains and is started again",
        is_quick: false,
        shape: Shape::Plain,
        on_pubsub: none("gateway B has seen what A saw, under the same cursors"),
        on_stream: KEPT,
        faults: gateways::drained,
    },
    Scenario {
        name: "rolling-restart",
        about: "one gateway after the other drains, is started again, and gets ready",
        is_quick: false,
        shape: Shape::Plain,
        on_pubsub: none("a gateway is ready only when it knows the cursors of quiet sessions too"),
        on_stream: KEPT,
        faults: gateways::rolling,
    },
    Scenario {
        name: "gateways-gone",
        about: "both gateways are killed and gone for 5 s",
        is_quick: false,
        shape: Shape::Plain,
        on_pubsub: any("history was in the gateways' memory alone"),
        on_stream: KEPT,
        faults: gateways::gone,
    },
    Scenario {
        name: "redis-killed",
        about: "Redis is killed with -9 and started again after 2 s",
        is_quick: true,
        shape: Shape::Plain,
        on_pubsub: any("nothing says what was published between the last thing read and the new link"),
        on_stream: KEPT,
        faults: redis::killed,
    },
    Scenario {
        name: "redis-frozen",
        about: "Redis is frozen for 10 s",
        is_quick: false,
        shape: Shape::Plain,
        on_pubsub: none("the links hold, and a second one is joined to the first by a common beacon"),
        on_stream: none("a Redis that stands still loses nothing"),
        faults: redis::frozen,
    },
    Scenario {
        name: "redis-emptied",
        about: "FLUSHALL",
        is_quick: false,
        shape: Shape::Plain,
        on_pubsub: none("nothing is kept in Redis"),
        on_stream: any("what a gateway had not read by then is gone, and so are the places of cursors"),
        faults: redis::emptied,
    },
    Scenario {
        name: "emptied-at-restart",
        about: "gateway A is killed, FLUSHALL, and A is started again",
        is_quick: false,
        shape: Shape::Plain,
        on_pubsub: none("nothing is kept in Redis but what B lends A, and that is asked for anew"),
        on_stream: any("what a gateway had not read by then is gone, and so are the places of cursors"),
        faults: redis::emptied_at_restart,
    },
    Scenario {
        name: "failover",
        about: "the primary is killed while its replica is in step, and Sentinel promotes the replica",
        is_quick: false,
        shape: Shape::Sentinels,
        on_pubsub: any("nothing says what was published before the new link"),
        on_stream: none("the replica has the whole stream"),
        faults: failover::in_step,
    },
    Scenario {
        name: "failover-lost-tail",
        about: "the primary dies with publications that its replica never got, and only A delivered",
        is_quick: false,
        shape: Shape::Sentinels,
        on_pubsub: any("nothing says what was published before the new link"),
        on_stream: any("the tail of the stream died with the primary"),
        faults: failover::lost_tail,
    },
    Scenario {
        name: "failover-quiet",
        about: "the same, and nothing is published until the gateways have a new primary",
        is_quick: false,
        shape: Shape::Sentinels,
        on_pubsub: any("nothing says what was published before the new link"),
        on_stream: any("the tail of the stream died with the primary"),
        faults: failover::quiet,
    },
    Scenario {
        name: "primary-frozen",
        about: "the primary stands still until its replica is promoted, and then goes on until it is made a replica",
        is_quick: false,
        shape: Shape::Sentinels,
        on_pubsub: any("nothing says what was published before the new link"),
        on_stream: none("the replica has the whole stream"),
        faults: failover::frozen,
    },
    Scenario {
        name: "links-killed",
        about: "CLIENT KILL of every connection of the gateways",
        is_quick: false,
        shape: Shape::Plain,
        on_pubsub: any("what was published before the new link was not heard"),
        on_stream: KEPT,
        faults: redis::links_killed,
    },
    Scenario {
        name: "buffer-overrun",
        about: "A reads nothing until Redis drops its link for client-output-buffer-limit",
        is_quick: false,
        shape: Shape::Plain,
        on_pubsub: of_a("what Redis dropped with the link was for gateway A alone"),
        on_stream: KEPT,
        faults: redis::overrun,
    },
    Scenario {
        name: "link-frozen",
        about: "gateway A's link to Redis is dead for 10 s, and nobody is told",
        is_quick: false,
        shape: Shape::Plain,
        on_pubsub: of_a("what was under way on A's link is lost, B's link is whole"),
        on_stream: KEPT,
        faults: links::frozen,
    },
    Scenario {
        name: "link-stalled",
        about: "nothing passes gateway A's link to Redis for 2 s, and then everything does, twice",
        is_quick: false,
        shape: Shape::Plain,
        on_pubsub: of_a("a link that shows nothing for so long may be given up, and B's is whole"),
        on_stream: none("A can see that a cursor lies ahead of it, and late is not lost"),
        faults: links::stalled,
    },
    Scenario {
        name: "link-cut",
        about: "gateway A's link to Redis is cut for 2 s",
        is_quick: true,
        shape: Shape::Plain,
        on_pubsub: of_a("what was published before A's new link was not heard by A, but by B"),
        on_stream: KEPT,
        faults: links::cut,
    },
    Scenario {
        name: "link-slow",
        about: "everything takes 300 ms longer on both links to Redis, for 8 s",
        is_quick: false,
        shape: Shape::Plain,
        on_pubsub: none("late is not lost, and beacons come back in time"),
        on_stream: none("late is not lost"),
        faults: links::slow,
    },
    Scenario {
        name: "balancer-reloaded",
        about: "HAProxy is reloaded twice",
        is_quick: false,
        shape: Shape::Plain,
        on_pubsub: none("every cursor finds its place on any gateway"),
        on_stream: KEPT,
        faults: clients::balancer_reloaded,
    },
    Scenario {
        name: "clients-cut",
        about: "clients' links are cut at random for 8 s",
        is_quick: true,
        shape: Shape::Plain,
        on_pubsub: none("every cursor finds its place on any gateway"),
        on_stream: KEPT,
        faults: clients::cut,
    },
    Scenario {
        name: "readers-stalled",
        about: "10 % of the readers take nothing for 15 s",
        is_quick: false,
        shape: Shape::Stalled,
        on_pubsub: none("they go on, or come back, within what history holds"),
        on_stream: none("they go on, or come back, within what history holds"),
        faults: clients::stalled,
    },
    Scenario {
        name: "avalanche",
        about: "as many clients as descriptors allow are cut off at once and come back",
        is_quick: false,
        shape: Shape::Avalanche,
        on_pubsub: none("every cursor finds its place on any gateway"),
        on_stream: KEPT,
        faults: clients::avalanche,
    },
];

/// The scenario of this name.
pub(crate) fn find(name: &str) -> Option<&'static Scenario> {
    ALL.iter().find(|scenario| scenario.name == name)
}

impl Scenario {
    /// What may be told on a broker.
    pub(crate) fn expected(&self, broker: Broker) -> Expected {
        match broker {
            Broker::Pubsub => self.on_pubsub,
            Broker::Stream => self.on_stream,
        }
    }
}

impl Gaps {
    /// For the table.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::OfA => "of A",
            Self::Any => "any",
        }
    }
}
