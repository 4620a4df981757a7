//! Publishes a plan from a thread of its own, through the door that the server reads from.

mod clients;
mod flood;
mod fred;
mod nchan;
mod raw;
mod way;

use std::net::SocketAddrV4;
use std::thread::{self, JoinHandle};

pub(crate) use flood::Flood;
pub(crate) use way::{STREAM, Way};

use crate::Result;
use crate::clock;
use crate::plan::Plan;
use crate::transport::Transport;

/// All that the project's gateways read in Redis starts with it.
pub(crate) const PREFIX: &str = "fanfare:";

/// Where and how publications go in.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Door {
    /// Redis, through the client fred: another implementation than the gateway's own.
    Fred(SocketAddrV4, Way),
    /// Redis, with commands that we write ourselves: no client keeps up with a burst.
    Raw(SocketAddrV4, Way),
    /// Nchan's publisher location, over one pipelined HTTP connection.
    Nchan(SocketAddrV4),
    /// A server itself, as its clients over WebSockets.
    Clients(SocketAddrV4, Transport),
}

/// A plan being published.
pub(crate) struct Publishing {
    thread: JoinHandle<Result<()>>,
    /// When it began, on [`crate::clock`].
    pub(crate) began_nanos: u64,
}

impl Door {
    /// Starts publishing.
    pub(crate) fn publish(self, plan: Plan) -> Publishing {
        let began_nanos = clock::now_nanos();
        let thread = thread::spawn(move || match self {
            Door::Fred(redis, way) => fred::publish(redis, way, &plan),
            Door::Raw(redis, way) => raw::publish(redis, way, &plan),
            Door::Nchan(server) => nchan::publish(server, &plan),
            Door::Clients(server, transport) => clients::publish(server, transport, &plan),
        });
        Publishing { thread, began_nanos }
    }
}

impl Publishing {
    /// Waits until all is taken.
    pub(crate) fn finish(self) -> Result<()> {
        self.thread.join().map_err(|_| "the publisher panicked")?
    }
}

/// Sleeps until the next burst is due, or not at all if it is late.
fn sleep_until(due_nanos: u64) {
    thread::sleep(clock::between(clock::now_nanos(), due_nanos));
}
