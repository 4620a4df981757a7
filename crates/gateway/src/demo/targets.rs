//! Something to look at: a server on this machine with the ways in which servers are well and unwell.

use std::{convert::Infallible, io, net::TcpListener, time::Duration};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Request, Response, StatusCode, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::time::{Instant, sleep};

/// Longer than anybody waits.
const SILENCE: Duration = Duration::from_secs(30);

/// How a target is: what it takes to answer, and when something is wrong with it.
struct Behaviour {
    id: &'static str,
    name: &'static str,
    /// The least and the most that an answer takes, in milliseconds.
    latency: (u64, u64),
    trouble: Trouble,
}

/// What is wrong, and when.
enum Trouble {
    None,
    /// It answers with this status.
    Status(StatusCode, Times),
    /// It is so many times slower.
    Slow(u32, Times),
    /// It does not answer.
    Silent(Times),
}

/// In seconds: after how many for the first time, how often, and for how long.
struct Times {
    first: u64,
    every: u64,
    length: u64,
}

impl Times {
    fn include(&self, seconds: u64) -> bool {
        seconds.checked_sub(self.first).is_some_and(|since| since % self.every < self.length)
    }
}

const TARGETS: &[Behaviour] = &[
    Behaviour { id: "website", name: "Website", latency: (8, 30), trouble: Trouble::None },
    Behaviour { id: "api", name: "API", latency: (25, 80), trouble: Trouble::None },
    Behaviour {
        id: "checkout",
        name: "Checkout",
        latency: (40, 120),
        trouble: Trouble::Status(StatusCode::SERVICE_UNAVAILABLE, Times { first: 12, every: 45, length: 12 }),
    },
    Behaviour {
        id: "search",
        name: "Search",
        latency: (60, 160),
        trouble: Trouble::Slow(5, Times { first: 20, every: 50, length: 15 }),
    },
    Behaviour { id: "login", name: "Login", latency: (20, 60), trouble: Trouble::None },
    Behaviour {
        id: "images",
        name: "Images",
        latency: (10, 45),
        trouble: Trouble::Slow(15, Times { first: 40, every: 80, length: 20 }),
    },
    Behaviour {
        id: "reports",
        name: "Reports",
        latency: (90, 220),
        trouble: Trouble::Silent(Times { first: 60, every: 90, length: 14 }),
    },
    Behaviour { id: "webhooks", name: "Webhooks", latency: (15, 50), trouble: Trouble::None },
    Behaviour { id: "documentation", name: "Documentation", latency: (6, 20), trouble: Trouble::None },
    Behaviour { id: "downloads", name: "Downloads", latency: (5, 18), trouble: Trouble::None },
    Behaviour {
        id: "legacy",
        name: "Legacy API",
        latency: (120, 320),
        trouble: Trouble::Status(StatusCode::INTERNAL_SERVER_ERROR, Times { first: 6, every: 37, length: 4 }),
    },
    Behaviour { id: "status", name: "Status page", latency: (8, 24), trouble: Trouble::None },
];

/// The server, not yet running.
pub(super) struct Targets(TcpListener);

impl Targets {
    pub(super) fn bind() -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        listener.set_nonblocking(true)?;
        Ok(Self(listener))
    }

    /// Each target's id, name and URL.
    pub(super) fn urls(&self) -> impl Iterator<Item = (&'static str, &'static str, String)> {
        let port = self.0.local_addr().map_or(0, |address| address.port());
        TARGETS
            .iter()
            .map(move |target| (target.id, target.name, format!("http://127.0.0.1:{port}/{}", target.id)))
    }

    /// Serves for as long as the process runs.
    pub(super) fn start(&self) -> io::Result<()> {
        let listener = tokio::net::TcpListener::from_std(self.0.try_clone()?)?;
        let began = Instant::now();
        tokio::task::spawn_local(async move {
            loop {
                let Ok((stream, _)) = listener.accept().await else {
                    sleep(Duration::from_millis(100)).await;
                    continue;
                };
                tokio::task::spawn_local(async move {
                    let service = service_fn(|request| answer(request, began));
                    // Whoever looks hangs up as soon as it has seen enough.
                    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Ok(())
    }
}

async fn answer(request: Request<Incoming>, began: Instant) -> Result<Response<Full<Bytes>>, Infallible> {
    let id = request.uri().path().trim_start_matches('/');
    let mut answer = Response::new(Full::from("ok\n"));
    let Some(target) = TARGETS.iter().find(|target| target.id == id) else {
        *answer.status_mut() = StatusCode::NOT_FOUND;
        return Ok(answer);
    };
    let seconds = began.elapsed().as_secs();
    let mut latency = Duration::from_millis(rand::random_range(target.latency.0..target.latency.1));
    match &target.trouble {
        Trouble::Status(status, times) if times.include(seconds) => *answer.status_mut() = *status,
        Trouble::Slow(more, times) if times.include(seconds) => latency *= *more,
        Trouble::Silent(times) if times.include(seconds) => latency = SILENCE,
        _ => {}
    }
    sleep(latency).await;
    Ok(answer)
}
