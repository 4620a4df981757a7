//! Tokens and sets of keys by whoever wants to be let in: without a key of ours nobody is.
#![no_main]

use std::{sync::LazyLock, time::SystemTime};

use identity::{Issuer, Key, Keyring, key_set};

static KEYRING: LazyLock<Keyring> = LazyLock::new(|| {
    let key = Key::secret(b"a secret that no fuzzer will ever guess").expect("it is long enough");
    let issuers = vec![Issuer { keys: vec![key], ..Issuer::default() }];
    Keyring { issuers, claims: vec!["tenant".to_owned()], ..Keyring::default() }
});

libfuzzer_sys::fuzz_target!(|text: &str| {
    assert!(KEYRING.check(text, SystemTime::UNIX_EPOCH).is_err());
    let _ = KEYRING.vouch(text, SystemTime::UNIX_EPOCH);
    let _ = (key_set(text).is_ok(), Key::pem(text).is_ok());
});
