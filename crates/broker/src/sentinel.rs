//! Asks Sentinels which server is the primary now.

use redis::{ConnectionAddr, ConnectionInfo};
use tokio::time::{Duration, timeout};

use crate::{config::RedisConfig, connection::Connection, link_error::LinkError, resp::Reply};

/// The longest wait for each of them: another one may know.
const TIMEOUT: Duration = Duration::from_secs(2);

/// The address of the primary, by the first Sentinel that knows it.
pub(crate) async fn find_primary(
    sentinels: &[ConnectionInfo],
    config: &RedisConfig,
) -> Result<ConnectionAddr, LinkError> {
    let mut last = "none is configured".to_owned();
    let mut permanent = true;
    // Each time another one first, so that one that is wrong or slow is not asked for ever.
    let first = rand::random_range(0..sentinels.len());
    let (later, sooner) = sentinels.split_at(first);
    for sentinel in sooner.iter().chain(later) {
        match timeout(TIMEOUT.min(config.timeout), ask(sentinel, config)).await {
            Ok(Ok((host, port))) => return Ok(config.with_address(host, port)),
            Ok(Err(error)) => {
                permanent &= error.is_permanent();
                last = format!("{}: {error}", sentinel.addr());
            }
            Err(_) => {
                permanent = false;
                last = format!("{} does not answer", sentinel.addr());
            }
        }
    }
    Err(LinkError::NoPrimary { why: last, permanent })
}

async fn ask(sentinel: &ConnectionInfo, config: &RedisConfig) -> Result<(String, u16), LinkError> {
    let master = config.sentinel_master();
    let mut connection = Connection::connect(sentinel.addr(), config).await?;
    if sentinel.redis_settings().password().is_some() {
        connection.greet(sentinel.redis_settings()).await?;
    }
    let reply = connection.ask(&["SENTINEL", "get-master-addr-by-name", master]).await?;
    let address = match &reply {
        Reply::List(parts) => match &parts[..] {
            [host, port] => host.text().zip(port.text().and_then(|port| port.parse().ok())),
            _ => None,
        },
        _ => None,
    };
    let why = || format!("it knows none called {master:?} (broker.redis.sentinel_master)");
    address.ok_or_else(|| LinkError::NoPrimary { why: why(), permanent: false })
}
