//! Which keys can be enrolled, and their one spelling; signing with key files.

use approval::{ApprovalError, KeyError, NAMESPACE, SignatureError, parse_public_key, sign, verify};
use base64::{Engine, engine::general_purpose::STANDARD};
use expect_test::{Expect, expect};
use model::{EnrolledKey, Roster};
use proptest::prelude::*;

use crate::fixture::{Device, Parts, approver, armor, key_file, name, roster, statement, string};

#[test]
fn one_key_has_one_spelling() {
    let (_, key) = key_file(1);
    for line in [format!("{} bob@laptop", key.0), format!("  {}\n", key.0), format!("{} a b c\r\n", key.0)] {
        assert_eq!(parse_public_key(&line).as_ref(), Ok(&key), "{line}");
    }
    for device in Device::ALL {
        let key = device.key(1);
        assert_eq!(parse_public_key(&key.0).as_ref(), Ok(&key));
        assert!(sign::proves_presence(&key), "{device:?}");
        assert_eq!(sign::from_wire_form(&sign::wire_form(&key).unwrap()).as_ref(), Ok(&key));
    }
    assert!(!sign::proves_presence(&key));
    assert_eq!(sign::public_of(&key_file(1).0).as_ref(), Ok(&key));
}

#[track_caller]
fn check(line: &str, expected: &Expect) {
    expected.assert_eq(&parse_public_key(line).unwrap_err().to_string());
}

fn line(kind: &str, parts: &[&[u8]]) -> String {
    let wire: Vec<u8> = [kind.as_bytes()].iter().chain(parts).flat_map(|part| string(part)).collect();
    format!("{kind} {}", STANDARD.encode(wire))
}

#[test]
fn other_keys_are_refused_with_a_reason() {
    check(
        "",
        &expect![
            "a public key is one line of at most 1024 characters, as ssh-keygen writes it into the .pub file"
        ],
    );
    check(
        &key_file(1).0,
        &expect!["this is a private key: keep it to yourself and give the line of its .pub file"],
    );
    check(
        &line("ssh-rsa", &[&[1, 0, 1], &[0x7f; 256]]),
        &expect![
            "keys of the kind `ssh-rsa` are not accepted; ssh-ed25519, ecdsa-sha2-nistp256, sk-ssh-ed25519@openssh.com and sk-ecdsa-sha2-nistp256@openssh.com are accepted: make one with `ssh-keygen -t ed25519`"
        ],
    );
    check(
        "ecdsa-sha2-nistp384 AAAA",
        &expect![
            "keys of the kind `ecdsa-sha2-nistp384` are not accepted; ssh-ed25519, ecdsa-sha2-nistp256, sk-ssh-ed25519@openssh.com and sk-ecdsa-sha2-nistp256@openssh.com are accepted: make one with `ssh-keygen -t ed25519`"
        ],
    );
    check(
        "ssh-ed25519-cert-v01@openssh.com AAAA",
        &expect![
            "keys of the kind `ssh-ed25519-cert-v01@openssh.com` are not accepted; ssh-ed25519, ecdsa-sha2-nistp256, sk-ssh-ed25519@openssh.com and sk-ecdsa-sha2-nistp256@openssh.com are accepted: make one with `ssh-keygen -t ed25519`"
        ],
    );
    check(
        "no-touch-required ssh-ed25519 AAAA",
        &expect![
            "keys of the kind `no-touch-required` are not accepted; ssh-ed25519, ecdsa-sha2-nistp256, sk-ssh-ed25519@openssh.com and sk-ecdsa-sha2-nistp256@openssh.com are accepted: make one with `ssh-keygen -t ed25519`"
        ],
    );
    check(
        "ssh-ed25519 AAAA",
        &expect![
            "the key cannot be decoded: Base64 encoding error: invalid Base64 length; give the line that ssh-keygen wrote into the .pub file"
        ],
    );
    check(
        "\u{1b}[2Jx AAAA",
        &expect![[
            r#"keys of the kind `\u{1b}[2Jx` are not accepted; ssh-ed25519, ecdsa-sha2-nistp256, sk-ssh-ed25519@openssh.com and sk-ecdsa-sha2-nistp256@openssh.com are accepted: make one with `ssh-keygen -t ed25519`"#
        ]],
    );
    check(
        &format!("{}\n{}", key_file(1).1.0, key_file(2).1.0),
        &expect![
            "a public key is one line of at most 1024 characters, as ssh-keygen writes it into the .pub file"
        ],
    );
    check(
        &Device::Ed25519.line(1, "https://example.com"),
        &expect![
            "the security key is bound to the application `https://example.com`; SSH keys are bound to `ssh:`"
        ],
    );
    // The identity point: any text has a signature under it.
    let mut identity = [0; 32];
    identity[0] = 1;
    check(
        &line("ssh-ed25519", &[&identity]),
        &expect![
            "the key's point is not one that only its owner could sign for; make another with `ssh-keygen -t ed25519`"
        ],
    );
    // A point that is not on the curve, and a point spelled in its other form (which would be a second name of a key).
    let mut stray = [4; 65];
    stray[64] = 5;
    check(
        &line("ecdsa-sha2-nistp256", &[b"nistp256", &stray]),
        &expect![
            "the key's point is not one that only its owner could sign for; make another with `ssh-keygen -t ed25519`"
        ],
    );
    let secret = p256::ecdsa::SigningKey::from_slice(&[1; 32]).unwrap();
    let compressed = secret.verifying_key().to_encoded_point(true);
    check(
        &line("ecdsa-sha2-nistp256", &[b"nistp256", compressed.as_bytes()]),
        &expect![
            "the key cannot be decoded: its point is not written in full; give the line that ssh-keygen wrote into the .pub file"
        ],
    );
}

#[test]
fn one_key_under_two_names_is_an_error_whatever_it_calls_itself() {
    let text = statement().to_text();
    let signature = crate::fixture::sign(1, NAMESPACE, &text);
    let same = roster([("bob", vec![1]), ("mallory", vec![1])]);
    let mut disguised = roster([("bob", vec![1])]);
    // The same point, enrolled as a security key's: its owner could make both kinds of signature.
    disguised.people.insert(name("mallory"), approver([Device::Ed25519.key(1)]));
    let mut commented = roster([("bob", vec![1])]);
    commented.people.insert(name("mallory"), approver([EnrolledKey(format!("{} x", key_file(1).1.0))]));
    for roster in [same, disguised, commented] {
        let refused = verify(&text, &signature, &roster);
        let expected = ApprovalError::SharedKey { first: name("bob"), second: name("mallory") };
        assert_eq!(refused, Err(expected));
    }
}

#[test]
fn a_weak_key_that_a_bundle_was_made_to_hold_verifies_nothing() {
    let mut identity = [0; 32];
    identity[0] = 1;
    let weak = EnrolledKey(line("ssh-ed25519", &[&identity]));
    let roster = Roster { people: [(name("bob"), approver([weak]))].into(), ..Roster::default() };
    // R is the identity and s is zero: without the check this verifies for every text.
    let wire =
        STANDARD.decode(roster.people["bob"].keys.first().unwrap().0.split(' ').nth(1).unwrap()).unwrap();
    let signature = [&identity[..], &[0; 32]].concat();
    let forged = armor(&Parts {
        key: wire,
        namespace: NAMESPACE.into(),
        signature: [string(b"ssh-ed25519"), string(&signature)].concat(),
        ..Parts::default()
    });
    let message = ssh_key::SshSig::from_pem(&forged).unwrap();
    let key = ssh_key::PublicKey::from(message.public_key().clone());
    assert!(
        key.verify(NAMESPACE, statement().to_text().as_bytes(), &message).is_ok(),
        "the library takes it"
    );
    let refused = verify(&statement().to_text(), &forged, &roster);
    assert_eq!(refused, Err(ApprovalError::Signature(SignatureError::Key(KeyError::Weak))));
}

#[test]
fn one_person_may_have_many_keys() {
    let roster = roster([("bob", vec![1, 2])]);
    let text = statement().to_text();
    for seed in [1, 2] {
        let verified = verify(&text, &crate::fixture::sign(seed, NAMESPACE, &text), &roster).unwrap();
        assert_eq!((verified.person, verified.key), (name("bob"), key_file(seed).1));
    }
    assert!(verify(&text, &crate::fixture::sign(1, NAMESPACE, &text), &Roster::default()).is_err());
}

#[test]
fn key_files_that_cannot_sign_say_what_to_do() {
    let check = |private: &str, passphrase, expected: Expect| {
        expected
            .assert_eq(&sign::with_key_file(private, passphrase, NAMESPACE, "x").unwrap_err().to_string());
    };
    check(
        "hello",
        None,
        expect![
            "this is no OpenSSH private key: there is no such block in it; it begins with -----BEGIN OPENSSH PRIVATE KEY-----"
        ],
    );
    check(
        &"x".repeat(100_000),
        None,
        expect![
            "this is no OpenSSH private key: it is too long; it begins with -----BEGIN OPENSSH PRIVATE KEY-----"
        ],
    );
    check(
        &key_file(1).1.0,
        None,
        expect![
            "this is no OpenSSH private key: there is no such block in it; it begins with -----BEGIN OPENSSH PRIVATE KEY-----"
        ],
    );
    assert!(sign::with_key_file(&key_file(1).0, Some("not needed"), NAMESPACE, "x").is_ok());
}

proptest! {
    #[test]
    fn parsing_a_key_never_panics(line in ".{0,120}", bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
        prop_assert!(parse_public_key(&line).is_err());
        for kind in ["ssh-ed25519", "ecdsa-sha2-nistp256", "sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com"] {
            let wire = [string(kind.as_bytes()), bytes.clone()].concat();
            match parse_public_key(&format!("{kind} {}", STANDARD.encode(&wire))) {
                Ok(key) => prop_assert_eq!(parse_public_key(&key.0), Ok(key)),
                Err(KeyError::Malformed(_) | KeyError::Weak | KeyError::Application(_) | KeyError::Unsupported(_)) => {}
                Err(other) => prop_assert!(false, "{other}"),
            }
        }
        let _ = sign::public_of(&line);
        let _ = sign::from_wire_form(&bytes);
    }
}
