//! JSON as text.

use std::borrow::Cow;

/// JSON without the white space between its tokens; numbers stay as they were written.
#[must_use]
pub fn compact_json(text: &str) -> Cow<'_, str> {
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
    if !text.bytes().any(|byte| is_space(&byte)) {
        return Cow::Borrowed(text);
    }
    let (mut in_string, mut escaped) = (false, false);
    let kept = text.chars().filter(|character| {
        let keep = in_string || !matches!(character, ' ' | '\t' | '\n' | '\r');
        match character {
            '"' if !escaped => in_string = !in_string,
            _ => {}
        }
        escaped = in_string && !escaped && *character == '\\';
        keep
    });
    Cow::Owned(kept.collect())
}
