//! The embedded broker's own port: it speaks as much of Redis's protocol as a backend needs that publishes, so that its
//! code is the same with a Redis and without.
//!
//! A connection ends at the first byte that does not begin a command as clients write it, an array of strings: so no page
//! in a browser can speak to it, since a request of HTTP begins with a letter.

mod answer;
mod client;
mod command;
mod ids;
mod request;

use std::{
    io,
    net::TcpListener,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    sync::{Semaphore, mpsc},
    time::sleep,
};

pub use self::request::{Malformed, Request, parse};
use self::{client::Client, ids::Ids};
use crate::{
    broker::spawn, decode::Rules, directives::Directives, embedded, metrics::Metrics, publisher::Publisher,
};

/// Clients at once.
const MAX_CLIENTS: usize = 1_000;
/// Between two tries to accept when that fails.
const PAUSE: Duration = Duration::from_millis(100);

/// What is needed to know about the port.
#[derive(Clone, Debug)]
pub struct PortConfig {
    /// What names begin with, as in Redis.
    pub prefix: String,
    /// What clients must say first; empty if nothing.
    pub password: String,
}

/// What all clients share.
struct Port {
    config: PortConfig,
    rules: Rules,
    publications: mpsc::Sender<embedded::Request>,
    directives: Directives,
    metrics: Metrics,
    ids: Mutex<Ids>,
    places: Arc<Semaphore>,
}

/// Serves clients from now on, on a thread of its own.
///
/// # Errors
/// The thread cannot be started, or the listener not be watched.
pub fn listen(
    listener: TcpListener,
    config: PortConfig,
    rules: Rules,
    publisher: &Publisher,
    directives: Directives,
    metrics: Metrics,
) -> io::Result<()> {
    let Some(publications) = publisher.queue() else { return Ok(()) };
    listener.set_nonblocking(true)?;
    let places = Arc::new(Semaphore::new(MAX_CLIENTS));
    let port = Port { config, rules, publications, directives, metrics, ids: Mutex::default(), places };
    spawn("port", async move {
        match tokio::net::TcpListener::from_std(listener) {
            Ok(listener) => Arc::new(port).accept(listener).await,
            Err(error) => tracing::error!(%error, "the embedded broker's port cannot be watched"),
        }
    })
}

impl Port {
    async fn accept(self: Arc<Self>, listener: tokio::net::TcpListener) {
        loop {
            let Ok((stream, _)) = listener.accept().await else {
                sleep(PAUSE).await;
                continue;
            };
            let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
                self.count_closed("overload");
                continue;
            };
            let port = Arc::clone(&self);
            tokio::spawn(async move {
                let end = Client::new(&port, stream).run().await;
                port.count_closed(end);
                drop(place);
            });
        }
    }

    fn count_closed(&self, reason: &str) {
        self.metrics.port_closed.with_label_values(&[reason]).inc();
    }
}
