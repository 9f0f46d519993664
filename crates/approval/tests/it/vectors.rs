//! The specification's own test vectors (Web Authentication Level 3 §16, for `example.org` at `https://example.org`):
//! those of the two algorithms that we read. What they were signed over is no text of ours, so the challenge is given.

use approval::passkey::{Assertion, AssertionError, Passkey, check};
use model::Digest;
use serde::Deserialize;

#[derive(Deserialize)]
struct Vector {
    section: String,
    /// Which of its conditions it does not meet; most of them were made by somebody who was not verified.
    refused: Option<String>,
    credential_id: String,
    public_key: String,
    challenge: String,
    authenticator_data: String,
    client_data: String,
    signature: String,
}

fn bytes(hex: &str) -> Vec<u8> {
    hex::decode(hex).unwrap()
}

#[test]
fn the_specifications_own_vectors_hold() {
    let vectors: Vec<Vector> = serde_json::from_str(include_str!("webauthn3.json")).unwrap();
    assert_eq!(vectors.len(), 11);
    for it in vectors {
        let site = "example.org".parse().unwrap();
        let passkey = Passkey::new(site, &bytes(&it.credential_id), &bytes(&it.public_key)).unwrap();
        assert_eq!(
            approval::parse_public_key(&passkey.to_key().0).as_ref(),
            Ok(&passkey.to_key()),
            "{}",
            it.section
        );
        let assertion = Assertion {
            credential_id: bytes(&it.credential_id),
            authenticator_data: bytes(&it.authenticator_data),
            client_data: it.client_data.into_bytes(),
            signature: bytes(&it.signature),
        };
        assert_eq!(Assertion::parse(&assertion.to_text()).as_ref(), Ok(&assertion), "{}", it.section);
        let challenge = Digest::from_bytes(bytes(&it.challenge).try_into().unwrap());
        let found = check(&assertion, &passkey, &challenge);
        match it.refused.as_deref() {
            None => assert_eq!(found.map(|it| it.counter), Ok(0), "{}", it.section),
            Some("NotVerified") => assert_eq!(found, Err(AssertionError::NotVerified), "{}", it.section),
            Some("CrossOrigin") => assert_eq!(found, Err(AssertionError::CrossOrigin), "{}", it.section),
            Some(other) => panic!("{other}"),
        }
        let other = check(&assertion, &passkey, &Digest::of(b"another"));
        assert_eq!(other, Err(AssertionError::Challenge), "{}", it.section);
    }
}
