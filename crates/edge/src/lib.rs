//! Where browsers arrive: hyper at the door, the take-over of sockets, sessions and what is written
//! to them.
//!
//! The edge does not know where publications come from: batches of arrivals come into each shard's
//! inbox, and what clients publish goes out by a queue.

mod accept;
mod access;
mod advice;
mod arrived;
mod asker;
mod auth;
mod batch;
mod census;
mod client;
mod close;
mod command;
mod config;
mod control;
mod conversation;
mod cors;
mod crowd;
mod dialogue;
mod door;
mod edge;
mod encoding;
mod envelope;
mod fetch;
mod forwarded;
#[cfg(fuzzing)]
pub mod fuzzing;
mod head;
mod header_list;
mod host;
mod idempotency;
mod inbox;
mod introduction;
mod json;
mod lanes;
mod load;
mod metrics;
mod network;
mod pace;
mod page;
mod phase;
mod pinned;
mod poll;
mod prefer;
mod presence;
mod present;
mod proxies;
mod proxy_header;
mod publish;
mod publish_request;
mod readiness;
mod request;
mod respond;
mod service;
mod session;
mod sessions;
mod shard;
mod sized;
mod sse;
mod taken;
mod tally;
mod tape;
mod thread;
mod ticket;
mod transport;
mod waiter;
mod warned;
mod websocket;
mod wire;

pub use access::{Access, Rule, Scope, Template, TemplateError, WhenSlow, Who};
pub use auth::{AskRequest, Auth, KeysRequest, Verdict};
pub use census::Census;
pub use close::CloseReason;
pub use config::Config;
pub use cors::Cors;
pub use edge::{Edge, State};
pub use fetch::FetchRequest;
pub use lanes::Lanes;
pub use metrics::Metrics;
pub use network::{Network, NetworkError};
pub use phase::Phase;
pub use presence::PresenceRequest;
pub use proxies::Proxies;
pub use publish_request::{Outcome, PublishRequest};
