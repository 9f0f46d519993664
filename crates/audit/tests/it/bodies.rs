//! Erasing takes two people who were told of these very bodies; and the blob store is what documents and log say.

use audit::Body;
use expect_test::{Expect, expect};
use model::{
    Account, ActionParts, Answer, Blob, Chain, Change, ChangeState, Commitment, Digest, EffectSet, EntryKind,
    Environment, Erasure, Execution, Exposure, Kept, Operation, Outcome, Partition, Region, Scope, SessionId,
    Step, StepState, Undo, Verdict, change_digest,
};

use crate::story::{Log, Scribe, change, name, time};

fn chain() -> Chain {
    Chain { agent: "kiro".parse().unwrap(), operator: name("alice"), launcher: None, owner: None }
}

fn blob(n: u8) -> Blob {
    Blob::new([n; 32], vec![n]).unwrap()
}

/// Of the body that change 9 keeps.
fn erasure(n: u8) -> Erasure {
    let ground = "somebody asked for it".parse().unwrap();
    Erasure { of: change(9), step: 0, bodies: vec![blob(n).commitment()], ground }
}

/// A log in which change 1 erases what `erasure` says, and is told of what `erasure(7)` says.
fn erasing(log: &mut Scribe, erasure: &Erasure) {
    let bodies: Vec<String> = erasure.bodies.iter().map(ToString::to_string).collect();
    let (of, step) = (erasure.of.to_string(), erasure.step.to_string());
    let detail = [
        ("of", of.as_str()),
        ("step", step.as_str()),
        ("bodies", &bodies.join(" ")),
        ("ground", erasure.ground.as_str()),
    ];
    let document = serde_json::to_vec(&kept(7)).unwrap();
    log.leaves(EntryKind::BodyErased, 1, &detail, ("change", &of, &document));
}

fn asked() -> Scribe {
    let mut log = Scribe::new();
    log.digest = change_digest(&chain(), [erasure(7).digest()]);
    log.hold(1);
    log
}

fn rows(log: Scribe) -> Log {
    let mut log = log.log();
    log.rows = None;
    log
}

fn check(write: impl FnOnce(&mut Scribe), expected: &Expect) {
    let mut scribe = asked();
    write(&mut scribe);
    expected.assert_eq(&rows(scribe).problems());
}

#[test]
fn a_body_is_erased_by_two_people_who_were_told_which() {
    let approved = |log: &mut Scribe| {
        log.approve(1, "bob");
        log.approve(1, "carol");
    };
    check(
        |log| {
            approved(log);
            log.permit(1, "0", "2");
            erasing(log, &erasure(7));
            log.outcome(1, "0");
        },
        &expect![""],
    );
    // Whatever its permit says of the people it took.
    check(
        |log| {
            log.approve(1, "bob");
            log.permit(1, "0", "1");
            erasing(log, &erasure(7));
        },
        &expect![[r#"
            permit_unapproved @3: entry 3 says that chg-01m7xzk500040g2081040g2081 took 1 of the people that entry 1 asks for: 2
            permit_unapproved @3: entry 3 permits chg-01m7xzk500040g2081040g2081, which took 2 other people; before it the log has those of bob
            erasure_unapproved @4: entry 4 erases a body of chg-01m7xzk500144gj289144gj289, which takes 2 people besides whoever asked; before it the log has approvals of 1
        "#]],
    );
    check(
        |log| {
            approved(log);
            erasing(log, &erasure(7));
        },
        &expect![[r#"
            erasure_unapproved @4: entry 4 erases a body as chg-01m7xzk500040g2081040g2081, which nothing permitted
        "#]],
    );
    check(
        |log| {
            approved(log);
            log.permit(1, "0", "2");
            erasing(log, &erasure(8));
        },
        &expect![[r#"
            erasure_unapproved @5: entry 5 erases a body of chg-01m7xzk500144gj289144gj289, which is not what chg-01m7xzk500040g2081040g2081 asked for
        "#]],
    );
    check(
        |log| {
            approved(log);
            log.permit(1, "0", "2");
            erasing(log, &Erasure { ground: "another one".parse().unwrap(), ..erasure(7) });
        },
        &expect![[r#"
            erasure_unapproved @5: entry 5 erases a body of chg-01m7xzk500144gj289144gj289, which is not what chg-01m7xzk500040g2081040g2081 asked for
        "#]],
    );
    check(
        |log| {
            approved(log);
            log.permit(1, "0", "2");
            erasing(log, &erasure(7));
            erasing(log, &erasure(7));
        },
        &expect![[r#"
            erasure_unapproved @6: entry 6 erases a body as chg-01m7xzk500040g2081040g2081, and so did entry 5: an approval covers one erasure
        "#]],
    );
    check(
        |log| {
            approved(log);
            log.permit(1, "0", "2");
            log.about(EntryKind::BodyErased, 1, None, &[("of", "nothing")]);
        },
        &expect![[r#"
            erasure_unapproved @5: entry 5 erases a body and does not say which, whose and on what ground
        "#]],
    );
    // The operator is no second person.
    check(
        |log| {
            log.approve(1, "bob");
            log.approve(1, "alice");
            log.permit(1, "0", "2");
            erasing(log, &erasure(7));
        },
        &expect![[r#"
            permit_unapproved @4: entry 4 permits chg-01m7xzk500040g2081040g2081, which took the approval of 2 outside its chain; before it the log has those of bob
            erasure_unapproved @5: entry 5 erases a body of chg-01m7xzk500144gj289144gj289, which takes 2 people besides whoever asked; before it the log has approvals of 1
        "#]],
    );
}

/// Change 9 as it is stored: it ran, and its answer is body `n`.
fn kept(n: u8) -> Change {
    let outcome =
        Outcome { at: time(1), status: 200, answer: Some(Kept::<Answer>::Blob(blob(n).commitment())) };
    let execution = Execution {
        started_at: time(1),
        signature: Digest::of(b"signature"),
        outcome: Some(outcome),
        charges: Vec::new(),
    };
    let action = ActionParts {
        operation: Operation::new("s3", "DeleteObject"),
        partition: Partition("aws".into()),
        account: Account("123456789012".into()),
        region: Region("eu-west-1".into()),
        effects: EffectSet::of(model::Effect::Destroy),
        exposure: Exposure::default(),
        resources: Vec::new(),
        undo: Undo::Unlisted,
        quantity: model::Quantity::one(),
        summary: "Delete it.".into(),
        shown: Vec::new(),
        unknowns: Vec::new(),
        acting_as: None,
        second_lock: None,
    };
    let step = Step {
        action,
        digest: Digest::of(b"action"),
        environment: Environment::unknown(),
        state: StepState::Executed,
        listed: None,
        observation: None,
        sought: None,
        undo: None,
        execution: Some(execution),
        erased: None,
        vouched: model::Vouched::ByAgent,
    };
    Change {
        id: change(9),
        digest: Digest::of(b"change"),
        state: ChangeState::Executed,
        version: 1,
        session: SessionId::new(1, [1; 10]),
        chain: chain(),
        scope: Scope::default(),
        intent: "tidy up".into(),
        steps: vec![step],
        environment: Environment::unknown(),
        verdict: Verdict::Allow,
        evidence: Vec::new(),
        bundle: Digest::of(b"bundle"),
        nonce: "n".into(),
        created_at: time(0),
        expires_at: time(600),
        links: Vec::new(),
        rejection: None,
        gone: None,
        reopened: None,
        joint: None,
        erases: None,
        adopts: None,
        breaks: None,
    }
}

/// What is found where change 9 keeps body 7, and whether two people erased it.
fn found(erased: bool, bodies: &[(u8, u8)], expected: &Expect) {
    let mut scribe = asked();
    let document = serde_json::to_vec(&kept(7)).unwrap();
    scribe.leaves(EntryKind::BodyMoved, 1, &[], ("change", &change(9).to_string(), &document));
    if erased {
        scribe.approve(1, "bob");
        scribe.approve(1, "carol");
        scribe.permit(1, "0", "2");
        erasing(&mut scribe, &erasure(7));
    }
    let mut log = scribe.log();
    let is = |n: u8| (n > 0).then(|| blob(n).commitment());
    log.bodies = bodies
        .iter()
        .map(|(kept_as, found)| Body {
            commitment: blob(*kept_as).commitment().to_string(),
            found: is(*found),
        })
        .collect();
    let short = |text: String| {
        [7, 8].into_iter().fold(text, |text, n| {
            let commitment: Commitment = blob(n).commitment();
            text.replace(&commitment.to_string(), &format!("B{n}"))
                .replace(&commitment.digest().short(), &format!("B{n}"))
        })
    };
    expected.assert_eq(&short(log.problems()).replace(&change(9).to_string(), "chg-9"));
}

#[test]
fn the_blob_store_is_what_documents_and_log_say() {
    found(false, &[(7, 7)], &expect![""]);
    found(true, &[], &expect![""]);
    found(
        false,
        &[],
        &expect![[r#"
        body_missing @-: body B7 of action 1 of the change chg-9 is gone, and no entry says that it was erased
    "#]],
    );
    found(
        false,
        &[(7, 8)],
        &expect![[r#"
        body_altered @-: body B7 of action 1 of the change chg-9 is not the one that was recorded
    "#]],
    );
    found(
        false,
        &[(7, 0)],
        &expect![[r#"
        body_altered @-: body B7 of action 1 of the change chg-9 is not the one that was recorded
    "#]],
    );
    found(
        false,
        &[(7, 7), (8, 8)],
        &expect![[r#"
        body_inserted @-: body B8 is in the database, but no document refers to it
    "#]],
    );
    found(
        true,
        &[(7, 7)],
        &expect![[r#"
        body_not_erased @6: body B7 of action 1 of the change chg-9 is there, though entry 6 erased it
    "#]],
    );
}
