//! One value of a row, and how it is written as JSON.

use std::borrow::Cow;

use data_encoding::BASE64;
use publication::compact_json;

/// The whole numbers up to which JavaScript tells each from the next.
const MAX_SAFE_INTEGER: u64 = (1 << 53) - 1;

/// A value, as what it means.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value<'a> {
    Null,
    Bool(bool),
    /// A number as JSON has it.
    Number(Cow<'a, str>),
    Text(Cow<'a, str>),
    /// A text that should be JSON.
    Json(Cow<'a, str>),
    Bytes(Cow<'a, [u8]>),
    Array(Vec<Value<'a>>),
}

impl<'a> Value<'a> {
    /// A whole number; beyond what JavaScript can hold it is a text.
    pub(crate) fn integer(text: impl Into<Cow<'a, str>>) -> Self {
        let text = text.into();
        let digits = text.strip_prefix('-').unwrap_or(&text);
        match digits.parse::<u64>() {
            Ok(number) if number <= MAX_SAFE_INTEGER => Self::Number(text),
            _ => Self::Text(text),
        }
    }

    /// A floating-point number; infinity and NaN, which JSON has not, are texts.
    pub(crate) fn float(text: impl Into<Cow<'a, str>>) -> Self {
        let text = text.into();
        if text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte)) {
            Self::Number(text)
        } else {
            Self::Text(text)
        }
    }

    /// As a part of a channel's name; `None` for what makes none.
    pub(crate) fn as_name(&self) -> Option<&str> {
        match self {
            Self::Number(text) | Self::Text(text) => Some(text),
            Self::Bool(true) => Some("true"),
            Self::Bool(false) => Some("false"),
            Self::Null | Self::Json(_) | Self::Bytes(_) | Self::Array(_) => None,
        }
    }

    /// Appends it as JSON.
    pub(crate) fn write(&self, out: &mut String) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(true) => out.push_str("true"),
            Self::Bool(false) => out.push_str("false"),
            Self::Number(text) => out.push_str(text),
            Self::Text(text) => write_text(text, out),
            // What is none is shown as what it is, a text.
            Self::Json(text) => match serde_json::from_str::<serde::de::IgnoredAny>(text) {
                Ok(_) => out.push_str(&compact_json(text)),
                Err(_) => write_text(text, out),
            },
            Self::Bytes(bytes) => write_text(&BASE64.encode(bytes), out),
            Self::Array(values) => {
                out.push('[');
                for (index, value) in values.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    value.write(out);
                }
                out.push(']');
            }
        }
    }
}

/// Appends a JSON string.
pub(crate) fn write_text(text: &str, out: &mut String) {
    // A text can always be written.
    out.push_str(&serde_json::to_string(text).unwrap_or_default());
}
