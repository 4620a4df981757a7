//! Where browsers arrive: hyper at the door, the take-over of sockets, sessions and what is written
//! to them.
//!
//! The edge does not know where publications come from: batches of arrivals come into each shard's
//! inbox, and what clients publish goes out by a queue.

mod accept;
mod access;
mod census;
mod close;
mod config;
mod control;
mod cors;
mod door;
mod edge;
mod encoding;
mod envelope;
mod head;
mod load;
mod metrics;
mod page;
mod poll;
mod publish;
mod readiness;
mod request;
mod respond;
mod service;
mod session;
mod sessions;
mod shard;
mod sse;
mod tally;
mod tape;

pub use access::{Access, Rule, Who};
pub use census::Census;
pub use close::CloseReason;
pub use config::Config;
pub use cors::Cors;
pub use edge::{Edge, Phase, State};
pub use metrics::Metrics;
pub use publish::{Outcome, PublishRequest};
