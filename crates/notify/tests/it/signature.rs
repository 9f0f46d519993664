//! Signatures, against the vector of the specification and as a property.

use model::Timestamp;
use notify::{Secret, SecretError};
use proptest::prelude::*;

/// As the reference implementations of Standard Webhooks test themselves.
#[test]
fn the_vector_of_standard_webhooks_holds() {
    let secret = Secret::read("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n").unwrap();
    let at = Timestamp::from_seconds(1_614_265_330);
    let signed = secret.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", at, br#"{"test": 2432232314}"#);
    assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

#[test]
fn while_a_secret_is_exchanged_both_sign() {
    let lines = [1, 2, 3].map(|byte| Secret::text_of([byte; 32]).to_string());
    let at = Timestamp::from_seconds(1);
    let each = [&lines[0], &lines[1]].map(|line| Secret::read(line).unwrap().sign("m", at, b"{}"));
    let both = Secret::read(&format!("{}\n\n{}\n", lines[0], lines[1])).unwrap();
    assert_eq!(both.sign("m", at, b"{}"), each.join(" "));
    assert_eq!(Secret::read(&lines.join("\n")).unwrap_err(), SecretError::Count(3));
    assert_eq!(Secret::read(&format!("{}\nwhsec_?", lines[0])).unwrap_err(), SecretError::Form);
}

#[test]
fn a_secret_is_read_or_refused_without_being_shown() {
    for (text, expected) in [
        ("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", SecretError::Form),
        ("whsec_???", SecretError::Form),
        ("", SecretError::Form),
        ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZI", SecretError::Length(18)),
    ] {
        let refused = Secret::read(text).unwrap_err();
        assert_eq!(refused, expected, "{text}");
        assert!(!refused.to_string().contains("MfKQ"));
    }
    let made = Secret::text_of([7; 32]);
    assert_eq!(format!("{:?}", Secret::read(&made).unwrap()), "Secret");
}

proptest! {
    /// What is signed is all of it: another key, id, time or body has another signature.
    #[test]
    fn another_anything_is_another_signature(
        key in any::<[u8; 32]>(),
        id in "[a-z0-9-]{1,30}",
        seconds in 0_i64..4_000_000_000,
        body in proptest::collection::vec(any::<u8>(), 0..200),
        bit in 0_usize..256,
    ) {
        let secret = |key| Secret::read(&Secret::text_of(key)).unwrap();
        let sign = |key, id: &str, seconds, body: &[u8]| secret(key).sign(id, Timestamp::from_seconds(seconds), body);
        let signed = sign(key, &id, seconds, &body);
        prop_assert_eq!(&signed, &sign(key, &id, seconds, &body));
        let mut other = key;
        other[bit / 8] ^= 1 << (bit % 8);
        prop_assert_ne!(&signed, &sign(other, &id, seconds, &body));
        prop_assert_ne!(&signed, &sign(key, &format!("{id}x"), seconds, &body));
        prop_assert_ne!(&signed, &sign(key, &id, seconds + 1, &body));
        prop_assert_ne!(&signed, &sign(key, &id, seconds, &[&body[..], b"x"].concat()));
    }
}
