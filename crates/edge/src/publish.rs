//! Publishing and retracting, over HTTP or in a conversation: a one-way lane to the broker; what is
//! published comes back like any other publication.

use std::time::Duration;

use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::{Method, Request, StatusCode, body::Incoming};
use publication::{Draft, Once, Publication, PublicationError, Published};
use serde_json::value::RawValue;
use tokio::{sync::oneshot, time::timeout};

use crate::{
    asker::Asker,
    auth, batch, idempotency,
    publish_request::{Outcome, PublishRequest},
    respond::{self, Answer, Refusal},
    shard::Shard,
};

/// The longest time for the whole body, and for the broker's answer.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);
const BROKER_TIMEOUT: Duration = Duration::from_secs(5);

/// Answers a POST, which publishes, or a DELETE, which retracts the latest value of a channel.
///
/// # Errors
/// Why nothing was published.
pub(crate) async fn handle(
    shard: &Shard,
    request: Request<Incoming>,
    asker: &Asker,
) -> Result<Answer, Refusal> {
    let config = shard.config();
    let headers = request.headers();
    if !config.cors.admits(headers) {
        // A POST of text needs no preflight: any page could publish to an open localhost.
        return Err(Refusal::foreign_origin("publish"));
    }
    if request.method() == Method::POST && batch::is_one(headers) {
        return batch::handle(shard, request, asker).await;
    }
    let Target { channel, event, ttl } = Target::parse(request.uri().query().unwrap_or(""))?;
    let retraction = request.method() == Method::DELETE;
    config.access.allow_publish(&channel, asker)?;
    let key = idempotency::key(headers)?.map(str::to_owned);
    let data = read_body(request, config.max_data_bytes).await?;
    auth::check_again(shard, asker)?;
    let event = event.as_deref();
    let from = asker.subject();
    let draft = Draft { channel: &channel, event, data: &data, retraction, ttl, from, ..Draft::default() };
    let once = key.map(|key| idempotency::once(key, &draft));
    let done = publish(shard, draft, once).await?;
    let status = match done.published {
        Published::At(_) => StatusCode::OK,
        Published::Subscribers(_) => StatusCode::ACCEPTED,
    };
    let mut answer = respond::json(status, done.json());
    if done.before {
        idempotency::mark_replayed(&mut answer);
    }
    Ok(answer)
}

/// What became of a publication that the broker has taken.
pub(crate) struct Done {
    pub(crate) published: Published,
    /// It was asked for before, and not published again.
    pub(crate) before: bool,
}

impl Done {
    /// As it is told over HTTP.
    pub(crate) fn json(&self) -> String {
        match self.published {
            Published::At(cursor) => format!(r#"{{"id":"{cursor}"}}"#),
            Published::Subscribers(count) => format!(r#"{{"subscribers":{count}}}"#),
        }
    }
}

/// Publishes what a client may publish, if need be `once`, and waits for the broker. Whether the data must
/// be JSON is for the channel's rule to say.
///
/// # Errors
/// It is no publication, or the broker did not confirm it.
pub(crate) async fn publish(shard: &Shard, draft: Draft<'_>, once: Option<Once>) -> Result<Done, Refusal> {
    let config = shard.config();
    let says_nothing = draft.retraction && draft.data.is_empty();
    let json = config.access.takes_json(draft.channel) && !says_nothing;
    if json && serde_json::from_str::<&RawValue>(draft.data).is_err() {
        return Err(refused(PublicationError::NotJson));
    }
    let publication = Publication::new(&Draft { json, ..draft }, config.max_data_bytes).map_err(refused)?;
    let unavailable = |message| Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "broker", message);
    match forward(shard, publication, once).await {
        Some(Outcome::Published { published, before }) => Ok(Done { published, before }),
        Some(Outcome::Underway) => {
            let message = "what became of the first request with this `Idempotency-Key` is not known yet; \
                           try again in half a minute";
            Err(Refusal::new(StatusCode::CONFLICT, "underway", message))
        }
        Some(Outcome::Reused) => {
            let message = "this `Idempotency-Key` was used for something else on this channel";
            Err(Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "idempotency_key_reused", message))
        }
        Some(Outcome::Refused(error)) => {
            Err(unavailable(format!("the broker refuses it, and it was not published: {error}")))
        }
        Some(Outcome::Failed(error)) => Err(unavailable(format!(
            "the broker did not confirm it, and may or may not have taken it: {error}"
        ))),
        None => {
            Err(unavailable("the broker did not answer in time; it may or may not have taken it".to_owned()))
        }
    }
}

/// What the query says.
struct Target {
    channel: String,
    event: Option<String>,
    /// In seconds.
    ttl: Option<u32>,
}

impl Target {
    fn parse(query: &str) -> Result<Self, Refusal> {
        let (mut channel, mut event, mut ttl) = (None, None, None);
        for (key, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*key {
                "channel" if channel.is_none() => channel = Some(value.into_owned()),
                "channel" => return Err(bad("one request publishes on one channel")),
                "event" => event = Some(value.into_owned()),
                "ttl" => {
                    let seconds = value.parse().ok().filter(|seconds| *seconds > 0);
                    ttl = Some(seconds.ok_or_else(|| refused(PublicationError::Ttl))?);
                }
                _ => crate::request::refuse_unknown(&key).map_err(|error| error.refusal())?,
            }
        }
        let channel = channel.ok_or_else(|| bad("no channel is named; add ?channel=NAME to the URL"))?;
        Ok(Self { channel, event: event.filter(|event| !event.is_empty()), ttl })
    }
}

/// The whole body as text.
///
/// # Errors
/// It is too long, too slow, or no text.
pub(crate) async fn read_body(request: Request<Incoming>, limit: usize) -> Result<String, Refusal> {
    let body = Limited::new(request.into_body(), limit).collect();
    let Ok(collected) = timeout(BODY_TIMEOUT, body).await else {
        return Err(Refusal::new(
            StatusCode::REQUEST_TIMEOUT,
            "body_timeout",
            "the body did not come in time",
        ));
    };
    let bytes = collected.map_err(|error| {
        if error.is::<LengthLimitError>() {
            refused(PublicationError::TooLong { limit })
        } else {
            bad("the body broke off")
        }
    })?;
    String::from_utf8(bytes.to_bytes().into()).map_err(|_| refused(PublicationError::NotUtf8))
}

async fn forward(shard: &Shard, publication: Publication, once: Option<Once>) -> Option<Outcome> {
    let (reply, outcome) = oneshot::channel();
    let request = PublishRequest { publication, once, reply };
    let forwarded = async {
        shard.publish.send(request).await.ok()?;
        outcome.await.ok()
    };
    timeout(BROKER_TIMEOUT, forwarded).await.ok()?
}

fn refused(error: PublicationError) -> Refusal {
    let status = match error {
        PublicationError::TooLong { .. } => StatusCode::PAYLOAD_TOO_LARGE,
        _ => StatusCode::BAD_REQUEST,
    };
    Refusal::new(status, error.label(), error.to_string())
}

fn bad(message: &str) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, "bad_request", message)
}
