//! A new passkey becomes a line only where it was made on the site's own page, for this installation and this person. Each refusal
//! is of one that is taken until the one thing that its row names is done to it.

use approval::passkey::{Creation, ENROLMENT, challenge, made};
use expect_test::{Expect, expect};
use model::Digest;
use testkit::{Authenticator, Made};

use crate::fixture::name;

const SITE: &str = "countersign.example.com";

fn genesis() -> Digest {
    Digest::of(b"genesis")
}

fn asked_for(installation: Digest, person: &str) -> Digest {
    challenge(ENROLMENT, format!("{installation} {person}").as_bytes())
}

fn both() -> [Authenticator; 2] {
    [Authenticator::p256(1, SITE), Authenticator::ed25519(2, SITE)]
}

fn line(it: &Made) -> Result<String, String> {
    let (rp_id, person) = (SITE.parse().unwrap(), name("dora"));
    let creation = Creation {
        rp_id: &rp_id,
        installation: genesis(),
        person: &person,
        authenticator_data: &it.authenticator_data,
        client_data: it.client_data.as_bytes(),
    };
    made(&creation).map(|passkey| passkey.to_key().0).map_err(|err| err.to_string())
}

#[track_caller]
fn check(spoil: impl Fn(&mut Made), expected: &Expect) {
    for authenticator in both() {
        let mut it = authenticator.made(asked_for(genesis(), "dora").as_bytes());
        assert_eq!(line(&it), Ok(authenticator.roster_line()), "before it");
        spoil(&mut it);
        expected.assert_eq(&line(&it).unwrap_err());
    }
}

/// In the JSON.
fn said(part: &'static str, instead: &'static str) -> impl Fn(&mut Made) {
    move |it| {
        let written = it.client_data.replace(part, instead);
        assert_ne!(written, it.client_data, "{part}");
        it.client_data = written;
    }
}

#[test]
fn a_passkey_is_made_here_for_this_installation_and_this_person_or_refused() {
    check(
        said("webauthn.create", "webauthn.get"),
        &expect!["the browser did this for `webauthn.get`, not for `webauthn.create`: no passkey was made"],
    );
    check(
        said("https://countersign.example.com", "https://evil.example"),
        &expect![
            "the passkey was made on a page of `https://evil.example`, and it would work on https://countersign.example.com only: open the console there"
        ],
    );
    check(
        said("https://", "https://old."),
        &expect![
            "the passkey was made on a page of `https://old.countersign.example.com`, and it would work on https://countersign.example.com only: open the console there"
        ],
    );
    for framed in ["true}", r#"false,"topOrigin":"https://evil.example"}"#] {
        check(
            said("false}", framed),
            &expect![
                "the passkey was made inside another site's page: open the console in a window of its own"
            ],
        );
    }
    let another = expect![
        "the passkey was made for another installation, or under another name: compare the fingerprint, load the page again and make it there"
    ];
    for authenticator in both() {
        for challenge in [
            asked_for(Digest::of(b"another genesis"), "dora"),
            asked_for(genesis(), "ben"),
            challenge(approval::NAMESPACE, format!("{} dora", genesis()).as_bytes()),
        ] {
            another.assert_eq(&line(&authenticator.made(challenge.as_bytes())).unwrap_err());
        }
    }
    check(
        |it| it.client_data = "[]".to_owned(),
        &expect!["what the browser said of making the passkey cannot be read: it is no JSON object"],
    );
    check(
        |it| it.client_data.push_str(&" ".repeat(1024)),
        &expect!["what the browser said of making the passkey has 1171 bytes, more than 1024"],
    );
}

#[test]
fn what_an_authenticator_made_is_for_this_site_and_by_somebody_verified() {
    check(
        |it| it.authenticator_data[0] ^= 1,
        &expect!["the passkey was made for another site than countersign.example.com"],
    );
    check(
        |it| it.authenticator_data[32] &= !0x04,
        &expect![
            "the authenticator did not verify who was there (a PIN, a finger, a face); it must, or the passkey counts for nothing"
        ],
    );
    check(|it| it.authenticator_data[32] &= !0x40, &expect!["there is no new passkey in it"]);
    check(
        |it| it.authenticator_data.truncate(40),
        &expect![
            "the authenticator data has 40 bytes, too few for a new passkey, or more than the 4096 that one can take"
        ],
    );
}
