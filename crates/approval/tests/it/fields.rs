//! Promise 4, field by field: altering any one of them voids the signature, and says so by name.

use approval::{Act, ApprovalError, NAMESPACE, Observed, SignatureError, Statement, verify};
use model::{ChangeId, Digest, EvidenceKind, Presence, Timestamp};
use proptest::prelude::*;

use crate::fixture::{name, parameter, roster, sign, statement};

/// One alteration per field. A new field of the statement that is not altered here does not compile.
macro_rules! alterations {
    ($($field:ident: $alter:expr),* $(,)?) => {
        fn alterations() -> Vec<(&'static str, Statement)> {
            let Statement { $($field: _),* } = statement();
            vec![$((stringify!($field), {
                let mut altered = statement();
                let alter: fn(&mut Statement) = $alter;
                alter(&mut altered);
                altered
            })),*]
        }
    };
}

alterations!(
    act: |it| it.act = Act::Reject,
    installation: |it| it.installation = Digest::of(b"another installation"),
    change: |it| it.change = ChangeId::new(1, [8; 10]),
    digest: |it| it.digest = Digest::of(b"another change"),
    agent: |it| it.agent = "codex".parse().unwrap(),
    operator: |it| it.operator = name("mallory"),
    person: |it| it.person = name("carol"),
    scope: |it| it.scope.push_str(",service:rds"),
    account: |it| it.account = "999999999999".into(),
    region: |it| it.region = "eu-central-1".into(),
    environment: |it| it.environment = "staging".into(),
    intent: |it| it.intent.push('!'),
    actions: |it| it.actions[0] = "cloudformation:DescribeStacks reads a stack (read)".into(),
    parameters: |it| it.parameters[0][0].value.push('2'),
    observed: |it| it.observed[0] = Observed { fingerprint: Digest::of(b"another state"), ..it.observed[0].clone() },
    undo: |it| it.undo[0] = "not needed".into(),
    second_lock: |it| it.second_lock[0] = "yes: on the stack alone".into(),
    unknowns: |it| it.unknowns.truncate(1),
    bundle: |it| it.bundle = Digest::of(b"another bundle"),
    requirement: |it| it.requirement = "1 other person".into(),
    evidence: |it| it.evidence[1] = (EvidenceKind::BackupVerified, Some(Digest::of(b"a backup"))),
    presence: |it| it.presence = Presence::Touched,
    presence_rule: |it| it.presence_rule = "only signatures by a touched security key or a passkey count here (profile strict)".into(),
    expires_at: |it| it.expires_at = Timestamp::from_millis(it.expires_at.millis() + 1),
    nonce: |it| it.nonce.push('0'),
    checkpoint: |it| it.checkpoint = "countersign/5f1c 4710 Zm9v".into(),
    reason: |it| it.reason = Some("because".into()),
);

#[test]
fn altering_any_field_voids_the_approval() {
    let roster = roster([("bob", vec![1]), ("carol", vec![2])]);
    let original = statement();
    let signature = sign(1, NAMESPACE, &original.to_text());
    let verified = verify(&original.to_text(), &signature, &roster).unwrap();
    assert_eq!(
        (verified.statement, verified.person, verified.presence),
        (original.clone(), name("bob"), Presence::File)
    );

    let names: Vec<&str> = alterations().iter().map(|(field, _)| *field).collect();
    assert_eq!(names, Statement::FIELDS);
    for (field, altered) in alterations() {
        assert_eq!(original.differences(&altered), [field]);
        assert_eq!(Statement::parse(&altered.to_text()).as_ref(), Ok(&altered), "{field} is well-formed");
        assert_eq!(
            verify(&altered.to_text(), &signature, &roster),
            Err(ApprovalError::Signature(SignatureError::Mismatch)),
            "{field}"
        );
    }
}

#[test]
fn every_part_of_a_nested_field_is_signed() {
    let roster = roster([("bob", vec![1])]);
    let signature = sign(1, NAMESPACE, &statement().to_text());
    let alterations: [fn(&mut Statement); 12] = [
        |it| it.observed[0].at = Timestamp::from_millis(it.observed[0].at.millis() + 1),
        |it| it.observed.clear(),
        |it| it.evidence[0].0 = EvidenceKind::DryRun,
        |it| it.evidence.reverse(),
        |it| it.unknowns.reverse(),
        |it| it.undo[0] = "captured: restores the stack from its template".into(),
        |it| it.parameters[0][0].name.push('2'),
        |it| it.parameters[0].clear(),
        |it| it.parameters[0].push(parameter("RoleARN", "arn:aws:iam::1:role/r")),
        |it| it.parameters[0][0].value.push('\n'),
        |it| it.parameters[0].insert(0, parameter("", "")),
        |it| {
            it.parameters.push(vec![parameter("DBInstanceIdentifier", "orders")]);
            it.actions.push("rds:DeleteDBInstance deletes the database orders (destroy)".into());
            it.undo.push("not captured".into());
            it.second_lock.push("no: it has no role".into());
        },
    ];
    for (nth, alter) in alterations.into_iter().enumerate() {
        let mut altered = statement();
        alter(&mut altered);
        assert_eq!(Statement::parse(&altered.to_text()).as_ref(), Ok(&altered), "{nth}");
        assert!(verify(&altered.to_text(), &signature, &roster).is_err(), "{nth}");
    }
}

#[test]
fn who_signed_and_how_must_be_what_the_text_says() {
    let roster = roster([("bob", vec![1]), ("carol", vec![2])]);
    let check = |seed, altered: Statement| {
        let text = altered.to_text();
        verify(&text, &sign(seed, NAMESPACE, &text), &roster).unwrap_err().to_string()
    };
    expect_test::expect!["the key is carol's, but the text is bob's: everyone signs their own"]
        .assert_eq(&check(2, statement()));
    expect_test::expect![
        "the statement says that presence is shown as `touched`, but the key shows `file`; ask for it anew"
    ]
    .assert_eq(&check(1, Statement { presence: Presence::Touched, ..statement() }));
    let stranger = check(3, statement());
    assert!(
        stranger.starts_with("the key SHA256:") && stranger.contains("is not enrolled here"),
        "{stranger}"
    );
}

#[test]
fn a_signed_text_that_is_no_statement_is_none() {
    let roster = roster([("bob", vec![1])]);
    let text = statement().to_text().replace("APPROVE", "approve");
    let refused = verify(&text, &sign(1, NAMESPACE, &text), &roster).unwrap_err();
    assert!(matches!(refused, ApprovalError::Statement(_)), "{refused}");
}

/// What one person read in `change show` and another is about to sign.
#[test]
fn the_matter_is_the_same_for_every_signer_and_another_for_every_other_field() {
    const SIGNERS: [&str; 5] = ["act", "person", "presence", "checkpoint", "reason"];
    let original = statement();
    for (field, altered) in alterations() {
        assert_eq!(original.matter() == altered.matter(), SIGNERS.contains(&field), "{field}");
    }
}

/// Whoever keeps facts moving, and the statement with them, does not thereby escape a veto.
#[test]
fn a_veto_stands_on_the_change_it_names_alone() {
    let original = statement();
    let against: Vec<_> = alterations()
        .into_iter()
        .filter(|(_, altered)| !original.differences_for_a_veto(altered).is_empty())
        .map(|(field, _)| field)
        .collect();
    assert_eq!(against, ["installation", "change", "digest"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_byte_of_text_or_signature_may_change(at in any::<prop::sample::Index>(), bit in 0u8..8) {
        let roster = roster([("bob", vec![1])]);
        let text = statement().to_text();
        let signature = sign(1, NAMESPACE, &text);
        let mut bytes = text.clone().into_bytes();
        bytes[at.index(text.len())] ^= 1 << bit;
        if let Ok(altered) = String::from_utf8(bytes) {
            prop_assert!(verify(&altered, &signature, &roster).is_err());
        }
        let body = signature.len() - "\n-----END SSH SIGNATURE-----\n".len();
        let mut bytes = signature.clone().into_bytes();
        bytes[at.index(body)] ^= 1 << bit;
        if let Ok(altered) = String::from_utf8(bytes) {
            prop_assert!(verify(&text, &altered, &roster).is_err(), "{}", altered);
        }
    }

    #[test]
    fn verifying_never_panics(blob in proptest::collection::vec(any::<u8>(), 0..300), armored in ".{0,200}") {
        let roster = roster([("bob", vec![1])]);
        let text = statement().to_text();
        prop_assert!(verify(&text, &armored, &roster).is_err());
        prop_assert!(verify(&text, &crate::fixture::pem(&blob), &roster).is_err());
        prop_assert!(verify(&text, &crate::fixture::pem(&[b"SSHSIG\0\0\0\x01", &blob[..]].concat()), &roster).is_err());
        prop_assert!(verify(&armored, &sign(1, NAMESPACE, &armored), &roster).is_err());
    }
}
