//! The admin port: metrics and health.

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

use crate::{metrics::Metrics, readiness::Readiness};

/// Idle connections are kept for the next scrape.
const KEEP_ALIVE: Duration = Duration::from_secs(90);

/// What the admin port shows.
pub(crate) struct Admin {
    pub(crate) edge: Rc<Edge>,
    pub(crate) metrics: Rc<Metrics>,
    pub(crate) readiness: Readiness,
}

/// Serves for as long as it is polled.
pub(crate) async fn serve(admin: Rc<Admin>, listener: TcpListener) {
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return tracing::error!(%error, "the admin port cannot be watched"),
    };
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            sleep(Duration::from_millis(100)).await;
            continue;
        };
        let admin = Rc::clone(&admin);
        tokio::task::spawn_local(async move {
            let service = service_fn(|request| {
                let answer = admin.answer(&request);
                async { Ok::<_, Infallible>(answer) }
            });
            let mut http = http1::Builder::new();
            http.timer(TokioTimer::new()).header_read_timeout(KEEP_ALIVE);
            // A scraper that breaks off is no business of ours.
            let _ = http.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

impl Admin {
    fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        if request.method() != Method::GET && request.method() != Method::HEAD {
            return text(StatusCode::METHOD_NOT_ALLOWED, "read with GET\n");
        }
        match request.uri().path() {
            "/metrics" => {
                let mut answer = text(StatusCode::OK, self.metrics.text(&self.edge));
                let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
                answer.headers_mut().insert(CONTENT_TYPE, kind);
                answer
            }
            "/healthz" if self.edge.state().alive => text(StatusCode::OK, "every shard ticks\n"),
            "/healthz" => text(StatusCode::SERVICE_UNAVAILABLE, "a shard is stuck\n"),
            "/readyz" => match self.readiness.report() {
                (true, report) => text(StatusCode::OK, report),
                (false, report) => text(StatusCode::SERVICE_UNAVAILABLE, report),
            },
            _ => text(StatusCode::NOT_FOUND, "here are /metrics, /healthz and /readyz\n"),
        }
    }
}

fn text(status: StatusCode, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::new(body.into()));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    answer
}
