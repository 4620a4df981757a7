//! The admin port: metrics and health, of a gateway or a watcher.

use std::{convert::Infallible, net::TcpListener, rc::Rc, time::Duration};

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
use tokio::time::sleep;

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
        let Ok((stream, _)) = listener.accept().await else {
            sleep(Duration::from_millis(100)).await;
            continue;
        };
        let shown = Rc::clone(&shown);
        tokio::task::spawn_local(async move {
            let service = service_fn(|request| {
                let answer = answer(&*shown, &request);
                async { Ok::<_, Infallible>(answer) }
            });
            let mut http = http1::Builder::new();
            http.timer(TokioTimer::new()).header_read_timeout(KEEP_ALIVE);
            // A scraper that breaks off is no business of ours.
            let _ = http.serve_connection(TokioIo::new(stream), service).await;
        });
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
