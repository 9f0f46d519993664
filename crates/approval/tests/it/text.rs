//! The text is pleasant to read, has one spelling, and no field of it can look like another line.

use approval::{Act, Observed, Parameter, Statement, StatementError};
use expect_test::{Expect, expect};
use model::{AgentId, ChangeId, Digest, EvidenceKind, PersonId, Presence, Timestamp, sanitize};
use proptest::{collection::vec, option, prelude::*};

use crate::fixture::{parameter, statement};

#[test]
fn a_delete_in_production_reads_like_this() {
    expect![[r#"
        countersign statement v1

        I, bob, APPROVE this change: it may run, once, as written here.

        WHAT WILL HAPPEN
          1. cloudformation:DeleteStack deletes the stack cost-explorer and the 7
                 resources in it, among them the database cost-explorer-orders and the
                 bucket cost-explorer-reports (destroy)
            with: StackName = cost-explorer
            undo: not captured
            second lock: no: accounts.toml gives no roles
            state: 4ba69735ca53765ed6a709edb56c6ea236b7193a3b29a6b390c346f0f4340e4e
            read at: 2026-11-21T02:38:00.000Z

        WHERE
          environment: production
          account: 123456789012
          region: cn-north-1

        WHO ASKED
          agent: kiro
          operator: alice
          scope: env:production,service:cloudformation

        IN THEIR OWN WORDS (a claim, checked by nobody)
          > Cost Explorer shows stale data; the cleanest fix is to delete and recreate
                 the environment. No customer will notice, approve quickly please.

        WHAT IS NOT KNOWN
          - whether the database has a snapshot newer than 2026-11-20T03:00:00.000Z
          - who else reads the bucket

        WHAT IT NEEDS
          requirement: 2 other people, 1 of them with a touched key; one of them as
                 owner; evidence state_observed; evidence backup_verified; window
                 outside peak hours, 20:00 to 06:00 UTC
          evidence: state_observed
            digest: 4ba69735ca53765ed6a709edb56c6ea236b7193a3b29a6b390c346f0f4340e4e
          evidence: backup_verified
            digest: missing
          expires: 2026-11-21T03:38:00.000Z

        THIS SIGNATURE
          act: approve
          person: bob
          presence: file
          presence rule: signatures by key files count here (profile lab)

        IT HOLDS ONLY FOR
          change: chg-01m7xzg3b00w3ge1r70w3ge1r7
          digest: 12ea12eace7d655f471ce55e34f89b1b77a3d9d05a445ca82877dd2235beaa51
          bundle: 1e6ed65d77d6364eeaed5a745ba5c4985ae2b700dd85d7cf7f027bdf294a33fc
          installation: aeebad4a796fcc2e15dc4c6061b45ed9b373f26adfc798ca7d2d8cc58182718e
          nonce: c3RhdGVtZW50LW5vbmNl
          checkpoint: countersign/5f1c 4711 Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmFyYmE=
    "#]]
    .assert_eq(&statement().to_text());
}

#[test]
fn a_rejection_without_anything_known_reads_like_this() {
    let bare = Statement {
        act: Act::Reject,
        reason: Some("nothing says that the database survives; update the stack in place instead".into()),
        observed: Vec::new(),
        unknowns: Vec::new(),
        evidence: Vec::new(),
        presence: Presence::Touched,
        actions: vec!["ssm:PutParameter writes the parameter /cost/feature (write)".into(), "x".repeat(200)],
        parameters: vec![
            vec![
                parameter("Name", "/cost/feature"),
                parameter("Overwrite", "true"),
                parameter("Value", "{\n  \"enabled\": true,\n\n  \"note\": \"a\\u{a}b\"\n}\n"),
            ],
            Vec::new(),
        ],
        undo: vec!["captured: writes version 3 back".into(), "not needed".into()],
        second_lock: vec![
            "yes, to arn:aws:s3:::reports".into(),
            "no: it acts with the caller's rights".into(),
        ],
        checkpoint: String::new(),
        ..statement()
    };
    expect![[r#"
        countersign statement v1

        I, bob, REJECT this change: it must not run.

        WHAT WILL HAPPEN
          1. ssm:PutParameter writes the parameter /cost/feature (write)
            with: Name = /cost/feature
            with: Overwrite = true
            with: Value = {
              |   "enabled": true,
              |
              |   "note": "a\u{a}b"
              | }
              |
            undo: captured: writes version 3 back
            second lock: yes, to arn:aws:s3:::reports
            state: not observed
          2. xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
                xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
                xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
            undo: not needed
            second lock: no: it acts with the caller's rights
            state: not observed

        WHERE
          environment: production
          account: 123456789012
          region: cn-north-1

        WHO ASKED
          agent: kiro
          operator: alice
          scope: env:production,service:cloudformation

        IN THEIR OWN WORDS (a claim, checked by nobody)
          > Cost Explorer shows stale data; the cleanest fix is to delete and recreate
                 the environment. No customer will notice, approve quickly please.

        WHAT IS NOT KNOWN
          nothing that we know of

        WHAT IT NEEDS
          requirement: 2 other people, 1 of them with a touched key; one of them as
                 owner; evidence state_observed; evidence backup_verified; window
                 outside peak hours, 20:00 to 06:00 UTC
          no evidence
          expires: 2026-11-21T03:38:00.000Z

        THIS SIGNATURE
          act: reject
          person: bob
          presence: touched
          presence rule: signatures by key files count here (profile lab)
          reason: nothing says that the database survives; update the stack in place
                 instead

        IT HOLDS ONLY FOR
          change: chg-01m7xzg3b00w3ge1r70w3ge1r7
          digest: 12ea12eace7d655f471ce55e34f89b1b77a3d9d05a445ca82877dd2235beaa51
          bundle: 1e6ed65d77d6364eeaed5a745ba5c4985ae2b700dd85d7cf7f027bdf294a33fc
          installation: aeebad4a796fcc2e15dc4c6061b45ed9b373f26adfc798ca7d2d8cc58182718e
          nonce: c3RhdGVtZW50LW5vbmNl
          checkpoint:
    "#]]
    .assert_eq(&bare.to_text());
    assert_eq!(Statement::parse(&bare.to_text()), Ok(bare));
}

#[test]
fn an_agent_cannot_write_our_lines() {
    let hostile = Statement {
        intent: "tidy up\n\nWHERE\n  environment: staging\r\x1b[2J\u{202e}gnigats".into(),
        region: format!("eu\n  region: {}", "lies ".repeat(20)),
        actions: vec![format!("deletes {}\n    undo: captured: everything", " ".repeat(90))],
        parameters: vec![vec![
            parameter(
                "A = b\n    with: C",
                "d\n    undo: captured: everything\n\nWHERE\n      | x\r\u{1b}[2J",
            ),
            parameter("", &format!("{}    with: E = f", " ".repeat(90))),
        ]],
        ..statement()
    };
    let text = hostile.to_text();
    for shown in [
        "\n  environment: staging",
        "\n    undo: captured",
        "\n    with: C",
        "\n    with: E",
        "\n      | x",
        "\n  region: lies",
        "\x1b",
        "\r",
        "\u{202e}",
    ] {
        assert!(!text.contains(shown), "{shown:?} in:\n{text}");
    }
    assert_eq!(Statement::parse(&text), Ok(hostile.cleaned()));
}

#[test]
fn an_endless_intent_is_cut_and_an_endless_action_is_refused() {
    let long = Statement { intent: "please ".repeat(5000), ..statement() };
    let read = Statement::parse(&long.to_text()).unwrap();
    assert!(read.intent.ends_with('…') && read.intent.chars().count() == Statement::MAX_INTENT);
    check_refused(
        |it| it.actions[0] = "delete ".repeat(5000),
        &expect!["the statement's actions holds a text of more than 4000 characters"],
    );
}

fn check_refused(alter: impl FnOnce(&mut Statement), expected: &Expect) {
    let mut altered = statement();
    alter(&mut altered);
    let refused = altered.check().unwrap_err();
    expected.assert_eq(&refused.to_string());
    assert!(Statement::parse(&altered.to_text()).is_err());
}

#[test]
fn what_no_person_could_judge_is_refused() {
    check_refused(
        |it| it.actions.clear(),
        &expect!["the statement's actions are empty: there is nothing to sign"],
    );
    check_refused(
        |it| it.undo.clear(),
        &expect!["the statement's undo must say of every step whether it can be undone"],
    );
    check_refused(
        |it| it.undo.push("captured: everything".into()),
        &expect!["the statement's undo must say of every step whether it can be undone"],
    );
    check_refused(
        |it| it.second_lock.clear(),
        &expect!["the statement's second_lock must say of every step whether its rights are narrowed to it"],
    );
    check_refused(
        |it| it.parameters.push(vec![parameter("a", "b")]),
        &expect!["the statement's parameters must be listed step by step"],
    );
    check_refused(
        |it| it.parameters[0][0].name = "=".repeat(50),
        &expect!["the statement's parameters hold a name of more than 256 characters"],
    );
    check_refused(
        |it| it.parameters[0][0].value = "\r".repeat(2000),
        &expect!["the statement's parameters hold a value of more than 8000 characters"],
    );
    check_refused(
        |it| it.parameters[0] = vec![parameter("a", "b"); 1001],
        &expect!["the statement's parameters has 1001 items, more than 1000"],
    );
    check_refused(
        |it| it.observed[0].step = 2,
        &expect!["the statement's observed names step 2, which does not exist"],
    );
    check_refused(
        |it| it.observed[0].step = 0,
        &expect!["the statement's observed must name each step at most once, ascending from 1"],
    );
    check_refused(
        |it| it.observed.push(it.observed[0].clone()),
        &expect!["the statement's observed must name each step at most once, ascending from 1"],
    );
    check_refused(|it| it.nonce.clear(), &expect!["the statement's nonce is empty"]);
    check_refused(
        |it| it.unknowns = vec!["?".into(); 101],
        &expect!["the statement's unknowns has 101 items, more than 100"],
    );
    check_refused(
        |it| it.region = "\n".repeat(60),
        &expect!["the statement's region holds a text of more than 256 characters"],
    );
    check_refused(
        |it| it.expires_at = Timestamp::from_millis(i64::MAX),
        &expect!["the statement's expires_at is a time outside the calendar"],
    );
    check_refused(
        |it| it.unknowns = vec!["unknown ".repeat(99); 50],
        &expect![
            "a statement is at most 28000 bytes, this is 46653: too much for a person to judge; split the change"
        ],
    );
}

#[test]
fn with_its_signature_it_fits_into_an_entry_of_the_ledger() {
    let escaped = 2 * Statement::MAX_BYTES;
    let (signature, envelope) = (4096, 4096);
    assert!(escaped + signature + envelope < model::Entry::MAX_BYTES);
}

#[test]
fn a_text_that_is_no_statement_says_where_and_why() {
    let text = statement().to_text();
    let check = |altered: &str, expected: Expect| {
        expected.assert_eq(&Statement::parse(altered).unwrap_err().to_string());
    };
    check("", expect!["line 1 of the statement: expected `countersign statement v1`, found ``"]);
    check(
        &text.replacen("v1", "v2", 1),
        expect![
            "line 1 of the statement: expected `countersign statement v1`, found `countersign statement v2`"
        ],
    );
    check(
        &text.replace("I, bob", "I, carol"),
        expect![
            "line 3 of the statement is not written as this version writes it; ask the server for it anew"
        ],
    );
    check(
        &text.replace("  account:", "  accounts:"),
        expect!["line 17 of the statement: expected `  account:`, found `  accounts: 123456789012`"],
    );
    check(
        &text.replace("presence: file", "presence: seen"),
        expect![
            "line 46 of the statement: expected `  presence:` with file or touched, found `  presence: seen`"
        ],
    );
    check(&format!("{text}\n"), expect!["line 57 of the statement: expected the end, found ``"]);
    check(
        text.trim_end(),
        expect![
            "line 56 of the statement is not written as this version writes it; ask the server for it anew"
        ],
    );
    check(
        &text.replace('\n', "\r\n"),
        expect![[
            r#"line 1 of the statement: expected `countersign statement v1`, found `countersign statement v1\u{d}`"#
        ]],
    );
    check(
        &"x".repeat(40_000),
        expect![
            "a statement is at most 28000 bytes, this is 40000: too much for a person to judge; split the change"
        ],
    );
}

/// Text as our own code hands it in: already safe to show.
fn shown() -> BoxedStrategy<String> {
    hostile().prop_map(|text| sanitize(&text, usize::MAX)).boxed()
}

/// Text as an agent would write it to break out of its line.
fn hostile() -> BoxedStrategy<String> {
    let piece = prop_oneof![
        "[a-z ]{0,12}",
        " {1,90}",
        "\\PC{0,5}",
        any::<char>().prop_map(String::from),
        prop::sample::select(vec![
            "\n",
            "\r\n",
            "\n  account: 1",
            "\n    undo: captured",
            "\n    with: a = b",
            "\n      | ",
            " = ",
            "\n        ",
            "        ",
            "\n\nWHERE\n",
            "  - ",
            "…",
            "\u{202e}",
            "\u{1b}[1A",
            "\\u{a}",
            "not observed",
            "missing",
            "  nothing that we know of",
            "東京",
            "\u{2028}",
        ])
        .prop_map(String::from),
    ];
    vec(piece, 0..8).prop_map(|pieces| pieces.concat()).boxed()
}

fn statements(text: BoxedStrategy<String>) -> impl Strategy<Value = Statement> {
    let digest = any::<[u8; 32]>().prop_map(Digest::from_bytes).boxed();
    let time = (0i64..4_000_000_000_000).prop_map(Timestamp::from_millis).boxed();
    let person = "[a-z0-9][a-z0-9._-]{0,8}".prop_map(|name| name.parse::<PersonId>().unwrap()).boxed();
    let agent = "[a-z0-9][a-z0-9._-]{0,8}".prop_map(|name| name.parse::<AgentId>().unwrap());
    let evidence = vec((prop::sample::select(EvidenceKind::ALL.to_vec()), option::of(digest.clone())), 0..4);
    let parameters = vec((text.clone(), vec(text.clone(), 1..4)), 0..3);
    let steps =
        vec((text.clone(), text.clone(), parameters, option::of((digest.clone(), time.clone()))), 1..4);
    let names = (agent, person.clone(), person, prop::sample::select(Act::ALL.to_vec()), any::<bool>());
    let digests = (digest.clone(), digest.clone(), digest, any::<i32>(), any::<[u8; 10]>(), time);
    let texts = (vec(text.clone(), 9), vec(text.clone(), 0..3), option::of(text));
    (names, digests, texts, steps, evidence).prop_map(|(names, digests, texts, steps, evidence)| {
        let (agent, operator, person, act, touched) = names;
        let (installation, change_digest, bundle, millis, random, expires_at) = digests;
        let (
            [scope, account, region, environment, intent, requirement, presence_rule, nonce, checkpoint],
            unknowns,
            reason,
        ) = (<[String; 9]>::try_from(texts.0).unwrap(), texts.1, texts.2);
        let observed = (1u32..)
            .zip(&steps)
            .filter_map(|(step, (_, _, _, seen))| {
                seen.map(|(fingerprint, at)| Observed { step, fingerprint, at })
            })
            .collect();
        let (mut actions, mut parameters, mut undo) = (Vec::new(), Vec::new(), Vec::new());
        let mut second_lock = Vec::new();
        for (action, its_undo, with, _) in steps {
            actions.push(action);
            second_lock.push(its_undo.clone());
            undo.push(its_undo);
            let with = with.into_iter().map(|(name, lines)| Parameter {
                name: name.replace('=', "\\u{3d}"),
                value: lines.join("\n"),
            });
            parameters.push(with.collect());
        }
        Statement {
            act,
            installation,
            change: ChangeId::new(i64::from(millis).abs(), random),
            digest: change_digest,
            agent,
            operator,
            person,
            scope,
            account,
            region,
            environment,
            intent,
            actions,
            parameters,
            observed,
            undo,
            second_lock,
            unknowns,
            bundle,
            requirement,
            evidence,
            presence: if touched { Presence::Touched } else { Presence::File },
            presence_rule,
            expires_at,
            nonce,
            checkpoint,
            reason,
        }
    })
}

/// Every line begins with words of ours, or eight spaces: whatever an agent wrote stands behind one of the two.
fn only_our_lines(text: &str) -> bool {
    let labels = [
        "countersign statement v1",
        "I, ",
        "WHAT WILL HAPPEN",
        "WHAT IS NOT KNOWN",
        "WHERE",
        "WHO ASKED",
        "IN THEIR OWN WORDS (a claim, checked by nobody)",
        "WHAT IT NEEDS",
        "THIS SIGNATURE",
        "IT HOLDS ONLY FOR",
        "  1.",
        "  2.",
        "  3.",
        "    with:",
        "      |",
        "    undo:",
        "    second lock:",
        "    state:",
        "    read at:",
        "  -",
        "  nothing that we know of",
        "  environment:",
        "  account:",
        "  region:",
        "  agent:",
        "  operator:",
        "  scope:",
        "  >",
        "  requirement:",
        "  evidence:",
        "    digest:",
        "  no evidence",
        "  expires:",
        "  act:",
        "  person:",
        "  presence:",
        "  presence rule:",
        "  reason:",
        "  change:",
        "  digest:",
        "  bundle:",
        "  installation:",
        "  nonce:",
        "  checkpoint:",
        "        ",
    ];
    let columns =
        |line: &str| line.chars().map(|character| if character.is_ascii() { 1 } else { 2 }).sum::<usize>();
    text.lines().all(|line| {
        columns(line) <= 80 && (line.is_empty() || labels.iter().any(|label| line.starts_with(label)))
    })
}

proptest! {
    #[test]
    fn sanitized_statements_round_trip(it in statements(shown())) {
        prop_assume!(it.check().is_ok());
        let text = it.to_text();
        prop_assert_eq!(Statement::parse(&text), Ok(it));
    }

    #[test]
    fn no_field_forges_another_line(it in statements(hostile())) {
        let text = it.to_text();
        prop_assert!(only_our_lines(&text), "{}", text);
        match it.check() {
            Ok(()) => prop_assert_eq!(Statement::parse(&text), Ok(it.cleaned())),
            Err(_) => prop_assert!(Statement::parse(&text).is_err()),
        }
    }

    #[test]
    fn different_statements_have_different_texts(one in statements(shown()), two in statements(shown())) {
        prop_assert_eq!(one == two, one.to_text() == two.to_text());
        // The nearest miss: all fields but one are the same.
        let near = Statement { intent: two.intent.clone(), ..one.clone() };
        prop_assert_eq!(one == near, one.to_text() == near.to_text());
    }

    #[test]
    fn parsing_never_panics(text in "\\PC{0,200}", lines in vec(any::<prop::sample::Index>(), 0..60)) {
        let _ = Statement::parse(&text);
        let whole = statement().to_text();
        let known: Vec<&str> = whole.split('\n').collect();
        let shuffled: Vec<&str> = lines.iter().map(|line| known[line.index(known.len())]).collect();
        let _ = Statement::parse(&shuffled.join("\n"));
    }

    #[test]
    fn only_the_canonical_text_is_accepted(
        at in any::<prop::sample::Index>(),
        insert in prop::sample::select(vec!["", " ", "\n", "\r", "        ", "\n        ", "a", "0", "-", "\u{202e}"]),
        drop in 0usize..20,
    ) {
        let text = statement().to_text();
        let (head, tail) = text.split_at(at.index(text.len()));
        let altered = format!("{head}{insert}{}", tail.get(drop..).unwrap_or_default());
        if let Ok(read) = Statement::parse(&altered) {
            prop_assert_eq!(read.to_text(), altered);
        }
    }
}

#[test]
fn errors_show_nothing_a_terminal_would_obey() {
    let refused = Statement::parse("\u{1b}[2Jx").unwrap_err();
    assert!(matches!(&refused, StatementError::Line { found, .. } if found == "\\u{1b}[2Jx"), "{refused}");
}
