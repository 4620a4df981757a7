//! One thing published.

use std::{fmt, ops::Range};

use crate::{
    channel::{ChannelName, NameError},
    event::{EventError, EventType},
    session_name::SessionName,
};

/// What was published: channels, an event type perhaps, and data. Valid by construction.
///
/// All text lies in one allocation, `data event from channel channel ...`, since a busy gateway makes
/// and drops a million of these a second.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publication {
    text: Box<str>,
    data_end: u32,
    event_end: u32,
    from_end: u32,
    /// The end of the first channel; further ones are rare.
    first_end: u32,
    further_ends: Vec<u32>,
    json: bool,
    retraction: bool,
    except: Option<SessionName>,
    ttl: Option<u32>,
    /// How many seconds of its time to live had passed when it came here.
    age: u32,
}

/// A publication as a publisher asks for it, its parts not yet checked.
#[derive(Clone, Copy, Debug, Default)]
pub struct Draft<'a> {
    /// The first channel.
    pub channel: &'a str,
    /// Further channels; those named before are skipped.
    pub further: &'a [&'a str],
    /// The event type, if any.
    pub event: Option<&'a str>,
    /// The data: any UTF-8 text.
    pub data: &'a str,
    /// The data is a JSON value by the channel's rule; the caller has checked that it is.
    pub json: bool,
    /// The latest value of its channels is no longer true, and nothing takes its place.
    pub retraction: bool,
    /// For how many seconds it is the latest value of its channels; for ever if nothing is said.
    pub ttl: Option<u32>,
    /// The client that published it, if one did: the subject of its token, else its session.
    pub from: Option<&'a str>,
    /// The session that is not shown it.
    pub except: Option<SessionName>,
}

/// The most channels of one publication.
pub const MAX_CHANNELS: usize = 100;
/// The longest name of a client, in bytes.
const MAX_FROM_BYTES: usize = 255;

/// Why a draft is no publication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublicationError {
    /// A channel's name is not valid.
    Channel(NameError),
    /// The event type is not valid.
    Event(EventError),
    /// The data is longer than allowed.
    TooLong {
        /// The longest data allowed, in bytes.
        limit: usize,
    },
    /// It names more than [`MAX_CHANNELS`].
    TooManyChannels,
    /// The data is not UTF-8.
    NotUtf8,
    /// The channel's rule asks for JSON, and the data is none.
    NotJson,
    /// The time to live is no number of seconds.
    Ttl,
    /// The name of the client that published it is not valid.
    From,
    /// The envelope that holds channel and data is not as it should be.
    Malformed,
    /// The fields of a stream's entry are not as they should be.
    Fields,
}

impl Publication {
    /// Checks and keeps a draft. `max_data_bytes` bounds the data.
    ///
    /// # Errors
    /// The first part of the draft that is not valid.
    pub fn new(draft: &Draft<'_>, max_data_bytes: usize) -> Result<Self, PublicationError> {
        if draft.data.len() > max_data_bytes {
            return Err(PublicationError::TooLong { limit: max_data_bytes });
        }
        if draft.ttl == Some(0) {
            return Err(PublicationError::Ttl);
        }
        ChannelName::check(draft.channel).map_err(PublicationError::Channel)?;
        if let Some(event) = draft.event {
            EventType::new(event).map_err(PublicationError::Event)?;
        }
        let event = draft.event.unwrap_or("");
        let from = draft.from.unwrap_or("");
        if from.len() > MAX_FROM_BYTES || from.chars().any(char::is_control) {
            return Err(PublicationError::From);
        }
        let further = further_channels(draft)?;
        let further_bytes: usize = further.iter().map(|channel| channel.len()).sum();
        let bytes = draft.data.len() + event.len() + from.len() + draft.channel.len() + further_bytes;

        let mut text = String::with_capacity(bytes);
        let mut push = |part: &str| {
            text.push_str(part);
            u32::try_from(text.len()).map_err(|_| PublicationError::TooLong { limit: u32::MAX as usize })
        };
        let data_end = push(draft.data)?;
        let event_end = push(event)?;
        let from_end = push(from)?;
        let first_end = push(draft.channel)?;
        let mut further_ends = Vec::with_capacity(further.len());
        for channel in further {
            further_ends.push(push(channel)?);
        }
        let text = text.into();
        let Draft { json, retraction, ttl, except, .. } = *draft;
        Ok(Self {
            text,
            data_end,
            event_end,
            from_end,
            first_end,
            further_ends,
            json,
            retraction,
            except,
            ttl,
            age: 0,
        })
    }

    /// The data, as it was published.
    #[must_use]
    pub fn data(&self) -> &str {
        self.part(0..self.data_end)
    }

    /// Whether the data is a JSON value (by the channel's rule) and not only text.
    #[must_use]
    pub fn is_json(&self) -> bool {
        self.json
    }

    /// The event type, if it has one.
    #[must_use]
    pub fn event(&self) -> Option<&str> {
        let event = self.part(self.data_end..self.event_end);
        (!event.is_empty()).then_some(event)
    }

    /// The client that published it, if one did: the subject of its token, else its session.
    #[must_use]
    pub fn from(&self) -> Option<&str> {
        let from = self.part(self.event_end..self.from_end);
        (!from.is_empty()).then_some(from)
    }

    /// The session that is not to be shown it, since it has published it.
    #[must_use]
    pub fn except(&self) -> Option<SessionName> {
        self.except
    }

    /// Whether it says that the latest value of its channels is no longer true.
    #[must_use]
    pub fn is_retraction(&self) -> bool {
        self.retraction
    }

    /// For how many seconds it is the latest value of its channels, if not for ever, as it was
    /// published.
    #[must_use]
    pub fn ttl(&self) -> Option<u32> {
        self.ttl
    }

    /// For how many seconds it still was that when it came here; 0 if no longer.
    #[must_use]
    pub fn ttl_left(&self) -> Option<u32> {
        self.ttl.map(|ttl| ttl.saturating_sub(self.age))
    }

    /// The same, come here so many seconds after it was published.
    #[must_use]
    pub fn aged(self, seconds: u32) -> Self {
        Self { age: seconds, ..self }
    }

    /// The channels that it was published on, at least one, each once.
    pub fn channels(&self) -> impl Iterator<Item = &str> {
        let mut start = self.from_end;
        std::iter::once(self.first_end).chain(self.further_ends.iter().copied()).map(move |end| {
            let channel = self.part(start..end);
            start = end;
            channel
        })
    }

    /// About how much memory it holds, in bytes, its own fields included.
    #[must_use]
    pub fn bytes(&self) -> usize {
        size_of::<Self>() + self.text.len() + self.further_ends.len() * size_of::<u32>()
    }

    fn part(&self, range: Range<u32>) -> &str {
        &self.text[range.start as usize..range.end as usize]
    }
}

/// The valid further channels of a draft, without repetitions.
fn further_channels<'a>(draft: &Draft<'a>) -> Result<Vec<&'a str>, PublicationError> {
    if draft.further.len() >= MAX_CHANNELS {
        return Err(PublicationError::TooManyChannels);
    }
    let mut further = Vec::with_capacity(draft.further.len());
    for &channel in draft.further {
        ChannelName::check(channel).map_err(PublicationError::Channel)?;
        if channel != draft.channel && !further.contains(&channel) {
            further.push(channel);
        }
    }
    Ok(further)
}

impl PublicationError {
    /// The value of the metric label `outcome`, and of the error's `code`.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Channel(_) => "bad_channel",
            Self::Event(_) => "bad_event",
            Self::TooLong { .. } => "too_long",
            Self::TooManyChannels => "too_many_channels",
            Self::NotUtf8 => "not_utf8",
            Self::NotJson => "not_json",
            Self::Ttl => "bad_ttl",
            Self::From => "bad_from",
            Self::Malformed | Self::Fields => "malformed",
        }
    }
}

impl fmt::Display for PublicationError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Channel(error) => write!(out, "the channel's name is not valid: {error}"),
            Self::Event(error) => write!(out, "the event type is not valid: {error}"),
            Self::TooLong { limit } => write!(out, "the data is longer than {limit} bytes"),
            Self::TooManyChannels => write!(out, "it names more than {MAX_CHANNELS} channels"),
            Self::NotUtf8 => out.write_str("the data is not UTF-8 text"),
            Self::NotJson => out.write_str("this channel takes JSON only, and the data is none"),
            Self::Ttl => out.write_str("the ttl must be a whole number of seconds, from 1 to 4294967295"),
            Self::From => write!(out, "`from` has at most {MAX_FROM_BYTES} bytes and no control characters"),
            Self::Fields => out.write_str(
                "an entry has the fields `channel` (or `channels`, a JSON array) and `data`, and `retract` is 1 or 0 where \
                 it is there: * channel alerts data 'disk full'",
            ),
            Self::Malformed => out.write_str(
                r#"it must be a JSON object such as {"channel":"alerts","event":"disk","data":"full"}"#,
            ),
        }
    }
}

impl std::error::Error for PublicationError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft<'a>(channel: &'a str, data: &'a str) -> Draft<'a> {
        Draft { channel, data, ..Draft::default() }
    }

    #[test]
    fn parts_come_back_as_they_were_given() {
        let (further, event, from) = (&["b", "a", "c", "b"][..], Some("disk"), Some("me"));
        let draft = Draft { further, event, from, ..draft("a", "full") };
        let publication = Publication::new(&draft, 100).unwrap();
        assert_eq!(publication.data(), "full");
        assert_eq!((publication.event(), publication.from()), (event, from));
        assert_eq!(publication.channels().collect::<Vec<_>>(), ["a", "b", "c"]);
    }

    #[test]
    fn data_may_be_empty_and_the_limit_is_exact() {
        assert_eq!(Publication::new(&draft("a", ""), 0).unwrap().data(), "");
        assert!(Publication::new(&draft("a", "1234"), 4).is_ok());
        let error = Publication::new(&draft("a", "12345"), 4).unwrap_err();
        assert_eq!(error, PublicationError::TooLong { limit: 4 });
    }

    #[test]
    fn every_channel_and_the_event_are_checked() {
        let bad = Draft { further: &["x*"], ..draft("a", "") };
        assert_eq!(Publication::new(&bad, 9).unwrap_err(), PublicationError::Channel(NameError::Star));
        let bad = Draft { event: Some("error"), ..draft("a", "") };
        assert_eq!(Publication::new(&bad, 9).unwrap_err(), PublicationError::Event(EventError::Reserved));
    }
}
