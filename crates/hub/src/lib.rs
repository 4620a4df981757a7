//! The connection registry of one shard: who is here, what they asked for, and where in the order
//! of publications each of them stands.
//!
//! Pure data: no I/O, no runtime, no clock (time is an argument), no format. The edge appends what
//! arrives, asks who has something to read, reads it, and says how far it came.

mod audience;
mod beacons;
mod channels;
mod chart;
mod config;
mod excerpts;
mod gap;
mod history;
mod hub;
mod keys;
mod place;
mod ranking;
mod selection;
mod session;
mod shown;

pub use config::Config;
pub use gap::{Gap, GapReason};
pub use history::Entry;
pub use hub::{Beginning, Busy, Gauges, Hub};
pub use keys::{AudienceKey, SessionKey};
pub use place::Place;
pub use selection::Selection;
pub use session::{Start, Step, Want};
pub use shown::Shown;
