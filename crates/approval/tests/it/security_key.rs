//! Security keys: a touch counts only if the device says so in what it signed. And signatures put together wrongly.

use approval::{ApprovalError, NAMESPACE, SignatureError, Statement, sign, verify};
use model::{Presence, Roster};
use ssh_key::{PublicKey, SshSig};

use crate::fixture::{Device, Parts, Touch, approver, armor, name, roster, statement};

const TOUCHED: Touch = Touch { flags: 0x01, application: "ssh:" };

fn touched() -> String {
    Statement { presence: Presence::Touched, ..statement() }.to_text()
}

fn with(device: Device) -> Roster {
    let mut roster = Roster::default();
    roster.people.insert(name("bob"), approver([device.key(1)]));
    roster
}

#[test]
fn a_touch_counts_only_with_its_flag() {
    for device in Device::ALL {
        let check = |flags| {
            let signature = device.sign(1, Touch { flags, ..TOUCHED }, NAMESPACE, &touched());
            verify(&touched(), &signature, &with(device)).map(|verified| verified.presence)
        };
        for flags in [0x01, 0x05, 0x85] {
            assert_eq!(check(flags), Ok(Presence::Touched), "{device:?} {flags:#x}");
        }
        for flags in [0x00, 0x04, 0x80] {
            let refused = Err(ApprovalError::Signature(SignatureError::NotTouched));
            assert_eq!(check(flags), refused, "{device:?} {flags:#x}");
        }
    }
}

/// Why we look at the flag ourselves: the crate takes any. Should this fail one day, the crate does it too.
#[test]
fn the_library_takes_an_untouched_signature() {
    for device in Device::ALL {
        let untouched = device.sign(1, Touch { flags: 0, ..TOUCHED }, NAMESPACE, &touched());
        let signature = SshSig::from_pem(&untouched).unwrap();
        let key = PublicKey::from(signature.public_key().clone());
        assert!(key.verify(NAMESPACE, touched().as_bytes(), &signature).is_ok(), "{device:?}");
    }
}

#[test]
fn the_flag_and_the_application_are_signed() {
    for device in Device::ALL {
        let elsewhere = Touch { application: "https://example.com", ..TOUCHED };
        let refused = verify(&touched(), &device.sign(1, elsewhere, NAMESPACE, &touched()), &with(device));
        assert_eq!(refused, Err(ApprovalError::Signature(SignatureError::Mismatch)), "{device:?}");

        let message = sign::to_be_signed(NAMESPACE, &touched()).unwrap();
        let mut answer = device.answer(1, Touch { flags: 0, ..TOUCHED }, &message);
        let flags = answer.len() - 5;
        answer[flags] = 1;
        let forged = sign::with_agents_answer(&device.key(1), NAMESPACE, &touched(), &answer);
        assert_eq!(forged, Err(sign::SignError::Agent(SignatureError::Mismatch)), "{device:?}");
    }
}

#[test]
fn an_agents_answer_becomes_the_same_signature() {
    for device in Device::ALL {
        let message = sign::to_be_signed(NAMESPACE, &touched()).unwrap();
        let answer = device.answer(1, TOUCHED, &message);
        let armored = sign::with_agents_answer(&device.key(1), NAMESPACE, &touched(), &answer).unwrap();
        assert_eq!(armored, device.sign(1, TOUCHED, NAMESPACE, &touched()), "{device:?}");
        assert!(verify(&touched(), &armored, &with(device)).is_ok());
        assert!(sign::with_agents_answer(&device.key(2), NAMESPACE, &touched(), &answer).is_err());
        assert!(sign::with_agents_answer(&device.key(1), NAMESPACE, &touched(), b"").is_err());
    }
}

#[test]
fn a_touched_signature_under_a_file_statement_is_void() {
    let text = statement().to_text();
    let signature = Device::Ed25519.sign(1, TOUCHED, NAMESPACE, &text);
    let refused = verify(&text, &signature, &with(Device::Ed25519));
    let expected = ApprovalError::Presence { stated: Presence::File, shown: Presence::Touched };
    assert_eq!(refused, Err(expected));
}

#[test]
fn a_signature_put_together_wrongly_is_none() {
    let roster = roster([("bob", vec![1])]);
    let text = statement().to_text();
    let good = Parts::of(&crate::fixture::sign(1, NAMESPACE, &text));
    assert!(verify(&text, &armor(&good), &roster).is_ok());
    let other_key = Parts::of(&crate::fixture::sign(2, NAMESPACE, &text));
    let sk_message = sign::to_be_signed(NAMESPACE, &text).unwrap();
    let check = |what: &str, parts: Parts, expected: fn(&SignatureError) -> bool| {
        let refused = verify(&text, &armor(&parts), &roster).unwrap_err();
        assert!(matches!(&refused, ApprovalError::Signature(err) if expected(err)), "{what}: {refused}");
    };
    check("version 0", Parts { version: 0, ..good.clone() }, |err| *err == SignatureError::Version(0));
    check("version 2", Parts { version: 2, ..good.clone() }, |err| {
        matches!(err, SignatureError::Malformed(_))
    });
    check("reserved", Parts { reserved: b"x".to_vec(), ..good.clone() }, |err| {
        *err == SignatureError::Reserved
    });
    check("hash sha1", Parts { hash: "sha1".into(), ..good.clone() }, |err| {
        matches!(err, SignatureError::Malformed(_))
    });
    check("hash swapped", Parts { hash: "sha256".into(), ..good.clone() }, |err| {
        *err == SignatureError::Mismatch
    });
    check("namespace", Parts { namespace: "file".into(), ..good.clone() }, |err| {
        matches!(err, SignatureError::Namespace { .. })
    });
    check("namespace empty", Parts { namespace: String::new(), ..good.clone() }, |err| {
        matches!(err, SignatureError::Malformed(_))
    });
    check("trailing bytes", Parts { trailing: vec![0], ..good.clone() }, |err| {
        matches!(err, SignatureError::Malformed(_))
    });
    check("another's signature", Parts { signature: other_key.signature, ..good.clone() }, |err| {
        *err == SignatureError::Mismatch
    });
    let kind = Parts { signature: Device::Ed25519.answer(1, TOUCHED, &sk_message), ..good.clone() };
    check("a security key's signature under a file key", kind, |err| *err == SignatureError::Kind);
    check("nothing", Parts::default(), |err| matches!(err, SignatureError::Malformed(_)));
    let long = "A".repeat(5000);
    assert_eq!(verify(&text, &long, &roster), Err(ApprovalError::Signature(SignatureError::TooLong)));
}
