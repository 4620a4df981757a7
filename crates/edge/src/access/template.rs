//! Channels that belong to somebody: `user/{sub}`, `tenant/{claim.tenant}/*`.

use std::{fmt, str::FromStr};

use identity::Identity;
use publication::Pattern;

/// A pattern with claims in it. Each stands for one segment, or for the end of one: what it opens must
/// not depend on where a claim ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    text: Box<str>,
    parts: Box<[Part]>,
    /// It ends with `*`.
    is_prefix: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Literal(Box<str>),
    /// A claim, by its name.
    Claim(Box<str>),
}

/// The claim that names the subject.
const SUBJECT: &str = "sub";
const CLAIM: &str = "claim.";
/// What a claim is taken to be where only the form of a name is to be checked.
const SAMPLE: &str = "\u{fffd}";

/// Why a text is no template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TemplateError {
    /// A brace without its other half.
    Brace,
    /// Between braces stands neither `sub` nor `claim.NAME`.
    Claim,
    /// Behind a brace comes more of the same segment.
    Open,
    /// With the claims filled in it would be no channel and no pattern.
    Name,
}

impl Template {
    /// Whether a text has claims in it.
    #[must_use]
    pub fn is_one(text: &str) -> bool {
        text.contains(['{', '}'])
    }

    /// Whether it means this channel, whoever asks.
    pub(super) fn matches(&self, channel: &str) -> bool {
        let mut rest = channel;
        for part in &self.parts {
            let after = match part {
                Part::Literal(text) => rest.strip_prefix(&**text),
                Part::Claim(_) => after_segment(rest),
            };
            let Some(after) = after else { return false };
            rest = after;
        }
        self.is_prefix || rest.is_empty()
    }

    /// Whether there can be a channel that both mean, whoever asks.
    pub(super) fn overlaps(&self, wanted: &Pattern) -> bool {
        match wanted {
            Pattern::Channel(name) => self.matches(name),
            Pattern::Prefix(prefix) => self.begins_with(prefix),
        }
    }

    /// Whether it can mean a channel that begins so.
    fn begins_with(&self, prefix: &str) -> bool {
        let mut rest = prefix;
        for part in &self.parts {
            if rest.is_empty() {
                return true;
            }
            let after = match part {
                Part::Literal(text) if text.starts_with(rest) => return true,
                Part::Literal(text) => rest.strip_prefix(&**text),
                Part::Claim(_) => after_segment(rest),
            };
            let Some(after) = after else { return false };
            rest = after;
        }
        self.is_prefix || rest.is_empty()
    }

    /// All that begins as its channels do.
    pub(super) fn head(&self) -> Pattern {
        match self.parts.first() {
            Some(Part::Literal(text)) => Pattern::Prefix(text.clone()),
            Some(Part::Claim(_)) | None => Pattern::Prefix("".into()),
        }
    }

    /// Whether it means all channels that `wanted` means, whoever asks.
    pub(super) fn spans(&self, wanted: &Pattern) -> bool {
        match wanted {
            Pattern::Channel(name) => self.matches(name),
            Pattern::Prefix(prefix) => self.is_prefix && self.matches(prefix),
        }
    }

    /// What belongs to somebody of whom nothing else can be said.
    pub(super) fn sample(&self) -> Option<Pattern> {
        self.fill(|_| Some(SAMPLE))
    }

    /// What of it belongs to somebody. `None` if nothing does: a claim is not there, or is more or less
    /// than one segment of a name.
    pub(super) fn own(&self, identity: &Identity) -> Option<Pattern> {
        self.fill(|name| if name == SUBJECT { identity.subject.as_deref() } else { identity.claim(name) })
    }

    fn fill<'a>(&self, claim: impl Fn(&str) -> Option<&'a str>) -> Option<Pattern> {
        let mut text = String::with_capacity(self.text.len() + 32);
        for part in &self.parts {
            text.push_str(match part {
                Part::Literal(text) => text,
                Part::Claim(name) => {
                    claim(name).filter(|value| !value.is_empty() && !value.contains(['/', '*']))?
                }
            });
        }
        if self.is_prefix {
            text.push('*');
        }
        Pattern::parse(&text).ok()
    }

    /// The names of the claims in it, but for the subject.
    pub fn claims(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Claim(name) if **name != *SUBJECT => Some(&**name),
            Part::Claim(_) | Part::Literal(_) => None,
        })
    }
}

/// What follows a segment, from the slash on. `None` if there is none.
fn after_segment(text: &str) -> Option<&str> {
    let (own, after) = text.split_at(text.find('/').unwrap_or(text.len()));
    (!own.is_empty()).then_some(after)
}

impl FromStr for Template {
    type Err = TemplateError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (is_prefix, mut rest) = match text.strip_suffix('*') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let mut parts = Vec::new();
        while let Some(start) = rest.find(['{', '}']) {
            let (literal, braced) = rest.split_at(start);
            let (name, after) = braced
                .strip_prefix('{')
                .and_then(|inner| inner.split_once('}'))
                .filter(|(name, _)| !name.contains('{'))
                .ok_or(TemplateError::Brace)?;
            let name = match name.strip_prefix(CLAIM) {
                Some(name) if !name.is_empty() => name,
                None if name == SUBJECT => name,
                _ => return Err(TemplateError::Claim),
            };
            // `user/{sub}*` would open user/42 to 4, and `{sub}-x` depend on what a claim ends with.
            if !after.starts_with('/') && (is_prefix || !after.is_empty()) {
                return Err(TemplateError::Open);
            }
            if !literal.is_empty() {
                parts.push(Part::Literal(literal.into()));
            }
            parts.push(Part::Claim(name.into()));
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(Part::Literal(rest.into()));
        }
        let template = Self { text: text.into(), parts: parts.into(), is_prefix };
        match template.sample() {
            Some(_) => Ok(template),
            None => Err(TemplateError::Name),
        }
    }
}

impl fmt::Display for Template {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text.fmt(out)
    }
}

impl fmt::Display for TemplateError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Brace => "a brace has no other half",
            Self::Claim => "in braces stands `sub` or `claim.NAME`",
            Self::Open => {
                "behind a claim comes `/` or the end, so that one's channels never begin like another's"
            }
            Self::Name => "with its claims filled in, this is no channel and no pattern",
        })
    }
}

impl std::error::Error for TemplateError {}
