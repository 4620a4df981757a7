//! One connection while hyper has it, and the moment at which a session takes its socket over.
//!
//! The service marks the request as taken and returns a future that never resolves. The driver
//! looks for the mark after every poll of the connection, and then takes the connection apart: the
//! socket, with nothing written to it yet, is the session's. hyper documents `into_parts` for
//! finished connections only, hence the pinned minor version and the tests.

use std::{
    cell::Cell,
    convert::Infallible,
    future::{Future, poll_fn},
    io,
    pin::{Pin, pin},
    rc::Rc,
    task::{Context, Poll},
    time::Duration,
};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Instant, sleep_until},
};

use crate::{
    arrived::Arrived, client::Client, introduction::introduce, phase::Phase, proxy_header, service,
    sessions::Newcomer, shard::Shard, taken::Taken,
};

/// The longest head of a request, and the most headers in it.
const MAX_HEAD_BYTES: usize = 16 * 1024;
const MAX_HEADERS: usize = 64;

/// Serves the requests of one connection until it ends or becomes a session.
pub(crate) async fn serve(shard: Rc<Shard>, connection: Arrived) {
    let Arrived { socket, peer, load } = connection;
    let peer = Client::connected(peer);
    let stream = match TcpStream::from_std(socket) {
        Ok(stream) => stream,
        Err(error) => return tracing::debug!(%peer, %error, "a connection broke at once"),
    };
    let Some(connected) = introduce(&shard, &stream, peer).await else { return };
    let taken = Rc::new(Cell::new(None));
    let head = Rc::new(HeadClock::default());
    let io = TokioIo::new(Io { stream, head: Rc::clone(&head), is_new: true });
    match drive(&shard, io, &taken, &head, connected).await {
        Ok((Taken { client, wanted, chunked, cors }, socket)) => {
            let newcomer = Newcomer { socket, client, wanted, chunked, cors, load };
            shard.sessions.borrow_mut().admit(newcomer);
            shard.stirred.notify_one();
        }
        Err(Left::Late) => {
            shard.metrics.count_rejected("head_timeout");
            tracing::debug!(%peer, "a request's head did not come in time");
        }
        Err(Left::Ended(Err(error))) if error.is_parse() && head.introduced.get() => {
            shard.metrics.count_rejected("proxy_protocol");
            shard.config().proxies.warn_of_introduction(peer.address);
            tracing::debug!(%peer, %error, "this is a header of the PROXY protocol");
        }
        Err(Left::Ended(Err(error))) if error.is_parse() => {
            shard.metrics.count_rejected("bad_http");
            tracing::debug!(%peer, %error, "this is not HTTP");
        }
        Err(Left::Ended(_)) => {}
        Err(Left::Broken(error)) => {
            tracing::debug!(%peer, %error, "a connection broke when it was taken over");
        }
    }
}

/// How a connection left hyper without becoming a session.
enum Left {
    Late,
    Ended(hyper::Result<()>),
    Broken(io::Error),
}

/// Drives hyper. Its inputs: the connection, the time for the head, the phase of the gateway.
async fn drive(
    shard: &Rc<Shard>,
    io: TokioIo<Io>,
    taken: &Rc<Cell<Option<Taken>>>,
    head: &Rc<HeadClock>,
    connected: Client,
) -> Result<(Taken, std::net::TcpStream), Left> {
    let service = service_fn(|request| {
        let (shard, taken, head) = (Rc::clone(shard), Rc::clone(taken), Rc::clone(head));
        head.set_busy(true);
        async move {
            let answer = service::handle(&shard, request, &taken, connected).await;
            head.set_busy(false);
            Ok::<_, Infallible>(answer)
        }
    });
    let config = shard.config();
    let mut phase = shard.phase.clone();
    // Who comes during a drain is told so in an answer; who idles is only cut.
    let mut drained = *phase.borrow() == Phase::Draining;
    let mut connection = http1::Builder::new()
        .keep_alive(!drained)
        .timer(TokioTimer::new())
        // hyper's time for a head is also that between two requests.
        .header_read_timeout(config.keep_alive)
        .half_close(true)
        .max_buf_size(MAX_HEAD_BYTES)
        .max_headers(MAX_HEADERS)
        .serve_connection(io, service);
    let mut draining = pin!(async move { phase.wait_for(|phase| *phase == Phase::Draining).await.is_ok() });
    let mut late = pin!(head.late(config.head_timeout));
    let mark = poll_fn(|context| {
        if !drained && draining.as_mut().poll(context).is_ready() {
            drained = true;
            Pin::new(&mut connection).graceful_shutdown();
        }
        let polled = Pin::new(&mut connection).poll(context);
        if let Some(mark) = taken.take() {
            return Poll::Ready(Ok(mark));
        }
        if let Poll::Ready(result) = polled {
            return Poll::Ready(Err(Left::Ended(result)));
        }
        late.as_mut().poll(context).map(|()| Err(Left::Late))
    })
    .await?;
    let stream = connection.into_parts().io.into_inner().stream;
    Ok((mark, stream.into_std().map_err(Left::Broken)?))
}

/// When the head that is being read has begun.
#[derive(Default)]
struct HeadClock {
    began: Cell<Option<Instant>>,
    /// A request is being answered: what comes in belongs to its body.
    busy: Cell<bool>,
    /// The connection began with a header of the PROXY protocol, where none was to be.
    introduced: Cell<bool>,
}

impl HeadClock {
    fn note_bytes(&self) {
        if !self.busy.get() && self.began.get().is_none() {
            self.began.set(Some(Instant::now()));
        }
    }

    fn set_busy(&self, busy: bool) {
        self.began.set(None);
        self.busy.set(busy);
    }

    /// Resolves when a head has been read for longer than `limit`.
    async fn late(&self, limit: Duration) {
        loop {
            let now = Instant::now();
            let due = self.began.get().unwrap_or(now) + limit;
            if due <= now {
                return;
            }
            sleep_until(due).await;
        }
    }
}

/// The socket as hyper sees it; notes when bytes of a head come in.
struct Io {
    stream: TcpStream,
    head: Rc<HeadClock>,
    /// Nothing has come in yet.
    is_new: bool,
}

impl AsyncRead for Io {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.head.note_bytes();
            if std::mem::take(&mut self.is_new) {
                self.head.introduced.set(proxy_header::begins(&buffer.filled()[before..]));
            }
        }
        polled
    }
}

impl AsyncWrite for Io {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, parts)
    }
}
