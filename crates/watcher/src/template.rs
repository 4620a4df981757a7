//! The channels of a query's rows: `monitors/{id}`.

use std::{fmt, str::FromStr};

/// A channel's name, with columns in braces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Text(String),
    Column(String),
}

/// Why a text is no template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TemplateError {
    /// A brace without its other half, or with nothing inside.
    Brace,
    /// It begins with `@`, holds a `*` or a control character, or is empty: no channel is called so.
    Name,
}

impl Template {
    /// Whether each row has a channel of its own.
    #[must_use]
    pub fn has_columns(&self) -> bool {
        self.columns().next().is_some()
    }

    /// The columns that it names.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Column(name) => Some(name.as_str()),
            Part::Text(_) => None,
        })
    }

    /// What its channels begin with.
    #[must_use]
    pub fn prefix(&self) -> &str {
        match self.parts.first() {
            Some(Part::Text(text)) => text,
            _ => "",
        }
    }

    /// Whether a row could have this channel, taken for granted that its columns hold no `/`.
    #[must_use]
    pub fn fits(&self, channel: &str) -> bool {
        fits(&self.parts, channel)
    }

    pub(crate) fn parts(&self) -> &[Part] {
        &self.parts
    }
}

fn fits(parts: &[Part], channel: &str) -> bool {
    match parts.split_first() {
        None => channel.is_empty(),
        Some((Part::Text(text), rest)) => {
            channel.strip_prefix(&**text).is_some_and(|behind| fits(rest, behind))
        }
        Some((Part::Column(_), rest)) => {
            let longest = channel.find('/').unwrap_or(channel.len());
            // A column is followed by a text, or by nothing, in nearly all templates: few ends are tried in vain.
            let mut ends = channel[..longest].char_indices().map(|(at, character)| at + character.len_utf8());
            ends.any(|end| fits(rest, &channel[end..]))
        }
    }
}

impl FromStr for Template {
    type Err = TemplateError;

    fn from_str(text: &str) -> Result<Self, TemplateError> {
        if text.is_empty() || text.starts_with('@') || text.contains('*') || text.contains(char::is_control) {
            return Err(TemplateError::Name);
        }
        let (mut parts, mut rest) = (Vec::new(), text);
        while let Some(at) = rest.find(['{', '}']) {
            let (before, from) = rest.split_at(at);
            let (name, behind) =
                from.strip_prefix('{').and_then(|from| from.split_once('}')).ok_or(TemplateError::Brace)?;
            if name.is_empty() || name.contains('{') {
                return Err(TemplateError::Brace);
            }
            if !before.is_empty() {
                parts.push(Part::Text(before.to_owned()));
            }
            parts.push(Part::Column(name.to_owned()));
            rest = behind;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        Ok(Self { parts })
    }
}

impl fmt::Display for Template {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.parts.iter().try_for_each(|part| match part {
            Part::Text(text) => out.write_str(text),
            Part::Column(name) => write!(out, "{{{name}}}"),
        })
    }
}

impl fmt::Display for TemplateError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Brace => "a column stands in braces, such as \"monitors/{id}\"",
            Self::Name => "no channel is called so: names do not begin with `@` and hold no `*` and no control characters",
        })
    }
}

impl std::error::Error for TemplateError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_of_rows_fit() {
        let fits = |template: &str, channel: &str| template.parse::<Template>().unwrap().fits(channel);
        assert!(fits("m/{id}", "m/7") && fits("m/{id}", "m/ö") && fits("all", "all"));
        assert!(fits("t/{tenant}/{id}.x", "t/a/b.x.x") && fits("{a}{b}", "xy"));
        for other in ["m/", "m/7/log", "n/7", "m"] {
            assert!(!fits("m/{id}", other), "{other}");
        }
        assert!(!fits("t/{tenant}/{id}.x", "t/a/.x") && !fits("all", "al") && !fits("{a}{b}", "x"));
    }

    #[test]
    fn columns_stand_in_braces() {
        let template: Template = "t/{tenant}/{id}.x".parse().unwrap();
        assert_eq!(template.columns().collect::<Vec<_>>(), ["tenant", "id"]);
        assert_eq!(template.to_string(), "t/{tenant}/{id}.x");
        assert!(!"monitors".parse::<Template>().unwrap().has_columns());
        for bad in ["{", "a}", "{}", "{a", "{a{b}}", "a}b{"] {
            assert_eq!(bad.parse::<Template>(), Err(TemplateError::Brace), "{bad}");
        }
        for bad in ["", "@json", "a*", "a\n"] {
            assert_eq!(bad.parse::<Template>(), Err(TemplateError::Name), "{bad:?}");
        }
    }
}
