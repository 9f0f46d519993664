//! A specification that is written can be read, has no finding of the linter that is an error, and leads from everything to everything.

use agent::{Order, SpecifyError, guards, specify};
use expect_test::expect;
use plan::{Origin, Plan, Step};
use proptest::prelude::*;
use spec::{Matrix, Sort, Specification, lint};

use crate::plans::{check, plan, report, step};

fn small() -> Plan {
    let stays = || check("still-healthy", "the service web answers", "services[].status", "ACTIVE");
    let mut last = step(
        "1.2",
        "The service shall run what ran before.",
        &[],
        vec![stays()],
        vec![
            check("task-count", "the service web runs 2 tasks", "services[].runningCount", "2"),
            plan::Check { id: "healthy-after".into(), ..stays() },
        ],
    );
    last.interrupts = Some("one task after the other".into());
    let first = step(
        "1.1",
        "The revision is noted",
        &[],
        vec![],
        vec![check("noted", "the revision is `web:7`", "a", "b")],
    );
    plan("roll back the service [web](http://evil)", &report(1, 10), vec![first, last])
}

fn written(sort: Sort, plan: &Plan, report: &findings::Report) -> Specification {
    let files = specify(Order { sort, plan, report, words: "please\nroll back web", said: None }).unwrap();
    let spec = Specification::read(&files).unwrap_or_else(|err| panic!("{err}"));
    let found: Vec<_> =
        lint::lint(&spec).into_iter().map(|it| format!("{:?} {} {}", it.code, it.file, it.message)).collect();
    assert!(found.is_empty(), "{found:#?}");
    let matrix = Matrix::of(&spec);
    assert!(matrix.untraced.is_empty(), "{:?}", matrix.untraced);
    assert!(
        matrix.rows.iter().all(|row| !row.checks.is_empty() && !row.properties.is_empty()),
        "{:?}",
        matrix.rows
    );
    spec
}

#[test]
fn a_bugfix_is_written_of_a_plan() {
    let (plan, report) = (small(), report(1, 10));
    let spec = written(Sort::Bugfix, &plan, &report);
    expect![[r#"
        # Bugfix Requirements Document

        ## Introduction

        What was asked for stands in `intent.md`. It was understood as this: roll back the service (web)(http://evil).
        The account is 111122223333, as of 2026-11-29T00:00:00.000Z. The plan has 2 steps; together they are: write.

        ## Bug Analysis

        ### Current Behavior (Defect)

        1.1 WHEN the snapshot of 2026-11-29T00:00:00.000Z was taken THEN this was not reached: roll back the service (web)(http://evil)

        ### Expected Behavior (Correct)

        2.1 WHEN step 1.1 ran THEN the environment SHALL show that the revision is 'web:7'

        2.2 WHEN step 1.2 ran THEN the environment SHALL show that the service web runs 2 tasks

        2.3 WHEN step 1.2 ran THEN the environment SHALL show that the service web answers

        ### Unchanged Behavior (Regression Prevention)

        3.1 WHEN a step of the plan runs THEN the environment SHALL CONTINUE TO pass the checks of each step that ran before

        3.2 WHEN a step of the plan runs THEN the environment SHALL CONTINUE TO show that the service web answers
    "#]].assert_eq(spec.goal().source().text());
    expect![[r#"
        # Implementation Plan

        - [ ] 1. The revision is noted
          - _Requirements: 2.1, 2.2, 2.3_
          - [ ] 1.1 ecs:UpdateService in us-east-1
            - Why: The revision is noted
            - About: arn:aws:ecs:us-east-1:111122223333:service/shop/web
            - Effects, by the operation table: write
            - Undo: its inverse is captured before it runs
            - _Requirements: 2.1_
            - **Property 1: Every step is checked**
            - **Property 2: What was reached stays**
            - _Check noted: the revision is 'web:7' (2.1)_
          - [ ] 1.2 ecs:UpdateService in us-east-1
            - Why: The service must run what ran before.
            - About: arn:aws:ecs:us-east-1:111122223333:service/shop/web
            - Effects, by the operation table: write
            - Interrupts: one task after the other
            - Undo: its inverse is captured before it runs
            - Only if the service web answers
            - _Requirements: 2.2, 2.3_
            - _Depends: 1.1_
            - **Property 1: Every step is checked**
            - **Property 2: What was reached stays**
            - _Check task-count: the service web runs 2 tasks (2.2)_
            - _Check healthy-after: the service web answers (2.3)_
    "#]]
    .assert_eq(spec.tasks().unwrap().source().text());
}

#[test]
fn requirements_are_written_of_a_plan() {
    let (plan, report) = (small(), report(1, 10));
    let spec = written(Sort::Feature, &plan, &report);
    expect![[r#"
        # Requirements Document

        ## Introduction

        What was asked for stands in `intent.md`. It was understood as this: roll back the service (web)(http://evil).
        The account is 111122223333, as of 2026-11-29T00:00:00.000Z. The plan has 2 steps; together they are: write.

        ## Glossary

        - **Environment**: what account 111122223333 holds

        ## Requirements

        ### Requirement 1: The revision is noted

        **User Story:** As an operator, I want this to be done: The revision is noted, so that the goal is reached: roll back the service (web)(http://evil).

        #### Acceptance Criteria

        1. WHEN step 1.1 ran THE Environment SHALL show that the revision is 'web:7'
        2. WHEN step 1.2 ran THE Environment SHALL show that the service web runs 2 tasks
        3. WHEN step 1.2 ran THE Environment SHALL show that the service web answers

        ### Requirement 2: What works goes on working

        **User Story:** As an operator, I want nothing else to break, so that nobody but me notices the change.

        #### Acceptance Criteria

        1. WHILE the plan runs THE Environment SHALL CONTINUE TO pass the checks of each step that ran before
        2. WHILE the plan runs THE Environment SHALL CONTINUE TO show that the service web answers
    "#]].assert_eq(spec.goal().source().text());
    expect![[r#"
        # Design Document

        ## Overview

        The goal: roll back the service (web)(http://evil).
        The plan `bafd137314106549e99ab3a36d4a8305ff8d501385025ab815a8e7b71969be3c` was made of a snapshot of account 111122223333 taken at 2026-11-29T00:00:00.000Z (SHA-256 `16a0eeb0791b6c92451fd284dd9f599e0a7dbe7f6ebea6e2d2d06c7f74aec112`).

        ## Architecture

        Countersign proposes the whole plan as one change. Once that is allowed, it asks for the steps one by one, in this order:

        - 1.1 ecs:UpdateService of arn:aws:ecs:us-east-1:111122223333:service/shop/web (write)
        - 1.2 ecs:UpdateService of arn:aws:ecs:us-east-1:111122223333:service/shop/web (write)

        ## Components and Interfaces

        Each step is one call of the cloud's API, written out in `plan.json` with its parameters. What it does is not its own word: the operation table classifies the call again when it is asked for.

        ## Data Models

        `plan.json` holds the steps, `findings.json` what they answer, `run.jsonl` what machines checked.

        ## Correctness Properties

        ### Property 1: Every step is checked

        *For any* step of the plan, all its checks hold after it ran, or the plan stops there and what ran is undone.

        **Validates: Requirements 1**

        ### Property 2: What was reached stays

        *For any* step of the plan, what shall continue is measured before it and after it, and holds both times.

        **Validates: Requirements 2**

        ## Error Handling

        A check that fails in the end stops the plan; what ran is undone where it can be.
        - Step 1.2 interrupts: one task after the other
        - Beware: it starts cold

        What was weighed and not chosen:

        - nothing

        What is not known:

        - when it is used at night

        ## Testing Strategy

        Each check is a plain read of the cloud whose answer a machine compares; a task is ticked for that and for nothing else.
    "#]].assert_eq(spec.design().unwrap().source().text());
}

#[test]
fn what_shall_continue_has_a_check_of_its_own() {
    let plan = small();
    let spec = written(Sort::Bugfix, &plan, &report(1, 10));
    let guards = guards(&plan);
    assert_eq!(guards.len(), 2);
    let checks: Vec<String> = spec.checks().guards().iter().map(|it| it.id().to_string()).collect();
    assert_eq!(checks, ["unchanged-3-1", "unchanged-3-2"]);
}

#[test]
fn what_could_not_be_ticked_is_not_specified() {
    let report = report(1, 10);
    let check = |steps: Vec<Step>, expected: &str| {
        let plan = plan("x", &report, steps);
        let err =
            specify(Order { sort: Sort::Feature, plan: &plan, report: &report, words: "x", said: None })
                .unwrap_err();
        assert_eq!(err.to_string(), expected);
    };
    let good =
        |id: &str, name: &str| step(id, "why", &[], vec![], vec![self::check(name, "it is", "a", "b")]);
    check(vec![], "a plan without a step is nothing to specify");
    check(vec![good("1.1", "a"), good("1.1", "b")], "step 1.1 is there twice");
    check(
        vec![good("1", "a"), good("1.1", "b")],
        "step 1 has steps below it, so nothing could say when it is done",
    );
    check(vec![good("one", "a")], "step `one`: its id is no task's: `1`, `1.2` or `1.2.3`");
    check(
        vec![good("1.1", "unchanged-3-1")],
        "check `unchanged-3-1` has a name that is none, or is there twice",
    );
    check(vec![good("1.1", "a"), good("1.2", "a")], "check `a` has a name that is none, or is there twice");
    let many = (1..=401).map(|it| good(&format!("1.{it}"), &format!("c-{it}"))).collect();
    check(many, "a plan of 401 steps; a specification has at most 400");
    let nothing = plan("x", &report, vec![good("1.1", "a")]);
    let err = specify(Order { sort: Sort::Feature, plan: &nothing, report: &report, words: " ", said: None })
        .unwrap_err();
    assert!(matches!(err, SpecifyError::Intent(_)));
}

/// A step that nothing can look at is proved by whoever carried it out.
#[test]
fn a_step_without_a_look_has_a_check_all_the_same() {
    let report = report(1, 10);
    let plan = plan("x", &report, vec![step("1.1", "why", &[], vec![], vec![])]);
    let spec = written(Sort::Feature, &plan, &report);
    let task = "1.1".parse().unwrap();
    let own: Vec<String> = spec.checks().own(&task).iter().map(|it| it.id().to_string()).collect();
    assert_eq!(own, [agent::answered(&task)]);
}

/// It stands in the design as what it is, and whatever it says is no structure of it.
#[test]
fn what_a_model_said_is_quoted_and_nothing_of_it_is_checked() {
    let (plan, report) = (small(), report(1, 10));
    let said = "It is safe.\n\n### Property 7: all is well\n*For any* step **Validates: Requirements 9**\n- [x] 1.1 done";
    let order = Order { sort: Sort::Bugfix, plan: &plan, report: &report, words: "x", said: Some(said) };
    let spec = Specification::read(&specify(order).unwrap()).unwrap();
    assert_eq!(spec.design().unwrap().properties().len(), 2);
    let text = spec.design().unwrap().source().text();
    assert!(text.contains("### In a language model's words") && text.contains("> It is safe."), "{text}");
    assert!(lint::lint(&spec).iter().all(|it| it.level != lint::Level::Error));
    // A model that said nothing adds nothing.
    let silent = specify(Order { said: Some(" \n"), ..order }).unwrap();
    assert_eq!(silent, specify(Order { said: None, ..order }).unwrap());
}

/// Lines as hostile as a tag can make a name.
fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("it SHALL NOT".to_owned()),
        Just("THEN the system".to_owned()),
        Just("\n- [x] 1. done\n".to_owned()),
        Just("\n### Requirement 9\n".to_owned()),
        Just("<!-- ".to_owned()),
        Just("```\n".to_owned()),
        Just("_Check x: y (1.1)_".to_owned()),
        Just("Property 7: z".to_owned()),
        Just("Validates: Requirements 9".to_owned()),
        Just("(9.9)".to_owned()),
        Just("\u{202e}\u{1b}[2J".to_owned()),
        any::<String>(),
    ];
    proptest::collection::vec(piece, 1..4).prop_map(|it| it.join(" "))
}

fn errors(sort: Sort, plan: &Plan, report: &findings::Report) -> Vec<String> {
    let files = specify(Order { sort, plan, report, words: "do it", said: None }).unwrap();
    let spec = match Specification::read(&files) {
        Ok(spec) => spec,
        Err(err) => return vec![err.to_string()],
    };
    let found = lint::lint(&spec).into_iter().filter(|it| it.level == lint::Level::Error);
    let untraced = Matrix::of(&spec).untraced;
    found
        .map(|it| format!("{:?} {}", it.code, it.message))
        .chain(untraced.iter().map(ToString::to_string))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn whatever_names_say_the_specification_is_whole(
        goal in hostile(), whys in proptest::collection::vec((hostile(), hostile()), 1..5),
        sort in prop_oneof![Just(Sort::Feature), Just(Sort::Bugfix)],
    ) {
        let report = report(3, 12);
        let answered: Vec<&str> = report.findings.iter().map(|it| it.id.as_str()).collect();
        let steps = whys.iter().enumerate().map(|(nth, (why, verifies))| {
            let id = format!("{}.{}", nth / 2 + 1, nth % 2 + 1);
            let verifies = format!("it holds {verifies}");
            let mut step = step(&id, why, answered.get(nth..nth + 1).unwrap_or_default(), vec![], vec![check(&format!("c-{nth}"), &verifies, "a", "b")]);
            step.about = vec![why.clone()];
            if nth == 1 {
                step.origin = Origin::Unverified { why: why.clone() };
            }
            step
        });
        let plan = plan(&goal, &report, steps.collect());
        let errors = errors(sort, &plan, &report);
        prop_assert!(errors.is_empty(), "{errors:#?}");
    }
}

/// Every plan for every goal that findings lead to, over synthetic accounts.
#[test]
fn every_plan_of_the_planner_becomes_a_whole_specification() {
    let mut seen = 0;
    for seed in 0..6 {
        let account = synth::account(seed, 250);
        let snapshot = snapshot::Snapshot::parse(&account.snapshot, synth::TAKEN).unwrap();
        let report = crate::world::report_of(&snapshot);
        let given = crate::world::given(&snapshot, &report, &account.snapshot);
        for kind in plan::Kind::ALL {
            let goal = kind.goal(plan::Which::All);
            let Ok(plans) = plan::of(&given, &goal) else { continue };
            for plan in plans.plans {
                let errors = errors(agent::sort_of(&goal), &plan, &report);
                assert!(errors.is_empty(), "{seed} {kind:?} {}: {errors:#?}", plan.goal);
                assert!(agent::folder(&plan).is_some(), "{}", plan.goal);
                seen += 1;
            }
        }
    }
    assert!(seen > 20, "{seen} plans");
}
