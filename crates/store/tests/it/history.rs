//! What counts as which deed, told as steps that ran and the history that the next action is judged with.

use expect_test::{Expect, expect};
use model::{
    ActionParts, Change, ChangeState, Effect, EffectSet, InnerAction, Observation, Operation, Step,
    StepState, Undo,
};
use store::{HistoryQuery, Store, Target, Tx};

use crate::fixture::{
    action, at, blob, chain, change, digest, entry, execution, resource, session_id, step, undoable,
};

/// Runs the steps in one change of session 1 and looks from session 1 at `targets`, from second `since` on.
async fn look(steps: Vec<Step>, targets: Vec<Target>, since: i64) -> String {
    let store = Store::memory();
    let ran = Change { steps, state: ChangeState::Executing, ..change(1) };
    let write = move |tx: &mut Tx<'_>| {
        tx.offer([blob(1)]);
        tx.create_change(&ran, entry(1))
    };
    store.write(write).await.unwrap();
    ask(&store, 1, targets, since).await
}

async fn ask(store: &Store, session: u64, targets: Vec<Target>, since: i64) -> String {
    let query =
        HistoryQuery { session: session_id(session), agent: chain().agent, targets, since: at(since) };
    let history = store.read(move |view| view.history(&query)).await.unwrap();
    format!(
        "destroys {}, agent {}, protections {}, backups {}, data {}, own {}",
        history.destroys,
        history.agent_destroys,
        history.protections_lowered,
        history.backups_touched,
        history.data_destroyed,
        history.created_by_session
    )
}

async fn check(steps: Vec<Step>, expected: Expect) {
    let targets = steps.iter().flat_map(|step| Target::all(&step.action)).collect();
    expected.assert_eq(&look(steps, targets, 0).await);
}

fn destroy(kind: &'static str) -> ActionParts {
    action("svc:DeleteThing", Effect::Destroy, vec![resource("svc", kind, "it")])
}

fn create(operation: &str, kind: &'static str) -> ActionParts {
    let service = operation.split(':').next().unwrap();
    action(operation, Effect::Write, vec![resource(service, kind, "it")])
}

fn additive(action: ActionParts) -> ActionParts {
    ActionParts { undo: Undo::Additive, ..action }
}

fn shown(action: ActionParts, name: &str, value: &str) -> ActionParts {
    ActionParts { shown: vec![(name.into(), value.into())], ..action }
}

/// With a captured undo that removes what the step created.
fn captured(action: ActionParts, state: StepState) -> Step {
    let mut step = undoable(step(action, state), 1);
    step.undo.as_mut().unwrap().removes_created = true;
    step
}

fn with_inner(action: ActionParts, inner: &[(Effect, &'static str)]) -> Step {
    let inner = inner
        .iter()
        .map(|(effect, kind)| InnerAction {
            operation: Operation::new("svc", "Inner"),
            effects: EffectSet::of(*effect),
            resources: vec![resource("svc", kind, "inner")],
            summary: "an inner action".into(),
        })
        .collect();
    let observation = Observation {
        at: at(0),
        facts: vec![],
        fingerprint: digest(0),
        inner,
        inner_whole: true,
        unknowns: vec![],
    };
    Step { observation: Some(observation), ..step(action, StepState::Executed) }
}

#[tokio::test]
async fn what_ran_or_may_have_run_counts() {
    let counted = || expect!["destroys 1, agent 1, protections 0, backups 0, data 0, own false"];
    let nothing = || expect!["destroys 0, agent 0, protections 0, backups 0, data 0, own false"];
    check(vec![step(destroy("function"), StepState::Executed)], counted()).await;
    check(vec![step(destroy("function"), StepState::Executing)], counted()).await;
    check(vec![step(destroy("function"), StepState::Unknown)], counted()).await;
    check(vec![step(destroy("function"), StepState::Pending)], nothing()).await;
    check(vec![step(destroy("function"), StepState::Failed)], nothing()).await;
    check(vec![step(destroy("function"), StepState::Undone)], nothing()).await;
    check(vec![], nothing()).await;
}

#[tokio::test]
async fn data_and_backups_are_told_by_their_kinds() {
    let data = || expect!["destroys 1, agent 1, protections 0, backups 0, data 1, own false"];
    for kind in [
        "database",
        "bucket",
        "table",
        "volume",
        "file_system",
        "log-group",
        "db_cluster",
        "unknown",
        "key",
        "stack",
    ] {
        check(vec![step(destroy(kind), StepState::Executed)], data()).await;
    }
    let nameless = ActionParts { resources: vec![], ..destroy("function") };
    check(vec![step(nameless, StepState::Executed)], data()).await;

    let backup = || expect!["destroys 1, agent 1, protections 0, backups 1, data 0, own false"];
    for kind in ["snapshot", "db_snapshot", "backup", "recovery_point", "backup_vault"] {
        check(vec![step(destroy(kind), StepState::Executed)], backup()).await;
    }
    let shared =
        action("rds:ModifyDBSnapshotAttribute", Effect::Privilege, vec![resource("rds", "snapshot", "s")]);
    check(
        vec![step(shared, StepState::Executed)],
        expect!["destroys 0, agent 0, protections 0, backups 1, data 0, own false"],
    )
    .await;
    let described = action("rds:DescribeDBSnapshots", Effect::Read, vec![resource("rds", "snapshot", "s")]);
    check(
        vec![step(described, StepState::Executed)],
        expect!["destroys 0, agent 0, protections 0, backups 0, data 0, own false"],
    )
    .await;
}

#[tokio::test]
async fn inner_actions_count_for_what_they_are() {
    let stack = || {
        action("cloudformation:DeleteStack", Effect::Destroy, vec![resource("cloudformation", "stack", "s")])
    };
    let cases: [(&[(Effect, &str)], Expect); 4] = [
        (
            &[(Effect::Destroy, "function")],
            expect!["destroys 1, agent 1, protections 0, backups 0, data 0, own false"],
        ),
        (
            &[(Effect::Destroy, "function"), (Effect::Destroy, "table")],
            expect!["destroys 1, agent 1, protections 0, backups 0, data 1, own false"],
        ),
        (
            &[(Effect::Destroy, "snapshot")],
            expect!["destroys 1, agent 1, protections 0, backups 1, data 0, own false"],
        ),
        // Not listed: what it holds is not known.
        (&[], expect!["destroys 1, agent 1, protections 0, backups 0, data 1, own false"]),
    ];
    for (inner, expected) in cases {
        check(vec![with_inner(stack(), inner)], expected).await;
    }
    let update = action(
        "cloudformation:ExecuteChangeSet",
        Effect::Write,
        vec![resource("cloudformation", "stack", "s")],
    );
    check(
        vec![with_inner(update, &[(Effect::Write, "queue"), (Effect::Destroy, "bucket")])],
        expect!["destroys 1, agent 1, protections 0, backups 0, data 1, own false"],
    )
    .await;
}

#[tokio::test]
async fn lowered_protections_are_listed() {
    let lowered = || expect!["destroys 0, agent 0, protections 1, backups 0, data 0, own false"];
    let nothing = || expect!["destroys 0, agent 0, protections 0, backups 0, data 0, own false"];
    let modify = || action("rds:ModifyDBInstance", Effect::Write, vec![resource("rds", "database", "d")]);
    let run = |action| vec![step(action, StepState::Executed)];
    check(run(shown(modify(), "DeletionProtection", "false")), lowered()).await;
    check(run(shown(modify(), "deletionProtection", "0")), lowered()).await;
    check(run(shown(modify(), "DeletionProtection", "true")), nothing()).await;
    check(run(shown(modify(), "DBInstanceClass", "db.t3.micro")), nothing()).await;
    // Of a number of days, only what was judged a loss is less than before.
    check(run(shown(modify(), "BackupRetentionPeriod", "0")), lowered()).await;
    check(run(shown(modify(), "BackupRetentionPeriod", "30")), nothing()).await;
    let fewer = ActionParts { effects: EffectSet::of(Effect::Write).with(Effect::Destroy), ..modify() };
    check(
        run(shown(fewer, "BackupRetentionPeriod", "1")),
        expect!["destroys 1, agent 1, protections 1, backups 0, data 1, own false"],
    )
    .await;
    check(run(action("cloudtrail:StopLogging", Effect::Write, vec![])), lowered()).await;
    check(run(action("other:StopLogging", Effect::Write, vec![])), nothing()).await;
}

#[tokio::test]
async fn a_session_owns_only_what_it_certainly_created() {
    let own = || expect!["destroys 0, agent 0, protections 0, backups 0, data 0, own true"];
    let not = || expect!["destroys 0, agent 0, protections 0, backups 0, data 0, own false"];
    let done = StepState::Executed;
    check(vec![captured(create("s3:CreateBucket", "bucket"), done)], own()).await;
    check(vec![captured(create("rds:CreateDBInstance", "database"), done)], own()).await;
    check(vec![step(additive(create("dynamodb:CreateTable", "table")), done)], own()).await;
    // Not before it succeeded: the name may belong to another.
    check(vec![captured(create("s3:CreateBucket", "bucket"), StepState::Executing)], not()).await;
    check(vec![captured(create("s3:CreateBucket", "bucket"), StepState::Unknown)], not()).await;
    let mut failed = captured(create("s3:CreateBucket", "bucket"), done);
    failed.execution.as_mut().unwrap().outcome.as_mut().unwrap().status = 409;
    check(vec![failed], not()).await;
    // These succeed on what exists already, so without a look before they prove nothing.
    check(vec![step(additive(create("s3:CreateBucket", "bucket")), done)], not()).await;
    check(vec![step(additive(create("sqs:CreateQueue", "queue")), done)], not()).await;
    // Additive, but on something that was there: its source, its parent.
    check(vec![step(additive(create("ec2:CreateSnapshot", "volume")), done)], not()).await;
    check(vec![step(additive(create("logs:PutLogEvents", "log_group")), done)], not()).await;
    check(vec![captured(create("s3:PutBucketPolicy", "bucket"), done)], not()).await;
    // A backup that was made is none that was touched.
    let copy = additive(create("rds:CreateDBSnapshot", "snapshot"));
    check(vec![step(copy, done)], own()).await;
}

#[tokio::test]
async fn ownership_ends_with_the_thing_and_is_of_one_place() {
    let created = || captured(create("s3:CreateBucket", "bucket"), StepState::Executed);
    let target = Target::all(&created().action);
    let elsewhere = ActionParts { account: model::Account("999999999999".into()), ..created().action };
    let own = "destroys 0, agent 0, protections 0, backups 0, data 0, own true";
    let not = own.replace("true", "false");
    assert_eq!(look(vec![created()], target.clone(), 0).await, own);
    // Creating is remembered beyond the window of the counts.
    assert_eq!(look(vec![created()], target.clone(), 5000).await, own);
    assert_eq!(look(vec![created()], Target::all(&elsewhere), 0).await, not);
    assert_eq!(look(vec![created()], vec![], 0).await, not);
    let both = [target.clone(), Target::all(&elsewhere)].concat();
    assert_eq!(look(vec![created()], both, 0).await, not, "every target");

    let store = Store::memory();
    let first = Change { steps: vec![created()], state: ChangeState::Executed, ..change(1) };
    let write = move |tx: &mut Tx<'_>| {
        tx.offer([blob(1)]);
        tx.create_change(&first, entry(1))
    };
    store.write(write).await.unwrap();
    assert_eq!(ask(&store, 2, target.clone(), 0).await, not, "another session's");
    let delete = action("s3:DeleteBucket", Effect::Destroy, created().action.resources);
    let mut deleted = step(delete, StepState::Executing);
    deleted.execution = Some(execution(2, 11));
    let second =
        Change { steps: vec![deleted], state: ChangeState::Executing, session: session_id(2), ..change(2) };
    store.write(move |tx| tx.create_change(&second, entry(2))).await.unwrap();
    assert_eq!(
        ask(&store, 1, target, 0).await,
        "destroys 0, agent 1, protections 0, backups 0, data 0, own false",
        "whoever makes it again makes another one"
    );
}

#[tokio::test]
async fn counts_have_a_window_and_an_owner() {
    let store = Store::memory();
    for n in 1..=4 {
        let mut one = step(destroy("function"), StepState::Executed);
        one.execution = Some(execution(n, i64::try_from(n).unwrap() * 100));
        let agent = if n == 4 { "other".parse().unwrap() } else { chain().agent };
        let ran = Change {
            steps: vec![one],
            state: ChangeState::Executed,
            session: session_id(n.min(2)),
            chain: model::Chain { agent, ..chain() },
            ..change(n)
        };
        store.write(move |tx| tx.create_change(&ran, entry(n))).await.unwrap();
    }
    let mut told = String::new();
    for (session, since) in [(1, 0), (1, 100), (1, 101), (2, 0), (2, 300), (2, 301), (3, 0)] {
        told += &format!("{session} since {since}: {}\n", ask(&store, session, vec![], since).await);
    }
    expect![[r#"
        1 since 0: destroys 1, agent 3, protections 0, backups 0, data 0, own false
        1 since 100: destroys 1, agent 3, protections 0, backups 0, data 0, own false
        1 since 101: destroys 0, agent 2, protections 0, backups 0, data 0, own false
        2 since 0: destroys 3, agent 3, protections 0, backups 0, data 0, own false
        2 since 300: destroys 2, agent 1, protections 0, backups 0, data 0, own false
        2 since 301: destroys 1, agent 0, protections 0, backups 0, data 0, own false
        3 since 0: destroys 0, agent 3, protections 0, backups 0, data 0, own false
    "#]]
    .assert_eq(&told);
}
