//! The floor for publications that nobody wants: redis-rs with a push callback that only counts.

use std::net::SocketAddrV4;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use redis::{AsyncConnectionConfig, Client, PushInfo, PushKind};
use tokio::sync::Notify;

use crate::Result;
use crate::publisher::PREFIX;

/// What to count.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct CounterOptions {
    /// The Redis server to subscribe to.
    #[arg(long)]
    redis: SocketAddrV4,
    /// Say so on standard output after this many publications.
    #[arg(long)]
    until: u64,
}

/// Says `ready` when it is subscribed and `done` when it has counted enough.
pub(crate) fn run(options: &CounterOptions) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(count(options))
}

async fn count(options: &CounterOptions) -> Result<()> {
    let counted = Arc::new(AtomicU64::new(0));
    let done = Arc::new(Notify::new());
    let (counter, bell, until) = (counted.clone(), done.clone(), options.until);
    let config = AsyncConnectionConfig::new().set_push_sender(move |push: PushInfo| {
        let is_over = match push.kind {
            PushKind::PMessage => counter.fetch_add(1, Ordering::Relaxed) + 1 == until,
            kind => kind == PushKind::Disconnection,
        };
        if is_over {
            bell.notify_one();
        }
        Ok::<(), redis::aio::SendError>(())
    });
    let client = Client::open(format!("redis://{}?protocol=resp3", options.redis))?;
    let mut connection = client.get_multiplexed_async_connection_with_config(&config).await?;
    connection.psubscribe(format!("{PREFIX}*")).await?;
    println!("ready");
    done.notified().await;
    match counted.load(Ordering::Relaxed) {
        enough if enough >= until => println!("done"),
        short => println!("cut off after {short}"),
    }
    // Stay, so that the measurer can still read what this process has used.
    std::future::pending().await
}
