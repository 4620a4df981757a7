//! A connection on its way from the acceptor to its shard.

use std::net::{SocketAddr, TcpStream};

use bytes::Bytes;

use crate::load::Load;

/// A connection that was handed to the shard.
pub(crate) struct Arrived {
    pub(crate) socket: TcpStream,
    pub(crate) peer: SocketAddr,
    pub(crate) load: Load,
    /// What the admin port has read of it, if it came by that.
    pub(crate) asked: Option<Bytes>,
}
