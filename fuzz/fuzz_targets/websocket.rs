//! What a client sends over a WebSocket, in any pieces.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| edge::fuzzing::websocket(bytes));
