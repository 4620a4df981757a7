//! What clients send to the embedded broker's port, whole and cut: a command that is whole is so whatever follows it.
#![no_main]

use broker::port::parse;

const MAX_BYTES: usize = 1_000;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(Some(request)) = parse(bytes, MAX_BYTES) {
        assert!((1..=bytes.len()).contains(&request.length));
        let alone = parse(&bytes[..request.length], MAX_BYTES);
        assert_eq!(alone, Ok(Some(request)));
    }
});
