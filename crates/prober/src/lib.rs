//! Looks whether URLs answer, and writes down what it finds in a database: the work behind an uptime dashboard.
//!
//! What it writes is for anybody to query. This crate does not know that somebody publishes it.

mod check;
mod monitor;
mod prober;
mod store;
mod target;
mod tls;

pub use check::{Failure, Finding};
pub use monitor::{Monitor, Status};
pub use prober::{Config, run};
pub use store::{Store, StoreError};
pub use target::{Target, TargetError};
