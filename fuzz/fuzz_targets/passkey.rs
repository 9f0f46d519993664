//! What a browser, a log or a roster hands over as a passkey's: lines, assertions, and what is inside them. Nothing
//! panics, each has one text, and nothing that is not signed counts.
#![no_main]

use approval::{
    NAMESPACE, parse_public_key,
    passkey::{Assertion, Passkey, challenge, check},
};
use libfuzzer_sys::fuzz_target;

/// `{1: 2, 3: -7, -1: 1, -2: x, -3: y}` of the base point of P-256: a key that everyone knows the secret of, and that has
/// signed nothing.
const KEY: &str = "a50102032620012158206b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296\
                   2258204fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5";

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).filter_map(|at| u8::from_str_radix(hex.get(at..at + 2)?, 16).ok()).collect()
}

fuzz_target!(|text: &str| {
    if let Ok(key) = parse_public_key(text) {
        assert_eq!(parse_public_key(&key.0), Ok(key));
    }
    let Ok(assertion) = Assertion::parse(text) else { return };
    assert_eq!(assertion.to_text(), text);
    let Ok(site) = "localhost".parse() else { return };
    let Ok(passkey) = Passkey::new(site, &[7; 32], &bytes(KEY)) else { panic!("the base point is a key") };
    let assertion = Assertion { credential_id: vec![7; 32], ..assertion };
    assert!(check(&assertion, &passkey, &challenge(NAMESPACE, b"a statement")).is_err());
});
