//! Where browsers arrive: hyper at the door, the take-over of sockets, sessions and what is written
//! to them.
//!
//! The edge does not know where publications come from: batches of arrivals come into each shard's
//! inbox, and what clients publish goes out by a queue.

mod accept;
mod access;
mod arrived;
mod census;
mod close;
mod config;
mod control;
mod cors;
mod door;
mod edge;
mod encoding;
mod envelope;
mod fetch;
mod head;
mod load;
mod metrics;
mod pace;
mod page;
mod phase;
mod pinned;
mod poll;
mod publish;
mod publish_request;
mod readiness;
mod request;
mod respond;
mod service;
mod session;
mod sessions;
mod shard;
mod sse;
mod taken;
mod tally;
mod tape;
mod thread;
mod wire;

pub use access::{Access, Rule, WhenSlow, Who};
pub use census::Census;
pub use close::CloseReason;
pub use config::Config;
pub use cors::Cors;
pub use edge::{Edge, State};
pub use fetch::FetchRequest;
pub use metrics::Metrics;
pub use phase::Phase;
pub use publish_request::{Outcome, PublishRequest};
