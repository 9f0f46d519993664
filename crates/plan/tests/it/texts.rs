//! Plans' files of anybody: read within bounds, nothing believed.

use expect_test::{Expect, expect};
use plan::{MOST_BYTES, Plan};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::world::{World, planned};

fn a_plan() -> Value {
    let mut world = World::new().listed(&["cloudformation:DescribeStacks"]);
    let read = world.list("rds:DescribeDBInstances");
    let database = json!({
        "DBInstanceIdentifier": "costs", "DBInstanceStatus": "available", "DBInstanceClass": "db.m5.large", "Engine": "postgres", "MultiAZ": true,
        "AllocatedStorage": 100, "BackupRetentionPeriod": 7, "DeletionProtection": false, "InstanceCreateTime": "2024-01-01T00:00:00Z",
    });
    world.resource(read, "rds:db-instance", "costs", json!({}), database);
    let plans = planned(&world.text(), None, json!({ "kind": "repair", "of": "all" })).unwrap().plans;
    serde_json::to_value(&plans[0]).unwrap()
}

/// The plan with one place changed (and its id made anew, where `anew`).
fn check(place: &str, to: Value, expected: Expect) {
    let mut plan = a_plan();
    *plan.pointer_mut(place).unwrap_or_else(|| panic!("there is nothing at {place}")) = to;
    told(&plan.to_string(), expected);
}

fn told(text: &str, expected: Expect) {
    let told = match plan::read(text) {
        Ok(_) => "nothing is wrong\n".to_owned(),
        // Where in the text: members are in another order where another crate asks the parser to keep theirs.
        Err(problems) => {
            let said = problems.iter().map(ToString::to_string);
            said.map(|it| format!("{}\n", it.split(" at line ").next().unwrap_or_default())).collect()
        }
    };
    expected.assert_eq(&told);
}

#[test]
fn a_plan_is_written_and_read_without_loss() {
    let value = a_plan();
    let plan = plan::read(&value.to_string()).unwrap();
    assert_eq!(serde_json::to_value(&plan).unwrap(), value);
    let mut again: Plan = plan.clone();
    recompute(&mut again);
    assert_eq!(again, plan);
}

/// What follows from the tables, of a plan that was changed by hand.
fn recompute(plan: &mut Plan) {
    let judge = findings::Judge::new(&plan.basis.account);
    for step in &mut plan.steps {
        let plan::Call { service, operation, region, parameters } = &step.call;
        let judged = judge.call(service, operation, region, parameters).unwrap();
        (step.effects, step.undoable) = (judged.effects, judged.undoable());
    }
    plan.effects = plan.steps.iter().map(|step| step.effects).reduce(model::EffectSet::union).unwrap();
    plan.id = Plan::id_of(&plan.steps);
}

#[test]
fn nothing_that_can_be_computed_is_believed() {
    check(
        "/steps/0/call/operation",
        json!("DeleteDBInstance"),
        expect![[r#"
        id: it is not that of the steps' calls
        steps[0].effects: it is said milder than it is: destroy is missing
        steps[0].undoable: by the operation table it cannot be undone
        steps[0].undo: the engine captures no inverse of this call
    "#]],
    );
    check(
        "/steps/0/call/operation",
        json!("DropEverything"),
        expect![[r#"
        id: it is not that of the steps' calls
        steps[0].call: `rds:DropEverything` is not in the operation table
    "#]],
    );
    check(
        "/steps/0/call/parameters/DeletionProtection",
        json!(false),
        expect![[r#"
        id: it is not that of the steps' calls
        steps[0].effects: it is said milder than it is: destroy is missing
        steps[0].undoable: by the operation table it cannot be undone
        steps[0].undo: the engine captures no inverse of this call
    "#]],
    );
    check(
        "/steps/0/effects",
        json!(["read"]),
        expect![[r#"
            steps[0].effects: it is said milder than it is: write is missing
        "#]],
    );
    check(
        "/steps/0/effects",
        json!(["write", "destroy"]),
        expect![[r#"
        effects: it is said milder than it is: destroy is missing
    "#]],
    );
    check(
        "/effects",
        json!(["read"]),
        expect![[r#"
        effects: it is said milder than it is: write is missing
    "#]],
    );
    check(
        "/id",
        json!("sha256:0000000000000000000000000000000000000000000000000000000000000000"),
        expect![[r#"
            plan: a digest is 64 lower-case hexadecimal digits
        "#]],
    );
    check(
        "/schema",
        json!("countersign.plan/v2"),
        expect![[r#"
        schema: `countersign.plan/v2` is not known: it is countersign.plan/v1
    "#]],
    );
    check(
        "/steps/0/undo",
        json!({ "not_needed": "trust me" }),
        expect![[r#"
        steps[0].undo: it changes something, and that needs undoing
    "#]],
    );
    check(
        "/steps/0/undo",
        json!({ "calls": [] }),
        expect![[r#"
            steps[0].undo: the engine captures its inverse: it is `captured`
        "#]],
    );
    check(
        "/steps/0/before/0/read/operation",
        json!("DeleteDBInstance"),
        expect![[r#"
        steps[0].before[0].read: a check is a plain read, and this does: destroy
    "#]],
    );
    check(
        "/steps/0/after/0/patience",
        json!({ "again": 65535, "every_s": 65535 }),
        expect![[r#"
        steps[0].after[0].patience: it would wait 4294836225 seconds, and at most 43200
    "#]],
    );
    check(
        "/steps/0/after/0/id",
        json!("../x"),
        expect![[r#"
        steps[0].after[0].id: an id is of small letters, digits and hyphens
    "#]],
    );
    check(
        "/steps/0/id",
        json!("\u{1b}[2J"),
        expect![[r#"
        steps[0].id: an id is of letters, digits, dots and hyphens
    "#]],
    );
    check(
        "/steps/0/call/region",
        json!("us east"),
        expect![[r#"
        id: it is not that of the steps' calls
        steps[0].call.region: a region is of small letters, digits and hyphens
    "#]],
    );
    check(
        "/steps/0/why",
        json!("\u{1b}[2J"),
        expect![[r#"
        steps[0]: its words are too long, or hold what a terminal would obey
    "#]],
    );
    check(
        "/steps/0/after/0/verifies",
        json!("\u{202e}all is well"),
        expect![[r#"
        steps[0].after[0].verifies: its words are too long, or hold what a terminal would obey
    "#]],
    );
    check(
        "/steps",
        json!([]),
        expect![[r#"
            steps: a plan has at least one step
            id: it is not that of the steps' calls
        "#]],
    );
    check(
        "/basis/account",
        json!("prod"),
        expect![[r#"
        basis.account: an account has twelve digits
    "#]],
    );
    check(
        "/alternatives/0/effects",
        json!(["destroy"]),
        expect![[r#"
            nothing is wrong
        "#]],
    );
}

/// An inverse is a call like any other: it does no more than its step, to nothing else, and the tables must have it.
#[test]
fn an_inverse_is_judged() {
    let delete = |name: &str| json!({ "service": "rds", "operation": "DeleteDBInstance", "region": "us-east-1", "parameters": { "DBInstanceIdentifier": name } });
    let problems = |place: &str, undo: Value| {
        let mut plan = a_plan();
        plan["steps"][0]["undo"] = undo;
        let said = plan::read(&plan.to_string()).err().unwrap_or_default();
        assert!(said.iter().all(|it| it.place.starts_with("steps[0].undo")), "{place}: {said:?}");
        said.into_iter().map(|it| it.what).collect::<Vec<_>>().join("; ")
    };
    for undo in [json!({ "calls": [delete("costs")] }), json!({ "impossible": "trust me" })] {
        assert_eq!(problems("captured", undo), "the engine captures its inverse: it is `captured`");
    }
    let mut plan = a_plan();
    plan["steps"][0]["call"]["parameters"] = json!({ "DBInstanceIdentifier": "costs", "MultiAZ": true });
    let mut plan: Plan = serde_json::from_value(plan).unwrap();
    recompute(&mut plan);
    let modify = |name: &str, multi: Value| json!({ "service": "rds", "operation": "ModifyDBInstance", "region": "us-east-1", "parameters": { "DBInstanceIdentifier": name, "MultiAZ": multi } });
    let check = |plan: &Plan, call: Value, expected: &str| {
        let mut plan = plan.clone();
        plan.steps[0].undo = serde_json::from_value(json!({ "calls": [call] })).unwrap();
        let said = plan::lint(&plan).into_iter().map(|it| it.what).collect::<Vec<_>>().join("; ");
        assert_eq!(said, expected);
    };
    check(&plan, modify("costs", json!(false)), "");
    check(&plan, modify("orders", json!(false)), "it names what its step does not: orders");
    // Whom a step is about is a file's word.
    plan.steps[0].about.push("orders".into());
    check(&plan, modify("orders", json!(false)), "it names what its step does not: orders");
    check(&plan, delete("costs"), "the planner knows no such inverse of its step");
    let mut elsewhere = modify("costs", json!(false));
    elsewhere["region"] = json!("eu-west-1");
    check(&plan, elsewhere, "it is for another region than its step");
}

#[test]
fn what_is_too_much_or_no_plan_is_not_read() {
    told(
        "",
        expect![[r#"
        plan: EOF while parsing a value
    "#]],
    );
    told(
        "{}",
        expect![[r#"
        plan: missing field `schema`
    "#]],
    );
    told(
        &" ".repeat(MOST_BYTES + 1),
        expect![[r#"
        plan: it has 2097153 bytes, and at most 2097152 are read
    "#]],
    );
    let mut many = a_plan();
    let step = many["steps"][0].clone();
    many["steps"] = vec![step.clone(); 21].into();
    told(
        &many.to_string(),
        expect![[r#"
        steps: there are 21, and at most 20 are taken
    "#]],
    );
    many["steps"] = vec![step; 2].into();
    told(
        &many.to_string(),
        expect![[r#"
            id: it is not that of the steps' calls
            steps[1].id: `1` stands there twice
            steps[1]: the check `before-1-1` stands there twice
            steps[1]: the check `before-1-2` stands there twice
            steps[1]: the check `after-1-1` stands there twice
            steps[1]: the check `after-1-2` stands there twice
        "#]],
    );
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    told(
        &deep,
        expect![[r#"
        plan: invalid type: sequence, expected a string
    "#]],
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// Some bytes of a plan are others: it is refused in words that no terminal obeys, or is right.
    #[test]
    fn whatever_is_written_over_a_plan_nothing_breaks(at in any::<prop::sample::Index>(), over in ".{0,12}") {
        let mut text = a_plan().to_string();
        let mut at = at.index(text.len());
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        let mut end = (at + over.len()).min(text.len());
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.replace_range(at..end.max(at), &over);
        match plan::read(&text) {
            Ok(read) => prop_assert_eq!(plan::lint(&read), vec![]),
            Err(problems) => {
                prop_assert!(!problems.is_empty());
                prop_assert!(problems.iter().all(|problem| !problem.to_string().contains(char::is_control)), "{problems:?}");
            }
        }
    }
}

/// Names, tags and descriptions are whatever somebody wrote: none of it reaches people as it is.
#[test]
fn hostile_names_are_shown_and_not_obeyed() {
    let hostile = "\u{1b}[2J\u{202e}x\u{0}";
    let mut world = World::new().listed(&["cloudformation:DescribeStacks"]);
    let read = world.list("rds:DescribeDBInstances");
    let database = json!({
        "DBInstanceIdentifier": hostile, "DBInstanceStatus": hostile, "DBInstanceClass": "db.m5.large", "Engine": hostile, "MultiAZ": false,
        "AllocatedStorage": 100, "BackupRetentionPeriod": 7, "DeletionProtection": false, "InstanceCreateTime": "2024-01-01T00:00:00Z",
    });
    world.resource(read, "rds:db-instance", hostile, json!({ hostile: hostile }), database);
    let Ok(plans) = planned(&world.text(), None, json!({ "kind": "repair", "of": "all" })) else { return };
    for plan in plans.plans {
        let mut shown = vec![plan.goal.clone()];
        shown.extend(plan.unknowns.iter().chain(&plan.traps).cloned());
        for step in &plan.steps {
            shown.push(step.why.clone());
            shown.extend(step.about.clone());
            shown.extend(step.interrupts.clone());
            shown.extend(step.before.iter().chain(&step.after).map(|check| check.verifies.clone()));
        }
        for other in &plan.alternatives {
            shown.extend(
                [&other.name, &other.why_not]
                    .into_iter()
                    .chain(&other.interrupts)
                    .chain(&other.destroys)
                    .chain(&other.loses)
                    .cloned(),
            );
        }
        for text in shown {
            assert!(!text.contains(['\u{1b}', '\u{202e}', '\u{0}']), "{text:?}");
        }
    }
}
