//! One look: does it answer, with what, how fast, and how long does its certificate hold.

use std::{fmt, time::Duration};

use bytes::Bytes;
use http_body_util::Empty;
use hyper::{
    Request,
    client::conn::http1,
    header::{HOST, USER_AGENT},
};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::{Instant, timeout},
};

use crate::{target::Target, tls};

/// What a look has found.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// The status of the answer, or why there was none.
    pub answer: Result<u16, Failure>,
    /// From the first packet to the head of the answer, or until it was given up.
    pub took: Duration,
    /// Until when the certificate holds, in milliseconds since 1970.
    pub certificate_until: Option<i64>,
}

/// Why there was no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The name has no address, or nothing listens there.
    Unreachable(String),
    /// The certificate is not accepted, or TLS is not spoken.
    Tls(String),
    /// What came is no HTTP, or the connection ended.
    Broken(String),
    /// Nothing came in time.
    TimedOut,
}

impl Finding {
    /// Looks once.
    pub(crate) async fn of(target: &Target, patience: Duration) -> Self {
        let began = Instant::now();
        let mut certificate_until = None;
        let asked = timeout(patience, ask(target, &mut certificate_until)).await;
        let answer = asked.unwrap_or(Err(Failure::TimedOut));
        Self { answer, took: began.elapsed(), certificate_until }
    }
}

async fn ask(target: &Target, certificate_until: &mut Option<i64>) -> Result<u16, Failure> {
    let stream = TcpStream::connect((&*target.host, target.port)).await;
    let stream = stream.map_err(|error| Failure::Unreachable(error.to_string()))?;
    let Some(name) = target.tls.clone() else { return request(target, stream).await };
    let stream = tls::connector().connect(name, stream).await;
    let stream = stream.map_err(|error| Failure::Tls(tls::words(&error)))?;
    *certificate_until = tls::valid_until(stream.get_ref().1.peer_certificates());
    request(target, stream).await
}

async fn request(
    target: &Target,
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
) -> Result<u16, Failure> {
    let broken = |error: &dyn fmt::Display| Failure::Broken(error.to_string());
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(|error| broken(&error))?;
    let request = Request::get(&target.path)
        .header(HOST, &target.authority)
        .header(USER_AGENT, concat!("fanfare-prober/", env!("CARGO_PKG_VERSION")))
        .body(Empty::<Bytes>::new())
        .map_err(|error| broken(&error))?;
    let answer = sender.send_request(request);
    tokio::pin!(answer, connection);
    // The connection goes on until the head is there, and ends with this function.
    tokio::select! {
        biased;
        answer = &mut answer => answer.map(|answer| answer.status().as_u16()).map_err(|error| broken(&error)),
        ended = &mut connection => match ended {
            Ok(()) => answer.await.map(|answer| answer.status().as_u16()).map_err(|error| broken(&error)),
            Err(error) => Err(broken(&error)),
        },
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(why) => write!(out, "cannot be reached: {why}"),
            Self::Tls(why) => write!(out, "TLS: {why}"),
            Self::Broken(why) => write!(out, "no answer: {why}"),
            Self::TimedOut => out.write_str("no answer in time"),
        }
    }
}
