//! What the edge needs to know.

use std::time::Duration;

use crate::{access::Access, auth::Auth, cors::Cors, page::Page, proxies::Proxies, request::Limits};

/// The settings of the edge, all valid.
#[derive(Clone, Debug)]
pub struct Config {
    /// The longest time from the first byte of a request's head to its last.
    pub head_timeout: Duration,
    /// The longest head of a request, in bytes.
    pub max_head_bytes: usize,
    /// The most headers in it.
    pub max_headers: usize,
    /// The longest path and query.
    pub max_url_bytes: usize,
    /// How long an idle connection is kept for its next request.
    pub keep_alive: Duration,
    /// Sessions of all shards together.
    pub max_sessions: usize,
    /// Sessions that all shards together take in a second; 0 is no bound.
    pub max_new_per_second: usize,
    /// Sessions of one address, where of IPv6 a /64 counts as one, and as many connections that are none; 0 is
    /// no bound.
    pub max_per_address: usize,
    /// Sessions that are taken in from one address in a second; 0 is no bound.
    pub max_new_per_second_per_address: usize,
    /// Sessions of one token's subject; 0 is no bound.
    pub max_per_subject: usize,
    /// Channels and patterns of one session.
    pub max_channels: usize,
    /// The longest silence in a session.
    pub heartbeat: Duration,
    /// When a browser comes back after its session ended, on average.
    pub retry: Duration,
    /// A session ends at a moment of its own between half of this and all of it; zero is no bound.
    pub max_lifetime: Duration,
    /// A session that takes nothing for so long ends.
    pub write_timeout: Duration,
    /// What the kernel may hold for one session, as `SO_SNDBUF`.
    pub send_buffer_bytes: usize,
    /// Requests that a client may make in a second over a WebSocket; 0 is no bound.
    pub max_requests_per_second: usize,
    /// Publications among them; 0 is no bound of their own.
    pub max_publications_per_second: usize,
    /// The longest message of a client over a WebSocket, in bytes.
    pub max_message_bytes: usize,
    /// The longest text of what a client says of itself, in bytes of JSON.
    pub max_member_bytes: usize,
    /// The longest data of a publication.
    pub max_data_bytes: usize,
    /// The longest body of a request that publishes several.
    pub max_batch_bytes: usize,
    /// Over how long the byes of a drain are spread.
    pub drain_spread: Duration,
    /// Log a line for each session that ends.
    pub log_sessions: bool,
    /// What each shard keeps.
    pub hub: hub::Config,
    /// Who is believed when it says whom it speaks for.
    pub proxies: Proxies,
    /// Whose tokens are accepted.
    pub auth: Auth,
    /// Who may do what.
    pub access: Access,
    /// Which other origins may.
    pub cors: Cors,
    /// What is to be seen beside.
    pub pages: &'static [Page],
}

impl Config {
    /// How much one request may ask for.
    pub(crate) const fn limits(&self) -> Limits {
        Limits { max_channels: self.max_channels, max_member_bytes: self.max_member_bytes }
    }
}
