//! A session's summary in words: what there is of each, what is hostile, and what is cut.

use std::collections::BTreeMap;

use expect_test::{Expect, expect};
use model::{
    Account, ActionParts, Approval, AssumedRole, Autonomy, Chain, Change, Commitment, Denial, Digest, Effect,
    EffectSet, Environment, Execution, Exposure, Fault, Hold, Kept, KeptUndo, Operation, Partition, Presence,
    Quantity, Region, Rejection, Requirement, RuleRef, Scope, Session, Step, StepState, Undo, Verdict,
};
use store::{Activity, Often, Passing};

use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_seconds(1_795_228_800 + second)
}

fn session() -> Session {
    Session {
        id: session_id(1),
        chain: Chain {
            agent: "kiro".parse().unwrap(),
            operator: "olga".parse().unwrap(),
            launcher: None,
            owner: None,
        },
        task: "tidy up".to_owned(),
        scope: Scope::default(),
        autonomy: Autonomy::default(),
        access_key: "key".to_owned(),
        issued_at: at(0),
        expires_at: at(3600),
        stopped_at: None,
        bundle: Digest::of(b""),
        parent: None,
        assumed: None,
        glass: None,
    }
}

fn session_id(n: u8) -> SessionId {
    SessionId::new(1, [n; 10])
}

fn step(state: StepState, undo: Option<&str>) -> Step {
    let action = ActionParts {
        operation: Operation::new("ssm", "PutParameter"),
        partition: Partition("aws".to_owned()),
        account: Account("123456789012".to_owned()),
        region: Region("eu-west-1".to_owned()),
        effects: EffectSet::of(Effect::Write),
        exposure: Exposure::default(),
        resources: Vec::new(),
        undo: Undo::Capturable,
        quantity: Quantity::one(),
        summary: "Puts the parameter /one.".to_owned(),
        shown: Vec::new(),
        unknowns: Vec::new(),
        acting_as: None,
        second_lock: None,
    };
    let undo = undo.map(|summary| KeptUndo {
        summary: summary.to_owned(),
        service: "ssm".to_owned(),
        region: "eu-west-1".to_owned(),
        request: Kept::Blob(Commitment::to(&[0; 32], b"")),
        removes_created: false,
    });
    let execution =
        Execution { started_at: at(90), signature: Digest::of(b""), outcome: None, charges: vec![] };
    Step {
        action,
        digest: Digest::of(b""),
        environment: Environment::unknown(),
        state,
        listed: None,
        observation: None,
        sought: None,
        undo,
        execution: (state != StepState::Pending).then_some(execution),
        erased: None,
        vouched: model::Vouched::ByAgent,
    }
}

fn change(n: u8, state: ChangeState, steps: Vec<Step>, verdict: Verdict) -> Change {
    Change {
        id: change_id(n),
        digest: Digest::of(b""),
        state,
        version: 0,
        session: session_id(1),
        chain: session().chain,
        scope: Scope::default(),
        intent: String::new(),
        steps,
        environment: Environment::unknown(),
        verdict,
        evidence: Vec::new(),
        bundle: Digest::of(b""),
        nonce: String::new(),
        created_at: at(i64::from(n)),
        expires_at: at(9000),
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

fn change_id(n: u8) -> ChangeId {
    ChangeId::new(1, [n; 10])
}

fn rule(id: &str, reason: &str) -> RuleRef {
    let file = "constitution/data.cedar".to_owned();
    RuleRef { id: id.parse().unwrap(), reason: reason.to_owned(), file, line: 7 }
}

fn hold(people: u32) -> Verdict {
    let requirement = Requirement { people, ..Requirement::default() };
    let rules = vec![rule("two-people", "In production, what cannot be undone takes two people.")];
    Verdict::Hold(Hold { requirement, rules, alternatives: Vec::new() })
}

fn denied(fault: Option<Fault>, rules: Vec<RuleRef>) -> Verdict {
    Verdict::Deny(Denial { fault, rules, alternatives: Vec::new() })
}

fn often(operation: &str, target: &str, why: &str, times: u64) -> Often {
    Often { operation: operation.into(), target: target.into(), why: why.into(), times }
}

fn states(states: &[(ChangeState, u64)]) -> BTreeMap<ChangeState, u64> {
    states.iter().copied().collect()
}

/// Ids are long and say nothing here.
fn told(summary: &SessionSummary) -> String {
    let mut text: String = summary.lines().iter().map(|line| format!("{line}\n")).collect();
    for n in 1..=30 {
        text = text.replace(&change_id(n).to_string(), &format!("chg-{n}"));
        text = text.replace(&session_id(n).to_string(), &format!("ses-{n}"));
    }
    text
}

fn check(session: &Session, activity: &Activity, roles: &[Session], expected: &Expect) {
    expected.assert_eq(&told(&SessionSummary::of(session, activity, roles.iter(), at(600))));
}

#[test]
fn who_did_nothing_is_said_to_have_done_nothing() {
    let nothing = Activity::default();
    check(
        &session(),
        &nothing,
        &[],
        &expect![[r#"
        0 read, 0 changed, 0 held, 0 refused (0 allowed, 0 to wait, 0 denied)
          began 2026-11-21T02:40:00.000Z, has done nothing
    "#]],
    );
    let expired = Session { expires_at: at(60), ..session() };
    check(
        &expired,
        &nothing,
        &[],
        &expect![[r#"
        0 read, 0 changed, 0 held, 0 refused (0 allowed, 0 to wait, 0 denied)
          began 2026-11-21T02:40:00.000Z, has done nothing, expired 2026-11-21T02:41:00.000Z
    "#]],
    );
    let role = Session { parent: Some(session_id(2)), stopped_at: Some(at(60)), ..session() };
    check(
        &role,
        &nothing,
        &[],
        &expect![[r#"
        0 read, 0 changed, 0 held, 0 refused (0 allowed, 0 to wait, 0 denied)
          began 2026-11-21T02:40:00.000Z, has done nothing, stopped 2026-11-21T02:41:00.000Z
        what it changes is told of with ses-2, which it came from
    "#]],
    );
}

fn full() -> Activity {
    let ran = vec![
        change(
            12,
            ChangeState::Failed,
            vec![
                step(StepState::Executed, Some("back")),
                step(StepState::Failed, None),
                step(StepState::Pending, None),
            ],
            Verdict::Allow,
        ),
        change(
            11,
            ChangeState::Executed,
            vec![step(StepState::Executed, Some("puts the parameter /one back"))],
            Verdict::Allow,
        ),
        change(10, ChangeState::Undone, vec![step(StepState::Undone, Some("back"))], Verdict::Allow),
    ];
    let pending = || vec![step(StepState::Pending, None)];
    let waiting = vec![
        change(14, ChangeState::Approved, pending(), Verdict::Allow),
        change(13, ChangeState::Held, pending(), hold(2)),
    ];
    let veto = Rejection {
        approval: Approval {
            change: change_id(17),
            person: "carla".parse().unwrap(),
            presence: Presence::File,
            at: at(30),
            statement: String::new(),
            signature: String::new(),
            beside: None,
        },
        reason: "not tonight".to_owned(),
    };
    let refused = vec![
        Change { rejection: Some(veto), ..change(17, ChangeState::Rejected, pending(), hold(2)) },
        change(
            16,
            ChangeState::Denied,
            pending(),
            denied(None, vec![rule("data-stays", "Data stays."), rule("no-keys", "No keys.")]),
        ),
        change(
            15,
            ChangeState::Denied,
            pending(),
            denied(Some(Fault::UnknownOperation("ssm:Nonsense".to_owned())), Vec::new()),
        ),
    ];
    Activity {
        read: Passing { times: 1230, kinds: 124, last: Some(at(95)) },
        denied: Passing { times: 6, kinds: 4, last: Some(at(80)) },
        reported: Passing { times: 4, kinds: 3, last: Some(at(70)) },
        reported_as: vec![("refused".into(), 3), ("claimed".into(), 1)],
        most_reported: vec![
            often("refused", "", "shell: there is no tool of that name", 2),
            often("claimed", "", "approval: they agreed", 1),
        ],
        operations: vec![
            often("ec2:DescribeInstances", "", "", 900),
            often("s3:GetObject", "", "", 230),
            often("ec2:DescribeVolumes", "", "", 50),
            often("ec2:DescribeImages", "", "", 20),
            often("ec2:DescribeVpcs", "", "", 20),
            often("ec2:DescribeSubnets", "", "", 9),
            often("iam:ListRoles", "", "", 1),
        ],
        most_read: vec![often("ec2:DescribeInstances", "", "", 900), often("s3:GetObject", "b/one", "", 200)],
        most_denied: vec![
            often("s3:GetObject", "b/key", "secrets-stay", 3),
            often("iam:Nonsense", "", "CS106", 1),
            often("", "Deletes the stack orders.", "chg was rejected", 1),
            often("s3:GetObject", "b/other", "", 1),
        ],
        states: states(&[
            (ChangeState::Executed, 2),
            (ChangeState::Undone, 1),
            (ChangeState::Failed, 1),
            (ChangeState::Held, 1),
            (ChangeState::Approved, 1),
            (ChangeState::Denied, 2),
            (ChangeState::Rejected, 1),
            (ChangeState::Expired, 3),
            (ChangeState::Withdrawn, 1),
        ]),
        ran,
        waiting,
        refused,
        approved_by: [(change_id(11), vec!["ben".parse().unwrap(), "carla".parse().unwrap()])].into(),
        newest: Some(at(17)),
        stopped_by: Some("ada".parse().unwrap()),
    }
}

#[test]
fn everything_that_it_did_is_told() {
    let stopped = Session { stopped_at: Some(at(100)), ..session() };
    let role = |n: u8| Session {
        id: session_id(n),
        parent: Some(session_id(1)),
        assumed: Some(AssumedRole {
            role: "arn:aws:iam::123456789012:role/deploy".to_owned(),
            partition: Partition("aws".to_owned()),
            account: Account("123456789012".to_owned()),
        }),
        ..session()
    };
    check(
        &stopped,
        &full(),
        &[role(2)],
        &expect![[r#"
        1230 read, 4 changed, 2 held, 9 refused, 4 lapsed, 4 reported of its model (1234 allowed, 7 to wait, 8 denied)
          began 2026-11-21T02:40:00.000Z, last acted 2026-11-21T02:41:35.000Z, stopped by ada 2026-11-21T02:41:40.000Z
        read 1230 times
          ec2 999: DescribeInstances 900, DescribeVolumes 50, DescribeImages 20, DescribeVpcs 20, and 1 more
          s3 230: GetObject 230
          iam 1: ListRoles 1
          most often
            900 times ec2:DescribeInstances
            200 times s3:GetObject b/one
            and 122 more
        changed 4: 2 executed, 1 undone, 1 failed
          chg-12 failed (2 of 3 actions ran): Puts the parameter /one. Puts the parameter /one. Puts the parameter /one.
            in production; undo: captured for 1 of 2 actions
          chg-11 executed: Puts the parameter /one.
            in production; approved by ben, carla; undo: captured: puts the parameter /one back
          chg-10 undone: Puts the parameter /one.
            in production; undo: undone
          and 1 more
        held 2: 1 waiting for people, 1 approved and waiting for the agent
          chg-14 approved: Puts the parameter /one.
            in production; the agent may run it
          chg-13 held: Puts the parameter /one.
            in production; by two-people: In production, what cannot be undone takes two people; it needs 2 other people
        refused 9: 2 denied, 1 rejected, 6 denied in passing
          chg-17 rejected: Puts the parameter /one.
            in production; by carla: “not tonight”
          chg-16 denied: Puts the parameter /one.
            in production; by data-stays, no-keys: Data stays
          chg-15 denied: Puts the parameter /one.
            in production; unknown operation: ssm:Nonsense [CS106]
          in passing
            3 times s3:GetObject b/key: secrets-stay
            once iam:Nonsense: CS106
            once Deletes the stack orders: chg was rejected
            once s3:GetObject b/other: no rule allows it
        lapsed 4: 3 expired, 1 withdrawn
        reported of its model 4: 3 refused, 1 claimed
          refused 2 times: shell: there is no tool of that name
          claimed once: approval: they agreed
          and 1 more
        roles taken on
          ses-2 arn:aws:iam::123456789012:role/deploy
    "#]],
    );
}

#[test]
fn every_request_is_counted_under_one_verdict() {
    let summary = SessionSummary::of(&session(), &full(), std::iter::empty(), at(600));
    let VerdictCounts { allow, hold, deny } = summary.verdicts;
    assert_eq!((allow, hold, deny), (1234, 7, 8));
    let all = summary.read.times
        + summary.changed.all()
        + summary.held.all()
        + summary.refused.all()
        + summary.lapsed.all();
    assert_eq!(allow + hold + deny, all);
}

/// A hundred thousand of everything.
#[test]
fn however_much_it_did_the_summary_stays_short() {
    let many = |operation: String| often(&operation, "", "", 10);
    let activity = Activity {
        read: Passing { times: 100_000, kinds: 6001, last: None },
        denied: Passing { times: 100_000, kinds: 6001, last: None },
        operations: (0..5000).map(|n| many(format!("svc{}:Read{n}", n % 100))).collect(),
        most_read: (0..10).map(|n| many(format!("svc:Read{n}"))).collect(),
        most_denied: vec![often("", "", "", 90_000)],
        states: ChangeState::ALL.map(|state| (state, 100_000)).into(),
        ran: (0..10).map(|n| change(n, ChangeState::Unknown, vec![], Verdict::Allow)).collect(),
        ..Activity::default()
    };
    let roles: Vec<Session> = (0..200).map(|n| Session { id: session_id(n), ..session() }).collect();
    let summary = SessionSummary::of(&session(), &activity, roles.iter(), at(600));
    let text = told(&summary);
    assert!(text.len() < 6000 && text.lines().count() < 80, "{} bytes", text.len());
    let json = serde_json::to_string(&summary).unwrap();
    assert!(json.len() < 12_000, "{} bytes", json.len());
    for said in [
        "and 92 more",
        "and 5991 more",
        "and 499990 more",
        "and 200000 more",
        "and 190 more",
        "90000 times others: no rule allows it",
        ReadSummary::MERGED,
    ] {
        assert!(text.contains(said), "{said}: {text}");
    }
}

#[test]
fn what_others_wrote_is_nothing_that_a_terminal_obeys() {
    let hostile = "\u{1b}[2J\u{202e}".repeat(400);
    let mut activity = Activity {
        most_read: vec![often("svc:Read", &hostile, "", 1)],
        most_denied: vec![often(&hostile, &hostile, &hostile, 1)],
        most_reported: vec![often(&hostile, &hostile, &hostile, 1)],
        operations: vec![often(&hostile, "", "", 1), often(&format!("{hostile}:{hostile}"), "", "", 1)],
        read: Passing { times: 2, kinds: 2, last: None },
        denied: Passing { times: 1, kinds: 1, last: None },
        ..full()
    };
    for list in [&mut activity.ran, &mut activity.waiting, &mut activity.refused] {
        for change in list.iter_mut() {
            change.verdict = denied(None, vec![rule("two-people", &hostile)]);
            for step in &mut change.steps {
                step.action.summary.clone_from(&hostile);
                if let Some(undo) = &mut step.undo {
                    undo.summary.clone_from(&hostile);
                }
            }
            if let Some(veto) = &mut change.rejection {
                veto.reason.clone_from(&hostile);
            }
        }
    }
    let role = AssumedRole {
        role: hostile.clone(),
        partition: Partition("aws".to_owned()),
        account: Account(String::new()),
    };
    let role = Session { assumed: Some(role), ..session() };
    let text = told(&SessionSummary::of(&session(), &activity, std::iter::once(&role), at(600)));
    assert!(!text.contains(['\u{1b}', '\u{202e}']) && text.contains("\\u{1b}"), "{text}");
    assert!(text.lines().all(|line| line.chars().count() < 4000));
}
