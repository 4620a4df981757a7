//! What a client asks for over a WebSocket.

use std::{borrow::Cow, collections::HashSet};

use hyper::StatusCode;
use publication::{ChannelName, Draft, Pattern, compact_json};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::{
    presence,
    request::{Since, parse_pattern, parse_since},
    respond::Refusal,
};

/// The longest `ref`, as it is written.
const MAX_REFERENCE_BYTES: usize = 256;

/// A request and the name by which its answer is known.
#[derive(Debug)]
pub(crate) struct Ask {
    /// A JSON string or number, as it was written.
    pub(crate) reference: Option<Box<str>>,
    pub(crate) command: Command,
}

#[derive(Debug)]
pub(crate) enum Command {
    Subscribe {
        patterns: Vec<Pattern>,
        since: Since,
    },
    Unsubscribe {
        patterns: Vec<Pattern>,
    },
    Publish(Post),
    Presence {
        channel: ChannelName,
    },
    /// From now on this says who it is.
    Token(Box<str>),
}

/// What is to be published.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Post {
    pub(crate) channel: String,
    pub(crate) event: Option<String>,
    #[serde(default, deserialize_with = "also_null")]
    data: Option<Box<RawValue>>,
    #[serde(default)]
    pub(crate) retract: bool,
    pub(crate) ttl: Option<u32>,
    /// Its session is shown it too. Said beside it.
    #[serde(skip)]
    pub(crate) echo: bool,
}

/// JSON's null is a value like any other.
fn also_null<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Box<RawValue>>, D::Error> {
    Box::<RawValue>::deserialize(deserializer).map(Some)
}

/// A message as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Message {
    subscribe: Option<Vec<String>>,
    unsubscribe: Option<Vec<String>>,
    publish: Option<Box<RawValue>>,
    presence: Option<String>,
    token: Option<Box<str>>,
    since: Option<String>,
    echo: Option<bool>,
    #[serde(rename = "ref")]
    _reference: Option<Box<RawValue>>,
}

/// The part that an answer needs even if the rest cannot be understood.
#[derive(Deserialize)]
struct Referring<'a> {
    #[serde(borrow, rename = "ref")]
    reference: Option<&'a RawValue>,
}

/// Why a message is no request, and the name by which it wants its answer, if that could be read.
#[derive(Debug)]
pub(crate) struct Misunderstood {
    pub(crate) reference: Option<Box<str>>,
    pub(crate) refusal: Refusal,
}

impl Ask {
    /// Reads a message.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Self, Misunderstood> {
        let referring: Option<Referring<'_>> = parse_object(text).ok();
        let reference = referring.and_then(|referring| referring.reference).map(RawValue::get);
        if reference.is_some_and(|text| text.len() > MAX_REFERENCE_BYTES) {
            let refusal = bad_message("`ref` is too long");
            return Err(Misunderstood { reference: None, refusal });
        }
        let is_name = |text: &&str| text.starts_with(|first: char| matches!(first, '"' | '-' | '0'..='9'));
        if let Some(other) = reference.filter(|text| !is_name(text))
            && other != "null"
        {
            let refusal = bad_message("`ref` must be a string or a number");
            return Err(Misunderstood { reference: None, refusal });
        }
        let reference = reference.filter(is_name).map(Box::from);
        match Command::parse(text) {
            Ok(command) => Ok(Self { reference, command }),
            Err(refusal) => Err(Misunderstood { reference, refusal }),
        }
    }
}

impl Command {
    fn parse(text: &str) -> Result<Self, Refusal> {
        let message: Message = parse_object(text)?;
        let Message { subscribe, unsubscribe, publish, presence, token, since, echo, .. } = message;
        if since.is_some() && subscribe.is_none() {
            return Err(bad_message("`since` belongs to `subscribe`"));
        }
        if echo.is_some() && publish.is_none() {
            return Err(bad_message("`echo` belongs to `publish`"));
        }
        match (subscribe, unsubscribe, publish, presence, token) {
            (Some(names), None, None, None, None) => Ok(Self::Subscribe {
                patterns: parse_patterns(&names)?,
                since: parse_since(since.as_deref()).map_err(|error| error.refusal())?,
            }),
            (None, Some(names), None, None, None) => {
                Ok(Self::Unsubscribe { patterns: parse_patterns(&names)? })
            }
            (None, None, Some(post), None, None) => {
                Ok(Self::Publish(Post { echo: echo.unwrap_or(true), ..Post::parse(post.get())? }))
            }
            (None, None, None, Some(name), None) => Ok(Self::Presence {
                channel: presence::parse_channel(&name).map_err(|error| error.refusal())?,
            }),
            (None, None, None, None, Some(token)) => Ok(Self::Token(token)),
            _ => Err(bad_message(
                "a message has one of `subscribe`, `unsubscribe`, `publish`, `presence` and `token`",
            )),
        }
    }
}

impl Post {
    /// Reads it; its session is shown it too.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Self, Refusal> {
        Ok(Self { echo: true, ..parse_object(text)? })
    }

    /// The data as it is published: of a string its content, of any other value its compact text.
    /// Where the channel's rule says `json`, a string is a value like any other.
    ///
    /// # Errors
    /// It is a string that is no text: half of a character that JavaScript cut in two.
    pub(crate) fn data(&self, json: bool) -> Result<Cow<'_, str>, Refusal> {
        let Some(data) = &self.data else { return Ok(Cow::Borrowed("")) };
        if json || !data.get().starts_with('"') {
            return Ok(compact_json(data.get()));
        }
        serde_json::from_str(data.get())
            .map(Cow::Owned)
            .map_err(|error| bad_message(&format!("`data`: {error}")))
    }

    /// What is to be published with this as its data.
    ///
    /// # Errors
    /// Nothing is said, and nothing is taken back.
    pub(crate) fn draft<'a>(&'a self, data: &'a str) -> Result<Draft<'a>, Refusal> {
        if self.data.is_none() && !self.retract {
            return Err(bad_message("`data` is missing"));
        }
        Ok(Draft {
            channel: &self.channel,
            event: self.event.as_deref(),
            data,
            retraction: self.retract,
            ttl: self.ttl,
            ..Draft::default()
        })
    }
}

fn parse_patterns(names: &[String]) -> Result<Vec<Pattern>, Refusal> {
    if names.is_empty() {
        return Err(bad_message("no channel is named"));
    }
    let (mut patterns, mut seen) = (Vec::new(), HashSet::new());
    for name in names {
        if seen.insert(name) {
            patterns.push(parse_pattern(name).map_err(|error| error.refusal())?);
        }
    }
    Ok(patterns)
}

/// Reads a JSON object. An array of its members' values would otherwise do as well.
fn parse_object<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, Refusal> {
    if !text.trim_start().starts_with('{') {
        return Err(bad_message("this must be a JSON object"));
    }
    serde_json::from_str(text).map_err(|error| bad_message(&error.to_string()))
}

fn bad_message(words: &str) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, "bad_message", words)
}
