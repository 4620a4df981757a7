//! Where a balancer finds a gateway.

use std::net::SocketAddr;

use crate::port::free_port;

/// The addresses of a gateway, whether it is there or not.
#[derive(Clone, Copy, Debug)]
pub struct Upstream {
    /// For browsers.
    pub public: SocketAddr,
    /// For checks.
    pub admin: SocketAddr,
}

impl Upstream {
    /// Two ports at which nobody listens.
    ///
    /// # Panics
    /// There are none.
    #[must_use]
    pub fn vacant() -> Self {
        let vacant = || SocketAddr::from(([127, 0, 0, 1], free_port()));
        Self { public: vacant(), admin: vacant() }
    }
}
