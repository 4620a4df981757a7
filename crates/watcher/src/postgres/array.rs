//! Postgres's arrays as text: `{1,NULL,"a b"}`, nested, perhaps behind their bounds.

use std::borrow::Cow;

use super::text;
use crate::value::Value;

/// Deeper ones than Postgres has (`MAXDIM`).
const MAX_DEPTH: usize = 6;

/// An array of elements of a type; `None` if the text is none.
pub(super) fn value<'a>(element: &str, text: &'a str) -> Option<Value<'a>> {
    // Bounds that are not the usual ones stand before it.
    let text = match text.strip_prefix('[') {
        Some(bounds) => bounds.split_once('=')?.1,
        None => text,
    };
    let delimiter = if element == "BOX" { ';' } else { ',' };
    let mut reader = Reader { element, delimiter, rest: text };
    let array = reader.array(1)?;
    reader.rest.is_empty().then_some(array)
}

struct Reader<'e, 'a> {
    element: &'e str,
    /// Between elements, as the type has it (`typdelim`).
    delimiter: char,
    rest: &'a str,
}

impl<'a> Reader<'_, 'a> {
    fn array(&mut self, depth: usize) -> Option<Value<'a>> {
        self.rest = self.rest.strip_prefix('{').filter(|_| depth <= MAX_DEPTH)?;
        let mut values = Vec::new();
        if let Some(rest) = self.rest.strip_prefix('}') {
            self.rest = rest;
            return Some(Value::Array(values));
        }
        loop {
            values.push(match self.rest.as_bytes().first()? {
                b'{' => self.array(depth + 1)?,
                b'"' => self.quoted()?,
                _ => self.plain()?,
            });
            let end = self.rest.chars().next()?;
            self.rest = &self.rest[end.len_utf8()..];
            match end {
                '}' => return Some(Value::Array(values)),
                end if end == self.delimiter => {}
                _ => return None,
            }
        }
    }

    fn plain(&mut self) -> Option<Value<'a>> {
        let (text, rest) = self.rest.split_at(self.rest.find([self.delimiter, '}'])?);
        self.rest = rest;
        Some(if text == "NULL" { Value::Null } else { text::value(self.element, text) })
    }

    fn quoted(&mut self) -> Option<Value<'a>> {
        let inner = &self.rest[1..];
        let (mut text, mut escaped) = (String::new(), false);
        for (at, character) in inner.char_indices() {
            match character {
                '\\' if !escaped => escaped = true,
                '"' if !escaped => {
                    self.rest = &inner[at + 1..];
                    return Some(owned(text::value(self.element, &text)));
                }
                character => {
                    text.push(character);
                    escaped = false;
                }
            }
        }
        None
    }
}

/// The value without what it was read from.
fn owned(value: Value<'_>) -> Value<'static> {
    let own = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
    match value {
        Value::Null => Value::Null,
        Value::Bool(is) => Value::Bool(is),
        Value::Number(text) => Value::Number(own(text)),
        Value::Text(text) => Value::Text(own(text)),
        Value::Json(text) => Value::Json(own(text)),
        Value::Bytes(bytes) => Value::Bytes(Cow::Owned(bytes.into_owned())),
        Value::Array(values) => Value::Array(values.into_iter().map(owned).collect()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// As Postgres writes it (`array_out`).
    fn write(values: &[Option<String>]) -> String {
        let element = |value: &Option<String>| match value {
            None => "NULL".to_owned(),
            Some(text) => format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")),
        };
        format!("{{{}}}", values.iter().map(element).collect::<Vec<_>>().join(","))
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(values: Vec<Option<String>>) {
            let expected = values.iter().map(|value| {
                value.as_ref().map_or(Value::Null, |text| Value::Text(text.clone().into()))
            });
            let text = write(&values);
            prop_assert_eq!(value("TEXT", &text), Some(Value::Array(expected.collect())));
        }

        #[test]
        fn whatever_comes_is_read_without_harm(text in r#"[\[={}",\\a1N ]*|.*"#) {
            let _ = value("INT4", &text);
        }
    }
}
