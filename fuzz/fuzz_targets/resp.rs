//! What a Redis sends, whole and cut: a frame that is whole is so whatever follows it.
#![no_main]

use broker::resp::{Entries, parse};

const MAX_BYTES: usize = 1_000;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(Some((frame, length))) = parse(bytes, MAX_BYTES) {
        assert!((1..=bytes.len()).contains(&length));
        assert_eq!(parse(&bytes[..length], MAX_BYTES), Ok(Some((frame, length))));
    }
    let (mut entries, mut rest) = (Entries::new(MAX_BYTES), bytes);
    while let Ok(Some((_, length))) = entries.next(rest) {
        if length == 0 {
            break;
        }
        rest = &rest[length..];
    }
});
