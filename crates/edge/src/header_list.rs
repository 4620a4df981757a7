//! Headers whose value is a list of words.

use hyper::header::{HeaderMap, HeaderName};

/// Whether the list, in however many lines, has this word in any case (RFC 9110, section 5.6.1).
pub(crate) fn contains(headers: &HeaderMap, name: HeaderName, word: &str) -> bool {
    let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|listed| listed.trim().eq_ignore_ascii_case(word))
}
