//! Whose connection it is: found out before a request is read from it.

use tokio::{net::TcpStream, time::timeout};

use crate::{
    client::Client,
    proxies::Proxies,
    proxy_header::{self, ReadError},
    shard::Shard,
};

/// Reads the header that a trusted proxy must begin with; nobody else is asked. `None` if the
/// connection is of no use.
pub(crate) async fn introduce(shard: &Shard, stream: &TcpStream, peer: Client) -> Option<Client> {
    let config = shard.config();
    let proxies = &config.proxies;
    if !proxies.must_introduce(&peer) {
        return Some(peer);
    }
    match timeout(config.head_timeout, proxy_header::read(stream)).await {
        Ok(Ok(header)) => return Some(Proxies::introduced(peer, header)),
        Err(_late) => {
            shard.metrics.count_rejected("head_timeout");
            tracing::debug!(%peer, "a header of the PROXY protocol did not come in time");
        }
        Ok(Err(ReadError::Invalid)) => {
            shard.metrics.count_rejected("proxy_protocol");
            proxies.warn_of_no_introduction(peer.address);
        }
        Ok(Err(ReadError::Silent)) => {}
        Ok(Err(ReadError::Broken(error))) => tracing::debug!(%peer, %error, "a connection broke at once"),
    }
    None
}
