//! A passkey's line in the roster: one spelling, and what is none.

use approval::{
    fingerprint, parse_public_key,
    passkey::{Passkey, RpId, elsewhere},
    sign,
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use expect_test::{Expect, expect};
use model::{EnrolledKey, Person, Roster};
use proptest::prelude::*;
use testkit::Authenticator;

fn base64url(bytes: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

#[test]
fn a_passkey_has_one_line() {
    for authenticator in
        [Authenticator::p256(1, "countersign.example.com"), Authenticator::ed25519(2, "localhost")]
    {
        let line = authenticator.roster_line();
        let key = parse_public_key(&format!("{line}\n")).unwrap();
        assert_eq!(key.0, line);
        let site: RpId = authenticator.rp_id.parse().unwrap();
        let built = Passkey::new(site, &authenticator.credential_id, &authenticator.public_key()).unwrap();
        assert_eq!(built.to_key(), key);
        assert!(sign::proves_presence(&key));
        assert_eq!(sign::wire_form(&key), Err(sign::SignError::Passkey));
        assert!(fingerprint(&key).unwrap().starts_with("SHA256:"));
        for line in [
            format!("{line} bob@laptop"),
            line.replace("passkey ", "passkey  "),
            line.replace("passkey ", "passkey\t"),
            line.replace("passkey ", "Passkey "),
            format!("{line}="),
            line.to_uppercase(),
        ] {
            assert!(parse_public_key(&line).is_err(), "{line}");
        }
    }
}

#[track_caller]
fn check(line: &str, expected: &Expect) {
    expected.assert_eq(&parse_public_key(line).unwrap_err().to_string());
}

#[test]
fn other_passkeys_are_refused_with_a_reason() {
    let good = Authenticator::p256(1, "countersign.example.com");
    let (id, key) = (base64url(&good.credential_id), base64url(&good.public_key()));
    check(
        "passkey",
        &expect![
            "a passkey is one line of at most 2048 characters: `passkey`, its site, its credential's identifier and its public key, both in base64url, one space between them and nothing behind"
        ],
    );
    check(
        &format!("passkey {id} {key}"),
        &expect![
            "a passkey is one line of at most 2048 characters: `passkey`, its site, its credential's identifier and its public key, both in base64url, one space between them and nothing behind"
        ],
    );
    check(
        &format!("passkey example.com {id}= {key}"),
        &expect![
            "a passkey is one line of at most 2048 characters: `passkey`, its site, its credential's identifier and its public key, both in base64url, one space between them and nothing behind"
        ],
    );
    check(
        &format!("passkey example.com {id} {}", "A".repeat(2000)),
        &expect![
            "a passkey is one line of at most 2048 characters: `passkey`, its site, its credential's identifier and its public key, both in base64url, one space between them and nothing behind"
        ],
    );
    check(
        &format!("passkey example.com {} {key}", base64url(&[1; 15])),
        &expect!["the credential's identifier has 15 bytes; authenticators make some of 16 to 1023"],
    );
    check(
        &format!("passkey example.com {} {key}", base64url(&[1; 1024])),
        &expect!["the credential's identifier has 1024 bytes; authenticators make some of 16 to 1023"],
    );
    check(
        &format!("passkey https://example.com {id} {key}"),
        &expect![
            "`https://example.com` is no site that a passkey can belong to: give its domain in lower case, with `xn--` where it is not ASCII, without scheme, port or final dot; an address of numbers is none"
        ],
    );
    // RS256, as some authenticators of Windows make them: `{1: 3, 3: -257, …}`.
    let rsa =
        [&[0xa4, 1, 3, 3, 0x39, 1, 0, 0x20, 0x59, 1, 0][..], &[7; 256], &[0x21, 0x43, 1, 0, 1]].concat();
    check(
        &format!("passkey example.com {id} {}", base64url(&rsa)),
        &expect![
            "the passkey's public key is neither ES256 (-7) nor EdDSA over Ed25519 (-8), as an authenticator writes them; enrol one with only these two among `pubKeyCredParams`"
        ],
    );
    // No point of the curve.
    let mut stray = good.public_key();
    stray[76] ^= 1;
    check(
        &format!("passkey example.com {id} {}", base64url(&stray)),
        &expect!["the passkey's public key is not one that only its owner could sign for; enrol another"],
    );
}

/// Each is a key to somebody's CBOR decoder, and a second spelling of one.
#[test]
fn a_key_is_read_only_as_authenticators_write_it() {
    let good = Authenticator::p256(1, "example.com").public_key();
    let with = |key: &[u8]| Passkey::new("example.com".parse().unwrap(), &[1; 16], key);
    assert!(with(&good).is_ok());
    let (x, y) = (&good[10..42], &good[45..]);
    for (what, key) in [
        ("a map without end", [&[0xbf], &good[1..], &[0xff]].concat()),
        (
            "another order",
            [&[0xa5, 3, 0x26, 1, 2, 0x20, 1, 0x21, 0x58, 32], x, &[0x22, 0x58, 32], y].concat(),
        ),
        (
            "a number written long",
            [&[0xa5, 1, 0x18, 2, 3, 0x26, 0x20, 1, 0x21, 0x58, 32], x, &good[42..]].concat(),
        ),
        ("no algorithm", [&[0xa4, 1, 2, 0x20, 1, 0x21, 0x58, 32], x, &good[42..]].concat()),
        (
            "another algorithm",
            [&[0xa5, 1, 2, 3, 0x38, 0x22, 0x20, 1, 0x21, 0x58, 32], x, &good[42..]].concat(),
        ),
        ("another curve", [&[0xa5, 1, 2, 3, 0x26, 0x20, 2, 0x21, 0x58, 32], x, &good[42..]].concat()),
        ("a compressed point", [&good[..42], &[0x22, 0xf5]].concat()),
        ("something behind it", [&good[..], &[0]].concat()),
        ("less of it", good[..76].to_vec()),
        ("nothing", Vec::new()),
    ] {
        assert!(with(&key).is_err(), "{what}");
    }
    // The identity: any text has a signature under it.
    let mut identity = Authenticator::ed25519(1, "example.com").public_key();
    assert!(with(&identity).is_ok());
    identity[10..].copy_from_slice(&[0; 32]);
    identity[10] = 1;
    assert!(with(&identity).is_err());
}

#[test]
fn a_site_is_a_domain() {
    let long = format!("{}.example", "a".repeat(63));
    for site in [
        "localhost",
        "example.com",
        "countersign.example.com",
        "xn--bcher-kva.example",
        "a.b",
        "1.example",
        &long,
    ] {
        assert_eq!(site.parse::<RpId>().unwrap().as_str(), site);
    }
    let (longer, longest) = (format!("{}.example", "a".repeat(64)), vec!["abcdefg"; 40].join("."));
    for site in [
        "",
        ".",
        "example.com.",
        ".example.com",
        "a..b",
        "Example.com",
        "bücher.example",
        "-a.example",
        "a-.example",
        "a_b.example",
        "example.com:8443",
        "https://example.com",
        "127.0.0.1",
        "1",
        "a.0x7f",
        "[::1]",
        "a b",
        "*",
        &longer,
        &longest,
    ] {
        assert!(site.parse::<RpId>().is_err(), "{site}");
    }
}

#[test]
fn a_passkey_of_another_site_is_named_with_its_person() {
    let line = |seed, site| Authenticator::p256(seed, site).roster_line();
    let enrolled = |keys: &[String]| Person {
        keys: keys.iter().map(|line| EnrolledKey(line.clone())).collect(),
        ..Person::default()
    };
    let ben = [line(1, "localhost"), line(2, "old.example"), "ssh-ed25519 AAAA".to_owned()];
    let roster = Roster {
        people: [("ben", enrolled(&ben)), ("carla", enrolled(&["passkey old.example".to_owned()]))]
            .map(|(name, person)| (name.parse().unwrap(), person))
            .into(),
        ..Roster::default()
    };
    let told = |site: &str| -> Vec<String> {
        elsewhere(&roster, &site.parse().unwrap()).iter().map(ToString::to_string).collect()
    };
    let [other] = <[String; 1]>::try_from(told("localhost")).unwrap();
    expect![
        "a passkey of ben belongs to `old.example`, and this installation's site is `localhost`: nobody could sign with it"
    ]
    .assert_eq(&other);
    assert_eq!(told("old.example").len(), 1);
    assert_eq!(told("new.example").len(), 2);
}

proptest! {
    #[test]
    fn parsing_a_passkeys_line_never_panics(
        site in "[a-z.:-]{0,20}", id in proptest::collection::vec(any::<u8>(), 0..40),
        key in proptest::collection::vec(any::<u8>(), 0..90), line in "passkey .{0,80}"
    ) {
        prop_assert!(parse_public_key(&line).is_err());
        let line = format!("passkey {site} {} {}", base64url(&id), base64url(&key));
        prop_assert!(parse_public_key(&line).is_err());
        if let Ok(site) = site.parse::<RpId>() {
            prop_assert!(!site.is_home_of(&line));
            let home = format!("https://{site}");
            prop_assert!(site.is_home_of(&home));
        }
    }
}
