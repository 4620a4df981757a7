//! What clients publish and ask for, as JSON.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| edge::fuzzing::body(text));
