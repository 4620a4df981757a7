//! Takes connections in and hands each to the shard with the fewest.

use std::{
    fs::File,
    io,
    net::{SocketAddr, TcpListener, TcpStream},
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use socket2::SockRef;
use tokio::{sync::watch, time::sleep};

use crate::{arrived::Arrived, config::Config, load::Load, metrics::Metrics, readiness, thread::Handle};

/// How long to wait when the kernel has no descriptor for a connection.
const BACKOFF: Duration = Duration::from_millis(50);
/// Between two warnings of the same shortage.
const WARN_INTERVAL: Duration = Duration::from_secs(1);
/// Connections accepted between two looks at the rest of the runtime.
const MAX_AT_ONCE: usize = 64;
/// `EMFILE` and `ENFILE`: the process or the machine has no descriptor left.
const NO_DESCRIPTOR: [i32; 2] = [24, 23];

/// Accepts for as long as it is polled.
pub(crate) async fn accept(
    listener: TcpListener,
    shards: &[Handle],
    config: &watch::Sender<Arc<Config>>,
    metrics: &Metrics,
) {
    let listener = match readiness::readable(listener) {
        Ok(listener) => listener,
        Err(error) => return tracing::error!(%error, "the listener cannot be watched"),
    };
    // A descriptor kept for the moment when there is none: giving it up lets one connection be
    // accepted and closed, which tells the browser to come back, instead of leaving it to wait.
    let mut warned = None;
    let mut spare = File::open("/dev/null").ok();
    loop {
        let Ok(mut ready) = listener.readable().await else { return };
        for _ in 0..MAX_AT_ONCE {
            match ready.try_io(|listener| listener.get_ref().accept()) {
                Err(_would_block) => break,
                Ok(Ok((socket, peer))) => hand_over(socket, peer, None, shards, config).await,
                Ok(Err(error)) if is_no_descriptor(&error) => {
                    metrics.count_rejected("descriptors");
                    if warned.is_none_or(|at: Instant| at.elapsed() >= WARN_INTERVAL) {
                        warned = Some(Instant::now());
                        tracing::warn!(
                            "no file descriptor is left; raise the limit (ulimit -n) or lower sessions.max"
                        );
                    }
                    drop(spare.take());
                    drop(listener.get_ref().accept());
                    spare = File::open("/dev/null").ok();
                    sleep(BACKOFF).await;
                }
                Ok(Err(error)) => {
                    // The connection broke before it was accepted, or the kernel has no memory.
                    tracing::debug!(%error, "a connection was not accepted");
                    sleep(Duration::from_millis(1)).await;
                }
            }
        }
        tokio::task::yield_now().await;
    }
}

/// Hands a connection to the shard with the fewest; with what was asked already, if it is an operator's.
pub(crate) async fn hand_over(
    socket: TcpStream,
    peer: SocketAddr,
    asked: Option<Bytes>,
    shards: &[Handle],
    config: &watch::Sender<Arc<Config>>,
) {
    let fewest = shards.iter().min_by_key(|shard| shard.load.load(std::sync::atomic::Ordering::Relaxed));
    let Some(shard) = fewest else { return };
    let load = Load::new(&shard.load);
    if let Err(error) = prepare(&socket, config.borrow().write_timeout) {
        return tracing::debug!(%peer, %error, "a connection broke at once");
    }
    // A shard that is gone takes its process with it; nothing is left to say here.
    let _ = shard.arrived.send(Arrived { socket, peer, load, asked }).await;
}

fn prepare(socket: &TcpStream, user_timeout: Duration) -> io::Result<()> {
    socket.set_nonblocking(true)?;
    socket.set_nodelay(true)?;
    // A peer that vanished without a word is noticed when what was sent stays unanswered.
    #[cfg(target_os = "linux")]
    SockRef::from(socket).set_tcp_user_timeout(Some(user_timeout))?;
    #[cfg(not(target_os = "linux"))]
    let _ = user_timeout;
    Ok(())
}

fn is_no_descriptor(error: &io::Error) -> bool {
    error.raw_os_error().is_some_and(|code| NO_DESCRIPTOR.contains(&code))
}
