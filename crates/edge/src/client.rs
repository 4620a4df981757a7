//! Who is at the other end, as far as that can be known.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
};

/// The browser, or whoever else asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Client {
    pub(crate) address: IpAddr,
    /// 0 where only the address was told.
    port: u16,
    /// A proxy stands in between, or the request says so.
    pub(crate) proxied: bool,
    /// It came by the admin port.
    pub(crate) by_admin: bool,
}

impl Client {
    /// The other end of a socket.
    pub(crate) fn connected(peer: SocketAddr) -> Self {
        // A listener on both families shows IPv4 addresses in the clothes of IPv6.
        Self { address: peer.ip().to_canonical(), port: peer.port(), proxied: false, by_admin: false }
    }

    /// The same, with a proxy in between.
    pub(crate) fn behind_proxy(self) -> Self {
        Self { proxied: true, ..self }
    }

    /// The same, on the admin port or not.
    pub(crate) fn by_admin(self, by_admin: bool) -> Self {
        Self { by_admin, ..self }
    }

    /// Whom a proxy names.
    pub(crate) fn named(address: IpAddr, port: u16) -> Self {
        Self { address: address.to_canonical(), port, proxied: true, by_admin: false }
    }
}

impl fmt::Display for Client {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            0 => self.address.fmt(out),
            port => SocketAddr::new(self.address, port).fmt(out),
        }
    }
}
