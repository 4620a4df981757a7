//! The scenarios: what the gateway must show, one file each.

mod attacks;
mod broker;
mod burst;
mod channels;
mod connect;
mod idle;
mod polling_cost;
mod polls;
mod resume;
mod stalled;
mod steady;
mod stream_latency;
mod stream_resume;
mod stream_steady;
mod stream_unwanted;
mod talk;
mod tokens;
mod unwanted;
mod watch;
mod websocket;

use crate::Result;
use crate::lab::Lab;

/// A named part of the benchmark.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    /// Measures and adds its rows to the report.
    pub(crate) run: fn(&mut Lab) -> Result<()>,
}

/// All scenarios in the order of the contract.
pub(crate) const ALL: [Scenario; 21] = [
    Scenario { name: steady::NAME, run: steady::run },
    Scenario { name: burst::NAME, run: burst::run },
    Scenario { name: idle::NAME, run: idle::run },
    Scenario { name: channels::NAME, run: channels::run },
    Scenario { name: unwanted::NAME, run: unwanted::run },
    Scenario { name: connect::NAME, run: connect::run },
    Scenario { name: tokens::NAME, run: tokens::run },
    Scenario { name: resume::NAME, run: resume::run },
    Scenario { name: stalled::NAME, run: stalled::run },
    Scenario { name: stream_steady::NAME, run: stream_steady::run },
    Scenario { name: stream_unwanted::NAME, run: stream_unwanted::run },
    Scenario { name: stream_latency::NAME, run: stream_latency::run },
    Scenario { name: stream_resume::NAME, run: stream_resume::run },
    Scenario { name: websocket::STEADY, run: websocket::steady },
    Scenario { name: websocket::BURST, run: websocket::burst },
    Scenario { name: websocket::IDLE, run: websocket::idle },
    Scenario { name: talk::NAME, run: talk::run },
    Scenario { name: polls::NAME, run: polls::run },
    Scenario { name: polling_cost::NAME, run: polling_cost::run },
    Scenario { name: attacks::NAME, run: attacks::run },
    Scenario { name: watch::NAME, run: watch::run },
];

/// Their names, for the command line.
pub(crate) const NAMES: [&str; 21] = [
    steady::NAME,
    burst::NAME,
    idle::NAME,
    channels::NAME,
    unwanted::NAME,
    connect::NAME,
    tokens::NAME,
    resume::NAME,
    stalled::NAME,
    stream_steady::NAME,
    stream_unwanted::NAME,
    stream_latency::NAME,
    stream_resume::NAME,
    websocket::STEADY,
    websocket::BURST,
    websocket::IDLE,
    talk::NAME,
    polls::NAME,
    polling_cost::NAME,
    attacks::NAME,
    watch::NAME,
];
