//! Approvals by passkey: what of an assertion is refused. Every refusal is of an assertion that counts until the one
//! thing that its row names is done to it.

use approval::{
    Act, ApprovalError, NAMESPACE, Statement,
    passkey::{Assertion, AssertionError, Counter, challenge, compare_counters},
    request, verify,
};
use model::{EnrolledKey, Presence, Roster};
use proptest::prelude::*;
use testkit::{Asserted, Authenticator, Ceremony};

use crate::fixture::{approver, key_file, name, statement};

const SITE: &str = "countersign.example.com";

fn touched() -> String {
    Statement { presence: Presence::Touched, ..statement() }.to_text()
}

fn both() -> [Authenticator; 2] {
    [Authenticator::p256(1, SITE), Authenticator::ed25519(2, SITE)]
}

fn enrolled(authenticator: &Authenticator) -> EnrolledKey {
    approval::parse_public_key(&authenticator.roster_line()).unwrap()
}

/// Bob's, and nobody else has any key.
fn roster(authenticator: &Authenticator) -> Roster {
    Roster { people: [(name("bob"), approver([enrolled(authenticator)]))].into(), ..Roster::default() }
}

fn over(text: &str) -> [u8; 32] {
    *challenge(NAMESPACE, text.as_bytes()).as_bytes()
}

/// A person about to approve, and what becomes of the assertion on its way.
struct Case {
    authenticator: Authenticator,
    ceremony: Ceremony,
    afterwards: Box<dyn Fn(&mut Asserted)>,
    /// What is handed in as signed.
    text: String,
}

impl Case {
    fn good(authenticator: &Authenticator) -> Self {
        let ceremony = authenticator.ceremony(&over(&touched()));
        Self { authenticator: authenticator.clone(), ceremony, afterwards: Box::new(|_| ()), text: touched() }
    }

    /// In the JSON, before it is signed.
    fn said(&mut self, part: &str, instead: &str) {
        let written = self.ceremony.client_data.replace(part, instead);
        assert_ne!(written, self.ceremony.client_data, "{part}");
        self.ceremony.client_data = written;
    }

    fn after(&mut self, tamper: impl Fn(&mut Asserted) + 'static) {
        self.afterwards = Box::new(tamper);
    }

    fn outcome(&self) -> Result<(Presence, Option<u32>), ApprovalError> {
        let mut asserted = self.authenticator.sign(&self.ceremony);
        (self.afterwards)(&mut asserted);
        let roster = roster(&self.authenticator);
        let verified = verify(&self.text, &asserted.text(), &roster)?;
        assert_eq!((verified.person, verified.key), (name("bob"), enrolled(&self.authenticator)));
        Ok((verified.presence, verified.counter))
    }
}

#[track_caller]
fn refused(what: &str, spoil: impl Fn(&mut Case), expected: impl Fn(&AssertionError) -> bool) {
    for authenticator in both() {
        let mut case = Case::good(&authenticator);
        assert_eq!(case.outcome(), Ok((Presence::Touched, Some(7))), "{what}: before it");
        spoil(&mut case);
        let found = case.outcome();
        let as_expected = matches!(&found, Err(ApprovalError::Assertion(err)) if expected(err));
        assert!(as_expected, "{what}: {found:?}");
    }
}

#[track_caller]
fn taken(what: &str, change: impl Fn(&mut Case)) {
    for authenticator in both() {
        let mut case = Case::good(&authenticator);
        change(&mut case);
        assert_eq!(case.outcome().map(|it| it.0), Ok(Presence::Touched), "{what}");
    }
}

#[test]
fn what_the_browser_says_must_be_an_assertion_over_this_text_on_this_site() {
    for kind in ["webauthn.create", "payment.get", "webauthn.get ", ""] {
        refused(
            kind,
            |case| case.said("webauthn.get", kind),
            |err| *err == AssertionError::Type(kind.to_owned()),
        );
    }
    refused(
        "another text",
        |case| case.text = case.text.replace("kiro", "nobo"),
        |err| *err == AssertionError::Challenge,
    );
    let requests = challenge(request::NAMESPACE, touched().as_bytes());
    refused(
        "the same text as a request's",
        |case| case.ceremony = case.authenticator.ceremony(requests.as_bytes()),
        |err| *err == AssertionError::Challenge,
    );
    refused(
        "the text's bare digest",
        |case| {
            let digest = model::Digest::of(touched().as_bytes());
            case.ceremony = case.authenticator.ceremony(digest.as_bytes());
        },
        |err| *err == AssertionError::Challenge,
    );
    refused(
        "a padded challenge",
        |case| case.said(r#"","origin""#, r#"=","origin""#),
        |err| *err == AssertionError::Challenge,
    );
    refused(
        "another site's frame",
        |case| case.said("false", "true"),
        |err| *err == AssertionError::CrossOrigin,
    );
    for around in [r#""https://example.org""#, r#""https://countersign.example.com""#, "null"] {
        refused(
            around,
            |case| case.said("false}", &format!(r#"false,"topOrigin":{around}}}"#)),
            |err| *err == AssertionError::TopOrigin,
        );
    }
}

#[test]
fn only_the_sites_own_pages_can_ask_for_an_approval() {
    for origin in [
        "http://countersign.example.com",
        "https://example.com",
        "https://old.countersign.example.com",
        "https://countersign.example.com.evil.example",
        "https://evilcountersign.example.com",
        "https://evil.example",
        "https://countersign.example.com/",
        "https://countersign.example.com.",
        "https://Countersign.example.com",
        "https://bob@countersign.example.com",
        "https://countersign.example.com:",
        "https://countersign.example.com:0",
        "https://countersign.example.com:443",
        "https://countersign.example.com:08443",
        "https://countersign.example.com:+8443",
        "https://countersign.example.com:65536",
        "https://countersign.example.com:8443/x",
        "https://localhost",
        "http://localhost",
        "android:apk-key-hash:AAAA",
        "null",
        "",
    ] {
        refused(
            origin,
            |case| case.said("https://countersign.example.com", origin),
            |err| matches!(err, AssertionError::Origin { found, .. } if found == origin),
        );
    }
    for origin in ["https://countersign.example.com:8443", "https://countersign.example.com:80"] {
        taken(origin, |case| case.said("https://countersign.example.com", origin));
    }
}

#[test]
fn the_machine_itself_needs_no_certificate() {
    let here = Authenticator::p256(1, "localhost");
    let signed = |origin: &str| {
        let mut case = Case::good(&here);
        case.said("https://localhost\"", &format!("{origin}\""));
        case.outcome().map(|it| it.0)
    };
    for origin in
        ["http://localhost", "http://localhost:8080", "https://localhost:8443", "http://localhost:443"]
    {
        assert_eq!(signed(origin), Ok(Presence::Touched), "{origin}");
    }
    for origin in ["http://localhost:80", "http://127.0.0.1:8080", "http://a.localhost", "ws://localhost"] {
        assert!(signed(origin).is_err(), "{origin}");
    }
}

#[test]
fn the_browsers_words_have_one_reading() {
    let unreadable = |err: &AssertionError| matches!(err, AssertionError::ClientData(_));
    for (what, part, instead) in [
        ("a type that comes twice", "{", r#"{"type":"webauthn.create","#),
        ("the same type twice", "{", r#"{"type":"webauthn.get","#),
        ("a type that comes twice, escaped", "{", r#"{"\u0074ype":"webauthn.create","#),
        ("a challenge that comes twice", "}", r#","challenge":"AAAA"}"#),
        ("an origin that comes twice", "}", r#","origin":"https://evil.example"}"#),
        ("crossOrigin that comes twice", "}", r#","crossOrigin":true}"#),
        ("topOrigin that comes twice", "}", r#","topOrigin":null,"topOrigin":null}"#),
        ("crossOrigin that is no boolean", "false", "\"false\""),
        ("crossOrigin that is null", "false", "null"),
        ("a type that is no text", "\"webauthn.get\"", "[\"webauthn.get\"]"),
        ("no type", r#""type":"webauthn.get","#, ""),
        ("no origin", r#""origin":"https://countersign.example.com","#, ""),
        ("something behind it", "}", "}x"),
        ("two of them", "}", "}{}"),
        ("a byte order mark", "{", "\u{feff}{"),
        ("a space before it", "{", " {"),
        ("an end that is missing", "}", ""),
        ("a comma too many", "}", ",}"),
        ("a line feed in a text", "webauthn.get", "webauthn\n.get"),
        ("half a surrogate pair", "webauthn.get", r"\ud800"),
    ] {
        refused(what, |case| case.said(part, instead), unreadable);
    }
    refused(
        "the values alone",
        |case| {
            let challenge = case.ceremony.client_data.split('"').nth(7).unwrap();
            case.ceremony.client_data =
                format!(r#"["webauthn.get","{challenge}","https://countersign.example.com",false,false]"#);
        },
        unreadable,
    );
    refused("no UTF-8", |case| case.after(|asserted| asserted.client_data[2] = 0xff), unreadable);
    refused(
        "brackets without end",
        |case| case.said("}", &format!(r#","more":{}}}"#, "[".repeat(500))),
        unreadable,
    );
    taken("no crossOrigin", |case| case.said(r#","crossOrigin":false"#, ""));
    taken("more members, as browsers add them", |case| {
        case.said(
            "}",
            r#","other_keys_can_be_added_here":"do not compare with a template","more":[{"type":1}]}"#,
        );
    });
    taken("another order", |case| {
        case.said(r#"{"type":"webauthn.get","#, "{");
        case.said("}", r#","type":"webauthn.get"}"#);
    });
}

#[test]
fn the_authenticator_must_have_verified_a_person_for_this_site() {
    refused(
        "another site",
        |case| case.ceremony.rp_id = "example.com".to_owned(),
        |err| matches!(err, AssertionError::Site(site) if site.as_str() == SITE),
    );
    for (flags, expected) in [
        (0x00, AssertionError::NotPresent),
        (0x04, AssertionError::NotPresent),
        (0x01, AssertionError::NotVerified),
        (0x19, AssertionError::NotVerified),
        (0x15, AssertionError::Backup),
        (0x45, AssertionError::Attested),
        (0x85, AssertionError::Extensions),
    ] {
        refused(&format!("flags {flags:#x}"), |case| case.ceremony.flags = flags, |err| *err == expected);
    }
    refused(
        "extensions that are there",
        |case| (case.ceremony.flags, case.ceremony.more) = (0x85, vec![0xa0]),
        |err| *err == AssertionError::Extensions,
    );
    refused(
        "something behind the data",
        |case| case.ceremony.more = vec![0xa0],
        |err| *err == AssertionError::Trailing(1),
    );
    refused(
        "a byte too few",
        |case| case.after(|asserted| asserted.authenticator_data.truncate(36)),
        |err| *err == AssertionError::Short(36),
    );
    // What may be backed up, what is, and bits that are reserved.
    for flags in [0x0d, 0x1d, 0x05 | 0x02 | 0x20] {
        taken(&format!("flags {flags:#x}"), |case| case.ceremony.flags = flags);
    }
}

#[test]
fn only_the_passkeys_own_signature_counts() {
    let mismatch = |err: &AssertionError| *err == AssertionError::Mismatch;
    let encoding = |err: &AssertionError| *err == AssertionError::Encoding;
    refused(
        "a flag set afterwards",
        |case| {
            case.ceremony.flags = 0x0d;
            case.after(|asserted| asserted.authenticator_data[32] = 0x05);
        },
        mismatch,
    );
    refused(
        "a counter set back",
        |case| case.after(|asserted| asserted.authenticator_data[36] = 1),
        mismatch,
    );
    refused(
        "the browser's words changed afterwards",
        |case| {
            case.after(|asserted| {
                asserted.client_data.pop();
                asserted.client_data.extend(br#","x":1}"#);
            });
        },
        mismatch,
    );
    refused(
        "another authenticator that gives the credential for its own",
        |case| {
            let other = match case.authenticator.public_key().len() {
                42 => Authenticator::ed25519(9, SITE),
                _ => Authenticator::p256(9, SITE),
            };
            let ceremony = case.ceremony.clone();
            case.after(move |asserted| asserted.signature = other.sign(&ceremony).signature);
        },
        mismatch,
    );
    refused("no signature", |case| case.after(|asserted| asserted.signature.clear()), encoding);
    refused("a byte more", |case| case.after(|asserted| asserted.signature.push(0)), encoding);
    refused(
        "a byte less",
        |case| case.after(|asserted| asserted.signature.truncate(asserted.signature.len() - 1)),
        encoding,
    );
    refused(
        "more than any has",
        |case| case.after(|asserted| asserted.signature = vec![0x30; 73]),
        |err| *err == AssertionError::TooLong { part: "signature", bytes: 73, max: 72 },
    );
}

/// ES256 signatures are DER (§6.5.5), and of DER there is one spelling.
#[test]
fn a_signature_that_is_not_der_is_none() {
    let authenticator = Authenticator::p256(1, SITE);
    let check = |what: &str, respell: fn(&[u8], &[u8]) -> Vec<u8>| {
        let mut case = Case::good(&authenticator);
        assert!(case.outcome().is_ok(), "{what}: before it");
        case.after(move |asserted| {
            let signature = p256::ecdsa::Signature::from_der(&asserted.signature).unwrap();
            let (r, s) = signature.split_bytes();
            asserted.signature = respell(&r, &s);
        });
        assert_eq!(case.outcome(), Err(ApprovalError::Assertion(AssertionError::Encoding)), "{what}");
    };
    check("two numbers of fixed length", |r, s| [r, s].concat());
    check("a zero too many", |r, s| [&[0x30, 70, 2, 34, 0, 0][..], r, &[2, 32], s].concat());
    check("a length in the long form", |r, s| [&[0x30, 0x81, 68, 2, 32][..], r, &[2, 32], s].concat());
    check("one number", |r, _| [&[0x30, 34, 2, 32][..], r].concat());
    check("zero", |_, _| vec![0x30, 6, 2, 1, 0, 2, 1, 0]);
}

#[test]
fn sizes_are_bounded_before_anything_is_read() {
    refused(
        "words without end",
        |case| case.said("}", &format!(r#","x":"{}"}}"#, "x".repeat(1000))),
        |err| matches!(err, AssertionError::TooLong { part: "client data", max: 1024, .. }),
    );
    refused(
        "data without end",
        |case| case.ceremony.more = vec![0; 1000],
        |err| *err == AssertionError::TooLong { part: "authenticator data", bytes: 1037, max: 1024 },
    );
    refused(
        "a text without end",
        |case| case.after(|asserted| asserted.client_data = vec![b'x'; 4000]),
        |err| matches!(err, AssertionError::TooLong { part: "text", max: 4096, .. }),
    );
    let long = Authenticator::p256(1, SITE).called(&[7; 1023]);
    assert!(Case::good(&long).outcome().is_ok());
    let longer = long.clone().called(&[7; 1024]);
    let text = longer.approve(&over(&touched()));
    let refused = AssertionError::TooLong { part: "credential", bytes: 1024, max: 1023 };
    assert_eq!(verify(&touched(), &text, &roster(&long)), Err(ApprovalError::Assertion(refused)));
}

#[test]
fn an_assertion_counts_for_the_person_who_is_enrolled_with_it() {
    for authenticator in both() {
        let good = authenticator.approve(&over(&touched()));
        assert!(verify(&touched(), &good, &roster(&authenticator)).is_ok());

        let other = Authenticator::p256(9, SITE);
        let unknown = verify(&touched(), &other.approve(&over(&touched())), &roster(&authenticator));
        assert!(
            matches!(&unknown, Err(ApprovalError::NotEnrolled { fingerprint }) if fingerprint.starts_with("passkey CQkJ")),
            "{unknown:?}"
        );

        let carols =
            Statement { presence: Presence::Touched, person: name("carol"), ..statement() }.to_text();
        let refused = verify(&carols, &authenticator.approve(&over(&carols)), &roster(&authenticator));
        let expected = ApprovalError::OtherPerson { signer: name("bob"), named: name("carol") };
        assert_eq!(refused, Err(expected));

        let file = statement().to_text();
        let refused = verify(&file, &authenticator.approve(&over(&file)), &roster(&authenticator));
        let expected = ApprovalError::Presence { stated: Presence::File, shown: Presence::Touched };
        assert_eq!(refused, Err(expected));
    }
}

#[test]
fn one_passkey_under_two_names_is_an_error_whatever_it_calls_itself() {
    let bobs = Authenticator::ed25519(1, SITE);
    let elsewhere = Authenticator::ed25519(1, "example.com").called(&[5; 16]);
    let copied = Authenticator::p256(9, SITE).called(&bobs.credential_id);
    let keys = [
        ("the same", enrolled(&bobs)),
        ("the same key as another credential", enrolled(&elsewhere)),
        ("the same credential with another key", enrolled(&copied)),
        ("the same key in a file", key_file(1).1),
    ];
    for (what, key) in keys {
        let mut roster = roster(&bobs);
        let good = verify(&touched(), &bobs.approve(&over(&touched())), &roster);
        assert!(good.is_ok(), "{what}: before it");
        roster.people.insert(name("mallory"), approver([key]));
        let refused = verify(&touched(), &bobs.approve(&over(&touched())), &roster);
        let expected = ApprovalError::SharedKey { first: name("bob"), second: name("mallory") };
        assert_eq!(refused, Err(expected), "{what}");
    }
}

/// What of promise 4 is the same for every kind of signature: one field altered, and it is void.
#[test]
fn a_passkey_signs_every_act_and_nothing_besides() {
    for authenticator in both() {
        for act in Act::ALL {
            let said = Statement { act, presence: Presence::Touched, ..statement() };
            let signature = authenticator.approve(&over(&said.to_text()));
            let roster = roster(&authenticator);
            assert_eq!(verify(&said.to_text(), &signature, &roster).unwrap().statement, said);
            for other in Act::ALL.into_iter().filter(|other| *other != act) {
                let altered = Statement { act: other, ..said.clone() }.to_text();
                let refused = verify(&altered, &signature, &roster);
                assert_eq!(
                    refused,
                    Err(ApprovalError::Assertion(AssertionError::Challenge)),
                    "{act} {other}"
                );
            }
        }
    }
}

#[test]
fn no_character_of_an_assertions_text_may_change() {
    for authenticator in both() {
        let text = authenticator.approve(&over(&touched()));
        let roster = roster(&authenticator);
        assert!(verify(&touched(), &text, &roster).is_ok());
        for at in 0..text.len() {
            for instead in [b'A', b'B', b'\n'] {
                let mut bytes = text.clone().into_bytes();
                if bytes[at] == instead {
                    continue;
                }
                bytes[at] = instead;
                let altered = String::from_utf8(bytes).unwrap();
                assert!(verify(&touched(), &altered, &roster).is_err(), "{at}: {altered}");
            }
        }
        for altered in
            [format!(" {text}"), format!("{text}\n"), text.trim().to_owned(), text.replace('\n', "\r\n")]
        {
            assert!(verify(&touched(), &altered, &roster).is_err(), "{altered}");
        }
    }
}

/// A person's requests can be signed by the same door, and are no approvals.
#[test]
fn a_request_is_signed_by_a_passkey_and_is_no_statement() {
    let authenticator = Authenticator::p256(1, SITE);
    let proof = request::Proof {
        person: name("bob"),
        method: "GET".into(),
        target: "/v1/changes".into(),
        body: model::Digest::of(b""),
        nonce: "bm9uY2U".into(),
        installation: model::Digest::of(b"genesis"),
    };
    let text = proof.to_text();
    let signature = authenticator.approve(challenge(request::NAMESPACE, text.as_bytes()).as_bytes());
    let roster = roster(&authenticator);
    let bob = request::verify(&proof, &signature, &roster).unwrap();
    assert_eq!((bob.person, bob.presence), (name("bob"), Presence::Touched));
    assert_eq!(bob.key.0, authenticator.roster_line());
    let as_statement = authenticator.approve(&over(&text));
    let refused = request::verify(&proof, &as_statement, &roster);
    assert_eq!(refused, Err(ApprovalError::Assertion(AssertionError::Challenge)));
}

#[test]
fn a_counter_that_does_not_go_up_is_a_signal() {
    for (last, now, expected) in [
        (0, 0, Counter::NotKept),
        (0, 1, Counter::Advances),
        (1, 2, Counter::Advances),
        (1, u32::MAX, Counter::Advances),
        (1, 1, Counter::MayBeCloned),
        (2, 1, Counter::MayBeCloned),
        (1, 0, Counter::MayBeCloned),
    ] {
        assert_eq!(compare_counters(last, now), expected, "{last} {now}");
    }
}

proptest! {
    #[test]
    fn an_assertion_has_one_text(
        id in proptest::collection::vec(any::<u8>(), 0..200),
        data in proptest::collection::vec(any::<u8>(), 0..60),
        client in proptest::collection::vec(any::<u8>(), 0..300),
        signature in proptest::collection::vec(any::<u8>(), 0..73),
    ) {
        let it = Assertion { credential_id: id, authenticator_data: data, client_data: client, signature };
        prop_assert_eq!(Assertion::parse(&it.to_text()), Ok(it));
    }

    #[test]
    fn reading_an_assertion_never_panics(
        text in "(-----BEGIN PASSKEY ASSERTION-----\n)?(credential: |client data: |[A-Za-z0-9_=\n-]){0,60}",
        client in "\\{(\"(type|origin|crossOrigin|x)\":(\"webauthn.get\"|true|[0-9]),?){0,4}\\}?",
        data in proptest::collection::vec(any::<u8>(), 0..60),
        signature in proptest::collection::vec(any::<u8>(), 0..80),
    ) {
        if let Ok(read) = Assertion::parse(&text) {
            prop_assert_eq!(read.to_text(), text.clone());
        }
        let authenticator = Authenticator::p256(1, SITE);
        let asserted = Asserted {
            credential_id: authenticator.credential_id.clone(),
            authenticator_data: data,
            client_data: client.into_bytes(),
            signature,
        };
        prop_assert!(verify(&touched(), &asserted.text(), &roster(&authenticator)).is_err());
        prop_assert!(verify(&touched(), &text, &roster(&authenticator)).is_err());
    }
}
