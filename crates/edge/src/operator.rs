//! What an operator may ask for, on connections that came by the admin port: the console, and all of the public port
//! whatever its rules say.

use std::cell::Cell;

use hub::Start;
use hyper::{HeaderMap, Method, Request, StatusCode, Version};
use publication::ChannelName;
use tokio::sync::{mpsc::error::TrySendError, oneshot};

use crate::{
    asker::{Asker, Foreign},
    auth,
    client::Client,
    cors::Cors,
    page::{self, Page},
    request::Wanted,
    respond::{self, Answer, Refusal},
    shard::Shard,
    subscriber::Subscriber,
    survey::{Interest, SessionId},
    taken::{Reply, Taken},
};

/// The console.
const PAGES: &[Page] = &[
    Page { path: "/console", body: include_str!("console/index.html") },
    Page { path: "/console/palette.css", body: page::PALETTE },
    Page { path: "/console/style.css", body: include_str!("console/style.css") },
    Page { path: "/console/script.js", body: include_str!("console/script.js") },
    Page { path: "/console/rates.js", body: include_str!("console/rates.js") },
    Page { path: "/console/chart.js", body: include_str!("console/chart.js") },
    Page { path: "/console/tables.js", body: include_str!("console/tables.js") },
    Page { path: "/console/actions.js", body: include_str!("console/actions.js") },
    Page { path: "/console/sign-in.js", body: include_str!("console/sign-in.js") },
];

/// For whoever may not see it yet.
const SIGN_IN: &str = include_str!("console/sign-in.html");

/// What an operator wants of all shards.
#[derive(Debug)]
pub enum OperatorRequest {
    /// To be told for some seconds what becomes of this.
    Follow(Interest),
    /// To be shown soon how all is.
    Look,
    /// The end of a session, and whether it was there.
    End {
        /// Which.
        session: SessionId,
        /// Who waits for the answer.
        reply: oneshot::Sender<bool>,
    },
}

/// Sees to it that no page but the console asks: else any that is open on this machine could look in and publish.
///
/// # Errors
/// Another one does.
pub(crate) fn check_origin(headers: &HeaderMap) -> Result<(), Refusal> {
    let message = "only the console's own pages may ask here";
    let refusal = || Refusal::new(StatusCode::FORBIDDEN, "foreign_origin", message);
    Cors::is_own(headers).then_some(()).ok_or_else(refusal)
}

/// Whether it is asked on this very machine: that needs no token.
pub(crate) fn is_here(client: Client, foreign: Option<Foreign>) -> bool {
    client.address.is_loopback() && foreign.is_none()
}

/// Lets one in who shows a token that says so.
///
/// # Errors
/// It shows none, or another one.
pub(crate) fn admit(asker: Asker) -> Result<Asker, Refusal> {
    let (status, code) = match &asker.identity {
        Some(identity) if identity.grants.console => return Ok(Asker { operates: true, ..asker }),
        Some(_) => (StatusCode::FORBIDDEN, "forbidden"),
        None => (StatusCode::UNAUTHORIZED, "unauthorized"),
    };
    let because = asker.foreign.map_or(String::new(), |why| format!(" ({})", why.words()));
    let message = format!(
        "the console is open to requests from the gateway's own machine, which this does not count as{because}, and to tokens \
         with {{\"fanfare\":{{\"console\":true}}}}; make one for development with `fanfare token --console`"
    );
    Err(Refusal::new(status, code, message))
}

/// Answers what is asked for below `/console`.
///
/// # Errors
/// There is no such thing, or who asks may not.
pub(crate) async fn answer<B>(
    shard: &Shard,
    request: &Request<B>,
    taken: &Cell<Option<Taken>>,
    client: Client,
) -> Result<Answer, Refusal> {
    let (path, method) = (request.uri().path(), request.method());
    if path.starts_with("/console/") && path.contains('.') {
        return page::serve(PAGES, path, method);
    }
    let asker = match auth::identify(shard, client, request).await {
        Err(refusal) if path == "/console" && !refusal.is_temporary() => {
            return Ok(page::html(refusal.status, SIGN_IN));
        }
        identified => identified?,
    };
    match (path, method) {
        ("/console/events", &Method::GET) => {
            let chunked = request.version() >= Version::HTTP_11;
            let (wanted, reply) = (Wanted::overview(), Reply::Events { chunked, cors: None });
            // Where that is forgotten, it is shown with the next tick.
            let _ = shard.operate.try_send(OperatorRequest::Look);
            let subscriber = Subscriber { client, asker, wanted, start: Start::Live };
            taken.set(Some(Taken { subscriber, reply }));
            std::future::pending().await
        }
        ("/console/follow", &Method::POST) => follow(shard, interest(request)?),
        ("/console/end", &Method::POST) => end(shard, interest(request)?).await,
        ("/console/follow" | "/console/end", _) => Err(Refusal::method("this is done with POST", "POST")),
        ("/" | "/console/", _) => Ok(respond::redirect("/console")),
        _ => page::serve(PAGES, path, method),
    }
}

/// Whom or what a request is about.
fn interest<B>(request: &Request<B>) -> Result<Interest, Refusal> {
    let query = request.uri().query().unwrap_or_default();
    // A token may stand there too.
    let is_meant = |name: &str| matches!(name, "channel" | "session" | "text");
    let mut parameters = form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| is_meant(name));
    let wrong = |message: &str| Refusal::new(StatusCode::BAD_REQUEST, "bad_request", message);
    let (name, value) =
        parameters.next().ok_or_else(|| wrong("say `channel=`, `session=` or `text=` in the query"))?;
    match &*name {
        "channel" => match ChannelName::check(&value) {
            Ok(()) => Ok(Interest::Channel(value.into())),
            Err(error) => Err(wrong(&format!("one channel is followed, and this is none: {error}"))),
        },
        "session" => value.parse().map(Interest::Session).map_err(|_| wrong("no session has such a name")),
        _ => Ok(Interest::Text(value.into())),
    }
}

fn follow(shard: &Shard, interest: Interest) -> Result<Answer, Refusal> {
    match shard.operate.try_send(OperatorRequest::Follow(interest)) {
        Ok(()) => Ok(respond::empty(StatusCode::ACCEPTED)),
        Err(TrySendError::Full(_) | TrySendError::Closed(_)) => Err(busy()),
    }
}

async fn end(shard: &Shard, interest: Interest) -> Result<Answer, Refusal> {
    let Interest::Session(session) = interest else {
        return Err(Refusal::new(StatusCode::BAD_REQUEST, "bad_request", "say which session in `session=`"));
    };
    let (reply, ended) = oneshot::channel();
    shard.operate.try_send(OperatorRequest::End { session, reply }).map_err(|_| busy())?;
    match ended.await {
        Ok(true) => Ok(respond::empty(StatusCode::NO_CONTENT)),
        Ok(false) => {
            Err(Refusal::new(StatusCode::NOT_FOUND, "not_found", "this session is not there any more"))
        }
        Err(_) => Err(busy()),
    }
}

fn busy() -> Refusal {
    Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "busy", "too many operators ask at once; try again")
}
