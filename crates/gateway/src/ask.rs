//! `[auth] ask`: the application is asked whom a browser's cookies belong to.
//!
//! It gets `POST` with the cookies and `{"act":"subscribe","channels":[...],"address":"..."}`, and answers 200 with the
//! claims that a token would hold, 401 or 204 if it knows nobody by these cookies, or 403 for who is not to be let
//! in. Everything else is no answer, and the browser comes back a little later.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    rc::{Rc, Weak},
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use edge::{AskRequest, Edge, Verdict};
use hyper::{StatusCode, header::HeaderValue};
use prometheus::IntCounterVec;
use tokio::{sync::mpsc, time::timeout};

use crate::client::{self, Server};

/// Answers that are remembered at once; longer cookies are not.
const MAX_CACHED: usize = 4_096;
const MAX_KEY_BYTES: usize = 4_096;

/// Between two lines in the log about an application that does not answer as it should.
const COMPLAINT_INTERVAL: Duration = Duration::from_secs(10);

/// How the application is asked.
#[derive(Clone)]
pub(crate) struct AskConfig {
    pub(crate) server: Server,
    pub(crate) timeout: Duration,
    /// How long an answer holds for the same question.
    pub(crate) cache: Duration,
    /// Questions at once.
    pub(crate) max: usize,
}

struct Asking {
    config: AskConfig,
    /// Knows which claims are asked for.
    edge: Weak<Edge>,
    running: Cell<usize>,
    complained: Cell<Option<Instant>>,
    cache: RefCell<HashMap<Vec<u8>, (Instant, Verdict)>>,
    outcomes: IntCounterVec,
}

/// Asks for all who want to know. Without a `config`, nobody does.
pub(crate) async fn serve(
    config: Option<AskConfig>,
    edge: Weak<Edge>,
    mut requests: mpsc::Receiver<AskRequest>,
    outcomes: IntCounterVec,
) {
    let Some(config) = config else { return };
    let (running, complained, cache) = Default::default();
    let asking = Rc::new(Asking { config, edge, running, complained, cache, outcomes });
    while let Some(request) = requests.recv().await {
        let count = |outcome| asking.outcomes.with_label_values(&[outcome]).inc();
        let key = key(&request);
        if let Some(verdict) = asking.remembered(&key) {
            count("remembered");
            let _ = request.reply.send(verdict);
        } else if asking.running.get() >= asking.config.max {
            // The reply is dropped: whoever waits comes back later.
            count("overload");
        } else {
            let asking = Rc::clone(&asking);
            asking.running.set(asking.running.get() + 1);
            tokio::task::spawn_local(async move {
                asking.answer(request, key).await;
                asking.running.set(asking.running.get() - 1);
            });
        }
    }
}

impl Asking {
    async fn answer(&self, request: AskRequest, key: Vec<u8>) {
        let asked = timeout(self.config.timeout, self.ask(&request)).await;
        let (outcome, verdict) = match asked {
            Err(_) => {
                self.complain("it does not answer in time");
                ("timeout", None)
            }
            Ok(Err(error)) => {
                self.complain(&error);
                ("failed", None)
            }
            Ok(Ok(verdict)) => (label(&verdict), Some(verdict)),
        };
        self.outcomes.with_label_values(&[outcome]).inc();
        if let Some(verdict) = verdict {
            self.remember(key, &verdict);
            // Whoever asked may have given up.
            let _ = request.reply.send(verdict);
        }
    }

    /// Says so, but not for each.
    fn complain(&self, error: &str) {
        let is_due = self.complained.get().is_none_or(|at| at.elapsed() >= COMPLAINT_INTERVAL);
        if is_due {
            self.complained.set(Some(Instant::now()));
            tracing::warn!(error, "the application ([auth] ask) does not tell whom cookies belong to");
        }
    }

    async fn ask(&self, request: &AskRequest) -> Result<Verdict, String> {
        let AskRequest { cookie, address, act, channels, .. } = request;
        let question = serde_json::json!({ "act": act, "channels": channels, "address": address });
        let headers = [
            ("cookie", cookie.clone()),
            ("content-type", HeaderValue::from_static("application/json")),
            ("accept", HeaderValue::from_static("application/json")),
        ];
        let answer = self.config.server.post(&headers, question.to_string().into()).await?;
        match answer.status() {
            StatusCode::OK => {
                let claims = client::text(answer).await?;
                let keyring = self.edge.upgrade().map(|edge| edge.keyring()).unwrap_or_default();
                let now = SystemTime::now();
                let mut identity = keyring.vouch(&claims, now).map_err(|error| error.to_string())?;
                // It is said now: what was revoked before is known to whoever says so.
                let seconds = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
                identity.issued.get_or_insert(seconds);
                Ok(Verdict::Known(Arc::new(identity)))
            }
            StatusCode::UNAUTHORIZED | StatusCode::NO_CONTENT => Ok(Verdict::Nobody),
            StatusCode::FORBIDDEN => Ok(Verdict::Refused),
            other => Err(format!("it answers {other}")),
        }
    }

    fn remembered(&self, key: &[u8]) -> Option<Verdict> {
        let cache = self.cache.borrow();
        let (at, verdict) = cache.get(key)?;
        let holds = match verdict {
            Verdict::Known(identity) => !identity.has_expired(SystemTime::now()),
            Verdict::Nobody | Verdict::Refused => true,
        };
        (holds && at.elapsed() < self.config.cache).then(|| verdict.clone())
    }

    fn remember(&self, key: Vec<u8>, verdict: &Verdict) {
        if self.config.cache.is_zero() || key.len() > MAX_KEY_BYTES {
            return;
        }
        let mut cache = self.cache.borrow_mut();
        if cache.len() >= MAX_CACHED {
            cache.retain(|_, (at, _)| at.elapsed() < self.config.cache);
        }
        if cache.len() < MAX_CACHED {
            cache.insert(key, (Instant::now(), verdict.clone()));
        }
    }
}

/// What makes two questions the same. No part of them holds a line break.
fn key(request: &AskRequest) -> Vec<u8> {
    let AskRequest { cookie, act, channels, address, .. } = request;
    let question = format!("\n{act}\n{address}\n{}", serde_json::json!(channels));
    [cookie.as_bytes(), question.as_bytes()].concat()
}

fn label(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Known(_) => "known",
        Verdict::Nobody => "nobody",
        Verdict::Refused => "refused",
    }
}
