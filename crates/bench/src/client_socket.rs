//! Sockets of the load, spread over loopback addresses.

use std::net::{Ipv4Addr, SocketAddrV4};

use rustix::fd::OwnedFd;
use rustix::net::{AddressFamily, SocketFlags, SocketType, sockopt};

use crate::Result;

/// Connections come from this many loopback addresses, so that ports never run out.
const SOURCE_ADDRESSES: u32 = 32;

/// The nth socket: not connected, never blocking, bound to a loopback address of its own choice.
pub(crate) fn new(nth: u32, receive_buffer_bytes: Option<usize>) -> Result<OwnedFd> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = rustix::net::socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)?;
    if let Some(bytes) = receive_buffer_bytes {
        sockopt::set_socket_recv_buffer_size(&socket, bytes)?;
    }
    let source = 2 + (nth % SOURCE_ADDRESSES) as u8;
    rustix::net::bind(&socket, &SocketAddrV4::new(Ipv4Addr::new(127, 0, 0, source), 0))?;
    Ok(socket)
}
