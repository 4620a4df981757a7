//! Cursors, channels and patterns: what is read is written as it was, or as what means the same.
#![no_main]

use publication::{Cursor, Pattern};

libfuzzer_sys::fuzz_target!(|text: &str| {
    if let Ok(cursor) = text.parse::<Cursor>() {
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
    }
    if let Ok(pattern) = Pattern::parse(text) {
        assert_eq!(pattern.to_string(), text);
        assert!(pattern.covers(&pattern) && pattern.overlaps(&pattern));
    }
});
