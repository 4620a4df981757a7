//! Who is in a channel, told to those who ask: `GET /presence?channel=`, and in conversations.

use std::{sync::Arc, time::Duration};

use hyper::{
    Method, Request, StatusCode,
    header::{CACHE_CONTROL, HeaderValue},
};
use identity::Identity;
use publication::{ChannelName, Member, Pattern, Presence};
use tokio::{sync::oneshot, time::timeout};

use crate::{
    asker::Asker,
    json,
    request::{RequestError, refuse_unknown},
    respond::{self, Answer, Refusal},
    shard::Shard,
};

/// The longest wait for an answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Somebody asks who is in a channel. Without an answer the reply is dropped.
pub struct PresenceRequest {
    /// In which.
    pub channel: ChannelName,
    /// Where the answer goes.
    pub reply: oneshot::Sender<Presence>,
}

/// Answers a request.
///
/// # Errors
/// It asks for nothing that it may know, or nobody knows now.
pub(crate) async fn answer<B>(shard: &Shard, request: &Request<B>, asker: &Asker) -> Result<Answer, Refusal> {
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return Err(Refusal::method("presence is asked for with GET", "GET, HEAD"));
    }
    let channel = parse(request.uri().query().unwrap_or("")).map_err(|error| error.refusal())?;
    let mut body = Vec::new();
    write(&mut body, &channel, &find(shard, &channel, asker).await?);
    let mut answer = respond::json(StatusCode::OK, body);
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    Ok(answer)
}

/// Asks who is in a channel.
///
/// # Errors
/// It may not be known, or nobody knows now.
pub(crate) async fn find(shard: &Shard, channel: &ChannelName, asker: &Asker) -> Result<Presence, Refusal> {
    shard.config().access.allow_presence(&[Pattern::Channel(channel.clone())], asker)?;
    let (reply, presence) = oneshot::channel();
    let asked = async {
        shard.presence.send(PresenceRequest { channel: channel.clone(), reply }).await.ok()?;
        presence.await.ok()
    };
    timeout(PATIENCE, asked).await.ok().flatten().ok_or_else(|| {
        let message = "the broker does not tell now who is present through other gateways; try again";
        Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "presence", message)
    })
}

fn parse(query: &str) -> Result<ChannelName, RequestError> {
    let mut channel = None;
    for (key, value) in form_urlencoded::parse(query.as_bytes()) {
        match &*key {
            "channel" if channel.is_some() => return Err(RequestError::TooManyChannels(1)),
            "channel" => channel = Some(parse_channel(&value)?),
            _ => refuse_unknown(&key)?,
        }
    }
    channel.ok_or(RequestError::NoChannel)
}

/// A channel in which one can be present: no pattern.
pub(crate) fn parse_channel(text: &str) -> Result<ChannelName, RequestError> {
    ChannelName::new(text).map_err(|error| RequestError::Channel(text.to_owned(), error))
}

/// Adds `{"channel":...,"count":...,"members":[{"session":...,"member":...,"user":...,"info":...}]}`; `members` is null where
/// they are too many.
pub(crate) fn write(out: &mut Vec<u8>, channel: &str, presence: &Presence) {
    out.extend_from_slice(b"{\"channel\":");
    json::write_string(out, channel);
    out.extend_from_slice(format!(",\"count\":{},\"members\":", presence.count).as_bytes());
    match &presence.members {
        None => out.extend_from_slice(b"null"),
        Some(members) => {
            out.push(b'[');
            for (index, member) in members.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                out.push(b'{');
                write_member(out, member);
                out.push(b'}');
            }
            out.push(b']');
        }
    }
    out.push(b'}');
}

/// Adds `"session":...,` and what there is to say about it.
pub(crate) fn write_member(out: &mut Vec<u8>, Member { session, about }: &Member) {
    out.extend_from_slice(format!("\"session\":\"{session}\",{about}").as_bytes());
}

/// What others are told of a member: what it says of itself, and what its token proves, `"member":...` and,
/// with a token, `"user":...,"info":...`.
pub(crate) fn about(member: &str, identity: Option<&Identity>) -> Arc<str> {
    let mut out = format!("\"member\":{member}").into_bytes();
    if let Some(subject) = identity.and_then(|identity| identity.subject.as_deref()) {
        out.extend_from_slice(b",\"user\":");
        json::write_string(&mut out, subject);
    }
    if let Some(info) = identity.and_then(|identity| identity.info.as_deref()) {
        out.extend_from_slice(format!(",\"info\":{info}").as_bytes());
    }
    // Texts that were put together are text.
    String::from_utf8_lossy(&out).into()
}
