//! The admin port: metrics and health, of a gateway or a watcher. What else is asked for at a gateway's, is asked for at
//! the edge.

mod asked;

use std::{
    cell::Cell,
    convert::Infallible,
    future::{Future, pending, poll_fn},
    net::{SocketAddr, TcpListener},
    pin::Pin,
    rc::Rc,
    task::Poll,
    time::Duration,
};

use bytes::Bytes;
use edge::Edge;
use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode,
    body::Incoming,
    header::{CONTENT_TYPE, HeaderValue, X_CONTENT_TYPE_OPTIONS},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{net::TcpStream, time::sleep};

use prometheus::{Encoder, Registry, TextEncoder};

use crate::{metrics::Metrics, readiness::Readiness};

/// Idle connections are kept for the next scrape.
const KEEP_ALIVE: Duration = Duration::from_secs(90);

/// What is behind an admin port.
pub(crate) trait Shown {
    /// All metrics.
    fn metrics(&self) -> Vec<u8>;
    /// Whether it lives, in words too.
    fn health(&self) -> (bool, String);
    /// Whether it does its work, in words too.
    fn readiness(&self) -> (bool, String);
    /// Who answers whatever else is asked for.
    fn edge(&self) -> Option<&Edge> {
        None
    }
}

/// What a gateway's shows.
pub(crate) struct Admin {
    pub(crate) edge: Rc<Edge>,
    pub(crate) metrics: Rc<Metrics>,
    pub(crate) readiness: Readiness,
}

/// Serves for as long as it is polled.
pub(crate) async fn serve(shown: Rc<impl Shown + 'static>, listener: TcpListener) {
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return tracing::error!(%error, "the admin port cannot be watched"),
    };
    loop {
        let Ok((stream, peer)) = listener.accept().await else {
            sleep(Duration::from_millis(100)).await;
            continue;
        };
        tokio::task::spawn_local(converse(Rc::clone(&shown), stream, peer));
    }
}

/// Answers on one connection, until something is asked for that others answer: then the connection is theirs.
async fn converse(shown: Rc<impl Shown + 'static>, stream: TcpStream, peer: SocketAddr) {
    let asked = Rc::new(Cell::new(None));
    let service = service_fn(|request| {
        let (shown, asked) = (Rc::clone(&shown), Rc::clone(&asked));
        async move {
            if shown.edge().is_none() || is_own(&request) {
                return Ok::<_, Infallible>(answer(&*shown, &request));
            }
            match asked::read(request).await {
                Ok(read) => {
                    asked.set(Some(read));
                    pending().await
                }
                Err((status, message)) => {
                    let error = serde_json::json!({ "error": { "code": "body", "message": message } });
                    Ok(text(status, error.to_string()))
                }
            }
        }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(KEEP_ALIVE).half_close(true);
    let mut connection = http.serve_connection(TokioIo::new(stream), service);
    // As at the edge's own door: what is asked for leaves hyper unanswered, and its socket with it.
    let taken = poll_fn(|context| {
        let polled = Pin::new(&mut connection).poll(context);
        match asked.take() {
            Some(asked) => Poll::Ready(Some(asked)),
            // A scraper that breaks off is no business of ours.
            None => polled.map(|_| None),
        }
    });
    let Some(asked) = taken.await else { return };
    let parts = connection.into_parts();
    let asked = [asked, parts.read_buf].concat().into();
    match (parts.io.into_inner().into_std(), shown.edge()) {
        (Ok(socket), Some(edge)) => edge.take_in(socket, peer, asked).await,
        _ => tracing::debug!(%peer, "a connection broke when it was handed over"),
    }
}

impl Shown for Admin {
    fn metrics(&self) -> Vec<u8> {
        self.metrics.text(&self.edge)
    }

    fn health(&self) -> (bool, String) {
        match self.edge.state().alive {
            true => (true, "every shard ticks\n".to_owned()),
            false => (false, "a shard is stuck\n".to_owned()),
        }
    }

    fn readiness(&self) -> (bool, String) {
        self.readiness.report()
    }

    fn edge(&self) -> Option<&Edge> {
        Some(&self.edge)
    }
}

fn is_own(request: &Request<Incoming>) -> bool {
    matches!(request.uri().path(), "/metrics" | "/healthz" | "/readyz")
}

fn answer(shown: &impl Shown, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return text(StatusCode::METHOD_NOT_ALLOWED, "read with GET\n");
    }
    match request.uri().path() {
        "/metrics" => {
            let mut answer = text(StatusCode::OK, shown.metrics());
            let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
            answer.headers_mut().insert(CONTENT_TYPE, kind);
            answer
        }
        "/healthz" => state(shown.health()),
        "/readyz" => state(shown.readiness()),
        _ => text(StatusCode::NOT_FOUND, "here are /metrics, /healthz and /readyz\n"),
    }
}

fn state((good, words): (bool, String)) -> Response<Full<Bytes>> {
    text(if good { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, words)
}

/// A registry in Prometheus's text format.
pub(crate) fn encode(registry: &Registry) -> Vec<u8> {
    let mut out = Vec::new();
    if let Err(error) = TextEncoder::new().encode(&registry.gather(), &mut out) {
        tracing::error!(%error, "the metrics cannot be written");
    }
    out
}

fn text(status: StatusCode, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::new(body.into()));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    answer
}
