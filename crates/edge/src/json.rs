//! JSON, written by hand.

/// Adds a string in quotes.
pub(crate) fn write_string(out: &mut Vec<u8>, text: &str) {
    // Writing a string into memory cannot fail.
    let _ = serde_json::to_writer(out, text);
}
