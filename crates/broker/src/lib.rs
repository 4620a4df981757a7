//! Where publications come from: Redis Pub/Sub or the embedded broker.
//!
//! Whichever it is, out come batches of arrivals in one order, with beacons from which every
//! gateway counts the same cursors. This crate does not know that browsers exist.

mod backoff;
mod beacon;
mod broker;
mod config;
mod connection;
mod control;
mod decode;
mod diagnosis;
mod directives;
pub mod doctor;
mod door;
mod embedded;
mod held;
mod intake;
mod lane;
mod lease;
mod link;
mod link_error;
mod metrics;
mod once;
mod order;
mod outlet;
mod own_beacons;
mod pace;
mod pictures;
pub mod port;
mod preflight;
mod presence;
mod publisher;
mod pubsub;
pub mod resp;
mod rights;
mod sentinel;
mod server;
mod settings;
mod shell;
mod socket;
mod status;
mod stream;
mod tls;
mod wire;
mod wrong_door;

pub use beacon::{Beacon, Claim};
pub use broker::{Broker, Kind};
pub use config::RedisConfig;
pub use control::Control;
pub use decode::Rules;
pub use diagnosis::{Diagnosis, Verdict};
pub use directives::{DirectiveOutlet, Directives};
pub use door::Door;
pub use lease::{Entry, Lease, Remembered, Taken, Term, TermEnd};
pub use link_error::LinkError;
pub use metrics::Metrics;
pub use once::Onced;
pub use order::{Item, Meeting, Order};
pub use outlet::Outlet;
pub use pictures::Pictures;
pub use presence::{NewsOutlet, PresenceConfig, Whereabouts};
pub use publisher::{PublishError, Publisher};
pub use status::Status;
pub use stream::{Archive, Finding, Ledger, Retention, Survey, Warmth, ZERO};
pub use tls::{TlsFiles, TlsProblem};
