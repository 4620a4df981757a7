//! From what stands in Redis to a publication.

use std::{borrow::Cow, fmt, sync::Arc};

use publication::{Draft, MAX_CHANNELS, Publication, PublicationError, SessionName, compact_json};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::resp::Fields;

/// What a publication must be like to be taken.
#[derive(Clone)]
pub struct Rules {
    /// The longest data, in bytes.
    pub max_data_bytes: usize,
    /// Whether a channel takes JSON only.
    pub takes_json: Arc<dyn Fn(&str) -> bool + Send + Sync>,
}

/// The members of `@json` and of a publication on several channels.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, default)]
    channel: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    channels: Vec<Cow<'a, str>>,
    #[serde(borrow, default)]
    event: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "also_null")]
    data: Option<&'a RawValue>,
    #[serde(default)]
    retract: bool,
    #[serde(borrow, default)]
    ttl: Option<&'a RawValue>,
    #[serde(borrow, default)]
    from: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    except: Option<Cow<'a, str>>,
}

/// JSON's null is a value like any other.
fn also_null<'de: 'a, 'a, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'a RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

impl Rules {
    /// A publication on one channel whose data is the whole payload.
    ///
    /// # Errors
    /// What is not valid about it.
    pub fn plain(&self, channel: &[u8], data: &[u8]) -> Result<Publication, PublicationError> {
        let channel = str::from_utf8(channel)
            .map_err(|_| PublicationError::Channel(publication::NameError::NotUtf8))?;
        let data = str::from_utf8(data).map_err(|_| PublicationError::NotUtf8)?;
        self.check(Draft { channel, data, ..Draft::default() })
    }

    /// A publication written as a JSON object: `channel` or `channels`, `event`, `data`, `retract`,
    /// `ttl`, `from`, `except`.
    ///
    /// # Errors
    /// What is not valid about it.
    pub fn envelope(&self, payload: &[u8]) -> Result<Publication, PublicationError> {
        let text = str::from_utf8(payload).map_err(|_| PublicationError::NotUtf8)?;
        if !text.trim_start().starts_with('{') {
            // An array of the members' values would otherwise do as well.
            return Err(PublicationError::Malformed);
        }
        let envelope: Envelope<'_> = serde_json::from_str(text).map_err(|_| PublicationError::Malformed)?;
        let mut channels = envelope.channel.iter().chain(&envelope.channels).map(|channel| &**channel);
        let channel = channels.next().ok_or(PublicationError::Malformed)?;
        let further: Vec<_> = channels.collect();
        let data = match envelope.data {
            Some(data) => data_text(data)?,
            None if envelope.retract => Cow::Borrowed(""),
            None => return Err(PublicationError::Malformed),
        };
        let event = envelope.event.as_deref();
        let ttl = envelope.ttl.map(|ttl| seconds(ttl.get())).transpose()?;
        let retraction = envelope.retract;
        let (from, except) = (envelope.from.as_deref(), session(envelope.except.as_deref()));
        let (further, data) = (&further[..], &*data);
        self.check(Draft { channel, further, event, data, json: false, retraction, ttl, from, except })
    }

    /// A publication written as the fields of a stream's entry: `channel` or `channels`, `event`,
    /// `data`, `retract`, `ttl`, `from`, `except`.
    ///
    /// # Errors
    /// What is not valid about it.
    pub fn entry(&self, fields: &Fields<&[u8]>) -> Result<Publication, PublicationError> {
        let text =
            |bytes: Option<_>| bytes.map(str::from_utf8).transpose().map_err(|_| PublicationError::NotUtf8);
        let several: Vec<Cow<'_, str>> = match text(fields.channels)? {
            Some(channels) => serde_json::from_str(channels).map_err(|_| PublicationError::Fields)?,
            None => Vec::new(),
        };
        let one = text(fields.channel)?;
        let mut channels = one.into_iter().chain(several.iter().map(|channel| &**channel));
        let channel = channels.next().ok_or(PublicationError::Fields)?;
        let further: Vec<_> = channels.collect();
        let retraction = text(fields.retract)?.map(flag).transpose()? == Some(true);
        let except = session(text(fields.except)?);
        let data = text(fields.data)?.or(retraction.then_some("")).ok_or(PublicationError::Fields)?;
        let (event, ttl) = (text(fields.event)?, text(fields.ttl)?.map(seconds).transpose()?);
        let (further, from) = (&further[..], text(fields.from)?);
        self.check(Draft { channel, further, event, data, json: false, retraction, ttl, from, except })
    }

    /// Checks a draft, and that its data is JSON where one of its channels takes nothing else.
    ///
    /// # Errors
    /// What is not valid about it.
    pub fn check(&self, draft: Draft<'_>) -> Result<Publication, PublicationError> {
        if draft.data.len() > self.max_data_bytes {
            return Err(PublicationError::TooLong { limit: self.max_data_bytes });
        }
        if draft.further.len() >= MAX_CHANNELS {
            return Err(PublicationError::TooManyChannels);
        }
        let channels = || std::iter::once(&draft.channel).chain(draft.further);
        // A retraction need not say anything.
        let says_nothing = draft.retraction && draft.data.is_empty();
        let must_be_json = !says_nothing && channels().any(|channel| (self.takes_json)(channel));
        // Where one of its channels takes any text, it is shown as text.
        let json = must_be_json && channels().all(|channel| (self.takes_json)(channel));
        if must_be_json && serde_json::from_str::<&RawValue>(draft.data).is_err() {
            return Err(PublicationError::NotJson);
        }
        Publication::new(&Draft { json, ..draft }, self.max_data_bytes)
    }
}

impl fmt::Debug for Rules {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Rules").field("max_data_bytes", &self.max_data_bytes).finish_non_exhaustive()
    }
}

/// The name of a session; of what is none no session is left out.
fn session(text: Option<&str>) -> Option<SessionName> {
    text?.parse().ok()
}

/// Yes or no, as a field of an entry.
fn flag(text: &str) -> Result<bool, PublicationError> {
    match text {
        "" | "0" | "false" => Ok(false),
        "1" | "true" => Ok(true),
        _ => Err(PublicationError::Fields),
    }
}

/// A time to live: a whole number of seconds, at least one.
fn seconds(text: &str) -> Result<u32, PublicationError> {
    text.parse().ok().filter(|seconds| *seconds > 0).ok_or(PublicationError::Ttl)
}

/// A string's content; of any other value its compact text.
fn data_text(data: &RawValue) -> Result<Cow<'_, str>, PublicationError> {
    let text = data.get();
    if text.starts_with('"') {
        return serde_json::from_str(text).map(Cow::Owned).map_err(|_| PublicationError::Malformed);
    }
    Ok(compact_json(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rules() -> Rules {
        Rules { max_data_bytes: 64, takes_json: Arc::new(|channel| channel.starts_with("json/")) }
    }

    fn envelope(text: &str) -> Result<(Vec<String>, Option<String>, String), &'static str> {
        let publication = rules().envelope(text.as_bytes()).map_err(PublicationError::label)?;
        let channels = publication.channels().map(str::to_owned).collect();
        Ok((channels, publication.event().map(str::to_owned), publication.data().to_owned()))
    }

    #[test]
    fn an_envelope_names_one_or_several_channels() {
        let check = |text, channels: &[&str], event: Option<&str>, data: &str| {
            let channels = channels.iter().map(|&channel| channel.to_owned()).collect();
            assert_eq!(envelope(text), Ok((channels, event.map(str::to_owned), data.to_owned())), "{text}");
        };
        check(r#"{"channel":"a","event":"disk","data":"full"}"#, &["a"], Some("disk"), "full");
        check(r#"{"channels":["a","b"],"data":"x"}"#, &["a", "b"], None, "x");
        check(r#"{"channel":"a","channels":["b","a"],"data":"x","ttl":5}"#, &["a", "b"], None, "x");
        check(
            r#"{"channel":"a","data":{"n" : 1.50, "s": "a b\" c"} }"#,
            &["a"],
            None,
            r#"{"n":1.50,"s":"a b\" c"}"#,
        );
        check(r#"{"channel":"a","data":null}"#, &["a"], None, "null");
        check(r#"{"channel":"a","event":null,"data":"\u00e4\n"}"#, &["a"], None, "ä\n");
        check(r#"{"channel":"json/a","data":[1, 2]}"#, &["json/a"], None, "[1,2]");
        check(r#"{"channel":"json/a","retract":true}"#, &["json/a"], None, "");
    }

    #[test]
    fn what_is_no_publication_is_refused_with_its_reason() {
        let check = |text, label| assert_eq!(envelope(text), Err(label), "{text}");
        check(r#"{"channel":"a"}"#, "malformed");
        check(r#"{"data":"a"}"#, "malformed");
        check(r#"["a",[],null,"x"]"#, "malformed");
        check("{", "malformed");
        check(r#"{"channel":"a","data":"","ttl":0}"#, "bad_ttl");
        check(r#"{"channel":"a","data":"","ttl":"5"}"#, "bad_ttl");
        check(r#"{"channel":"a","data":"","ttl":1.5}"#, "bad_ttl");
        check(r#"{"channel":"a","data":"","retract":1}"#, "malformed");
        check(r#"{"channel":"a*","data":""}"#, "bad_channel");
        check(r#"{"channel":"a","event":"open","data":""}"#, "bad_event");
        check(r#"{"channels":["a","json/b"],"data":"plain"}"#, "not_json");
        let long = format!(r#"{{"channel":"a","data":"{}"}}"#, "x".repeat(65));
        check(&long, "too_long");
        assert_eq!(rules().plain(b"a", b"\xff").unwrap_err().label(), "not_utf8");
        assert_eq!(rules().plain(b"\xff", b"").unwrap_err().label(), "bad_channel");
    }

    proptest! {
        #[test]
        fn any_bytes_are_decoded_or_refused(channel: Vec<u8>, payload: Vec<u8>) {
            let _ = rules().plain(&channel, &payload);
            let _ = rules().envelope(&payload);
        }

        #[test]
        fn compact_json_means_the_same(text in r#"[\[{ "\\a:1,\]}\n]{0,30}"#) {
            if let Ok(value) = serde_json::from_str::<serde_json::Value>(&text) {
                let compact = compact_json(&text);
                prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&compact).unwrap(), value);
            }
        }
    }
}
