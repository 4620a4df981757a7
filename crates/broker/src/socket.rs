//! The ways to a Redis server: TCP, TLS over TCP, a Unix socket.

use std::io;

use redis::ConnectionAddr;
use rustls::pki_types::ServerName;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, UnixStream},
    time::timeout,
};
use tokio_rustls::TlsConnector;

use crate::{config::RedisConfig, link_error::LinkError};

/// An open socket of whatever kind.
pub(crate) type Socket = Box<dyn ReadWrite>;

pub(crate) trait ReadWrite: AsyncRead + AsyncWrite + Send + Sync + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Sync + Unpin> ReadWrite for S {}

/// Opens one.
pub(crate) async fn open(address: &ConnectionAddr, config: &RedisConfig) -> Result<Socket, LinkError> {
    match address {
        ConnectionAddr::Tcp(host, port) => Ok(Box::new(connect(host, *port, config).await?)),
        ConnectionAddr::TcpTls { host, port, .. } => {
            let name = ServerName::try_from(host.clone())
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
            // Made with the configuration wherever an address wants it.
            let connector = config.tls().map(TlsConnector::from).ok_or(LinkError::NoHandshake)?;
            let stream = connect(host, *port, config).await?;
            let shaken = timeout(config.timeout, connector.connect(name, stream)).await;
            Ok(Box::new(shaken.map_err(|_| LinkError::NoHandshake)??))
        }
        ConnectionAddr::Unix(path) => Ok(Box::new(in_time(UnixStream::connect(path), config).await?)),
        _ => Err(LinkError::Unsuitable("this kind of address is not supported")),
    }
}

async fn connect(host: &str, port: u16, config: &RedisConfig) -> Result<TcpStream, LinkError> {
    let stream = in_time(TcpStream::connect((host, port)), config).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

async fn in_time<T>(
    connecting: impl Future<Output = io::Result<T>>,
    config: &RedisConfig,
) -> Result<T, LinkError> {
    let connected = timeout(config.timeout, connecting).await;
    Ok(connected.map_err(|_| LinkError::Timeout("connection"))??)
}
