//! People's HTTP requests: any altered part, another person's key or a statement's signature authenticates nobody.

use approval::{ApprovalError, NAMESPACE, SignatureError, request};
use expect_test::expect;
use model::{Digest, Presence};
use proptest::prelude::*;
use request::Proof;

use crate::fixture::{Device, Touch, approver, name, roster, sign};

fn proof() -> Proof {
    Proof {
        person: name("bob"),
        method: "POST".into(),
        target: "/v1/changes/chg-01?dry=1".into(),
        body: Digest::of(b"{}"),
        nonce: "bm9uY2U".into(),
        installation: Digest::of(b"genesis"),
    }
}

#[test]
fn the_signed_text_is_this() {
    expect![[r#"
        countersign request v1
        person: bob
        method: POST
        target: /v1/changes/chg-01?dry=1
        body: 44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a
        nonce: bm9uY2U
        installation: aeebad4a796fcc2e15dc4c6061b45ed9b373f26adfc798ca7d2d8cc58182718e
    "#]]
    .assert_eq(&proof().to_text());
}

/// One alteration per field; a new field that is not altered here does not compile.
macro_rules! alterations {
    ($($field:ident: $alter:expr),* $(,)?) => {
        fn alterations() -> Vec<(&'static str, Proof)> {
            let Proof { $($field: _),* } = proof();
            vec![$((stringify!($field), Proof { $field: $alter, ..proof() })),*]
        }
    };
}

alterations!(
    person: name("carol"),
    method: "GET".into(),
    target: "/v1/changes/chg-01?dry=0".into(),
    body: Digest::of(b"{ }"),
    nonce: "bm9uY2V".into(),
    installation: Digest::of(b"another"),
);

#[test]
fn altering_any_part_voids_it() {
    let roster = roster([("bob", vec![1]), ("carol", vec![2])]);
    let signature = sign(1, request::NAMESPACE, &proof().to_text());
    let bob = request::verify(&proof(), &signature, &roster).unwrap();
    assert_eq!((bob.person, bob.presence), (name("bob"), Presence::File));
    assert!(roster.people[&name("bob")].keys.contains(&bob.key));
    for (field, altered) in alterations() {
        let refused = request::verify(&altered, &signature, &roster);
        assert_eq!(refused, Err(ApprovalError::Signature(SignatureError::Mismatch)), "{field}");
    }
    let carols = sign(2, request::NAMESPACE, &proof().to_text());
    assert!(matches!(request::verify(&proof(), &carols, &roster), Err(ApprovalError::OtherPerson { .. })));
}

#[test]
fn a_signature_for_one_purpose_is_none_for_another() {
    let roster = roster([("bob", vec![1])]);
    let signature = sign(1, NAMESPACE, &proof().to_text());
    expect!["the signature was made for `countersign-statement@v1`, not for `countersign-request@v1`; sign with `ssh-keygen -Y sign -n countersign-request@v1`"].assert_eq(&request::verify(&proof(), &signature, &roster).unwrap_err().to_string());
}

#[test]
fn a_touch_is_reported() {
    for device in Device::ALL {
        let mut roster = roster([("bob", vec![1])]);
        roster.people.insert(name("bob"), approver([device.key(3)]));
        let touch = |flags| {
            let touch = Touch { flags, application: "ssh:" };
            request::verify(&proof(), &device.sign(3, touch, request::NAMESPACE, &proof().to_text()), &roster)
                .map(|it| (it.person, it.presence))
        };
        assert_eq!(touch(1), Ok((name("bob"), Presence::Touched)));
        assert_eq!(touch(0), Err(ApprovalError::Signature(SignatureError::NotTouched)));
    }
}

proptest! {
    #[test]
    fn what_could_forge_a_line_is_refused(method in ".{0,20}", target in ".{0,40}", nonce in ".{0,40}") {
        let roster = roster([("bob", vec![1])]);
        let odd = Proof { method, target, nonce, ..proof() };
        let plain = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        let signature = sign(1, request::NAMESPACE, &odd.to_text());
        let fine = plain(&odd.method) && odd.method.len() <= 16 && plain(&odd.target) && plain(&odd.nonce);
        prop_assert_eq!(request::verify(&odd, &signature, &roster).is_ok(), fine);
    }
}
