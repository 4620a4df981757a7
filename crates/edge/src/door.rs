//! One connection while hyper has it, and the moment at which a session takes its socket over.
//!
//! The service marks the request as taken and returns a future that never resolves. The driver
//! looks for the mark after every poll of the connection, and then takes the connection apart: the
//! socket, with nothing written to it yet, is the session's. hyper documents `into_parts` for
//! finished connections only, hence the pinned minor version and the tests. A poll that has waited
//! brings its socket back: it is answered here, and hyper goes on with the next request.

mod io;

use std::{
    cell::Cell,
    convert::Infallible,
    future::{Future, poll_fn},
    pin::{Pin, pin},
    rc::Rc,
    task::Poll,
    time::Duration,
};

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use self::io::{HeadClock, Io};
use crate::{
    arrived::Arrived,
    census::{Crowded, Visit},
    client::Client,
    close::CloseReason,
    dialogue::Dialogue,
    encoding::Encoding,
    head,
    introduction::introduce,
    phase::Phase,
    poll, service,
    sessions::Newcomer,
    shard::Shard,
    subscriber::Subscriber,
    taken::{PollReply, Reply, Taken},
    visitor::Visitor,
    waiter::Waiter,
};

/// How long a connection that has ended may take to hear the last answer.
const LINGER: Duration = Duration::from_secs(2);

/// Serves the requests of one connection until it ends or becomes a session.
pub(crate) async fn serve(shard: Rc<Shard>, connection: Arrived) {
    let Arrived { socket, peer, load, asked } = connection;
    let peer = Client::connected(peer).by_admin(asked.is_some());
    let stream = match TcpStream::from_std(socket) {
        Ok(stream) => stream,
        Err(error) => return tracing::debug!(%peer, %error, "a connection broke at once"),
    };
    if let Some(unread) = asked {
        let visitor = Visitor { socket: stream, unread, connected: peer, load, visit: None };
        return converse(shard, visitor, HeadClock::running()).await;
    }
    let Some(connected) = introduce(&shard, &stream, peer).await else { return };
    let visit = match visit(&shard, connected) {
        Ok(visit) => visit,
        Err(_crowded) => {
            // Not a word: an EventSource comes back after a broken connection, but not after a status.
            shard.metrics.count_rejected(CloseReason::AddressLimit.label());
            return tracing::debug!(peer = %connected, "there are too many connections from there");
        }
    };
    let visitor = Visitor { socket: stream, unread: Bytes::new(), connected, load, visit };
    converse(shard, visitor, HeadClock::running()).await;
}

/// A place for a connection, unless it is a trusted proxy's: many share that one's address.
fn visit(shard: &Shard, connected: Client) -> Result<Option<Visit>, Crowded> {
    if shard.config().proxies.trusts(connected.address) {
        return Ok(None);
    }
    shard.sessions.borrow().visit(connected.address)
}

/// Answers each poll that was called, in a task of its own.
pub(crate) fn answer_called(shard: &Rc<Shard>) {
    let called = shard.sessions.borrow_mut().called();
    for waiter in called {
        tokio::task::spawn_local(answer(Rc::clone(shard), waiter));
    }
}

/// Answers a poll that has waited, then serves what its connection asks for next.
async fn answer(shard: Rc<Shard>, waiter: Waiter) {
    let Waiter { visitor, subscriber, reply } = waiter;
    let Subscriber { client, asker, wanted, .. } = subscriber;
    let PollReply { keep_alive, cors, permit } = reply;
    let Visitor { socket, unread, connected, load, visit } = visitor;
    let Ok(mut socket) = TcpStream::from_std(socket) else { return };
    let answer = poll::conclude(&shard, &wanted, &asker).await;
    drop(permit);
    let mut answer = answer.unwrap_or_else(|refusal| service::refuse(&shard, &refusal, client));
    service::dress(&mut answer, cors);
    let keep_alive = keep_alive && *shard.phase.borrow() != Phase::Draining;
    let (parts, body) = answer.into_parts();
    let Ok(body) = body.collect().await;
    let body = body.to_bytes();
    let mut out = head::answer(parts.status, &parts.headers, body.len(), keep_alive);
    out.extend_from_slice(&body);
    if !write(&mut socket, &out, shard.config().write_timeout).await {
        return;
    }
    if keep_alive {
        let visitor = Visitor { socket, unread, connected, load, visit };
        converse(shard, visitor, HeadClock::default()).await;
    } else {
        // With unread input the end would be a reset, and eat the answer. Nothing is owed after this.
        let _ = timeout(LINGER, end(&mut socket)).await;
    }
}

/// Writes all of it, to one who takes something now and then.
async fn write(stream: &mut TcpStream, mut rest: &[u8], patience: Duration) -> bool {
    while !rest.is_empty() {
        match timeout(patience, stream.write(rest)).await {
            Ok(Ok(count)) if count > 0 => rest = &rest[count..],
            _ => return false,
        }
    }
    true
}

/// Ends our side, and waits for the other's end.
async fn end(stream: &mut TcpStream) -> std::io::Result<()> {
    stream.shutdown().await?;
    while stream.read(&mut [0; 1024]).await? > 0 {}
    Ok(())
}

/// Has hyper serve a connection until it ends or its socket is taken over.
async fn converse(shard: Rc<Shard>, visitor: Visitor<TcpStream>, head: HeadClock) {
    let Visitor { socket, unread, connected, load, visit } = visitor;
    let taken = Rc::new(Cell::new(None));
    let head = Rc::new(head);
    let io = TokioIo::new(Io::new(socket, unread, Rc::clone(&head)));
    match drive(&shard, io, &taken, &head, connected).await {
        Ok((asked, socket, unread)) => {
            begin(&shard, asked, Visitor { socket, unread, connected, load, visit });
            shard.stirred.notify_one();
        }
        Err(Left::Late) => {
            shard.metrics.count_rejected("head_timeout");
            tracing::debug!(peer = %connected, "a request's head did not come in time");
        }
        Err(Left::Ended(Err(error))) if error.is_parse() && head.is_introduced() => {
            shard.metrics.count_rejected("proxy_protocol");
            shard.config().proxies.warn_of_introduction(connected.address);
            tracing::debug!(peer = %connected, %error, "this is a header of the PROXY protocol");
        }
        Err(Left::Ended(Err(error))) if error.is_parse_too_large() => {
            shard.metrics.count_rejected("head_too_large");
            tracing::debug!(peer = %connected, "a request's head is too long, or has too many headers");
        }
        Err(Left::Ended(Err(error))) if error.is_parse() => {
            shard.metrics.count_rejected("bad_http");
            tracing::debug!(peer = %connected, %error, "this is not HTTP");
        }
        Err(Left::Ended(_)) => {}
        Err(Left::Broken(error)) => {
            tracing::debug!(peer = %connected, %error, "a connection broke when it was taken over");
        }
    }
}

/// Makes a session, or a poll that waits, of one whose socket has left hyper.
fn begin(shard: &Shard, taken: Taken, visitor: Visitor<std::net::TcpStream>) {
    let Taken { subscriber, reply } = taken;
    let mut sessions = shard.sessions.borrow_mut();
    let (encoding, head, permit, dialogue) = match reply {
        Reply::Poll(reply) => return sessions.wait(Waiter { visitor, subscriber, reply }),
        Reply::Events { chunked, cors } => {
            let form = subscriber.wanted.form(chunked);
            (Encoding::Events(form), head::event_stream(chunked, cors.as_ref()), None, None)
        }
        Reply::WebSocket { accept, permit } => {
            let dialogue = Dialogue::new(subscriber.wanted.patterns.clone(), visitor.unread.into());
            (Encoding::WebSocket, head::websocket(&accept), Some(permit), Some(Box::new(dialogue)))
        }
    };
    let Visitor { socket, load, .. } = visitor;
    sessions.admit(Newcomer { socket, load, subscriber, encoding, head, permit, dialogue });
}

/// How a connection left hyper without becoming a session.
enum Left {
    Late,
    Ended(hyper::Result<()>),
    Broken(std::io::Error),
}

/// Drives hyper. Its inputs: the connection, the time for the head, the phase of the gateway.
async fn drive(
    shard: &Rc<Shard>,
    io: TokioIo<Io>,
    taken: &Rc<Cell<Option<Taken>>>,
    head: &Rc<HeadClock>,
    connected: Client,
) -> Result<(Taken, std::net::TcpStream, Bytes), Left> {
    let service = service_fn(|request| {
        let (shard, taken, head) = (Rc::clone(shard), Rc::clone(taken), Rc::clone(head));
        head.set_busy(true);
        async move {
            // On the heap: hyper keeps room for what is answered also where nothing is asked.
            let answer = Box::pin(service::handle(&shard, request, &taken, connected)).await;
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
        .max_buf_size(config.max_head_bytes)
        .max_headers(config.max_headers)
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
    let parts = connection.into_parts();
    let (stream, unread) = parts.io.into_inner().into_parts(&parts.read_buf);
    Ok((mark, stream.into_std().map_err(Left::Broken)?, unread))
}
