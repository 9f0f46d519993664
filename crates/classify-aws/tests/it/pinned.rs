//! Requests under another table than our own: what is pinned is our own text with some of its lines changed by hand.

use std::sync::LazyLock;

use classify_aws::{
    classify::{Classified, Override, Terms, classify},
    gather::{self, Progress, ReadAnswer},
    sheet::Sheet,
};
use expect_test::{Expect, expect};
use model::{Effect, EffectSet, Exposure, Operation, Quantity, Request, Timestamp};

use crate::requests::{form, json, target};

static TEXT: LazyLock<String> = LazyLock::new(|| Sheet::own().text());

/// A line, and what becomes of its columns.
type Edit<'a> = (&'a str, &'a dyn Fn(&mut Vec<String>));

/// Terms under which another table is pinned: of our own, the line of each `service:operation` with its columns changed, or
/// without the line.
fn terms(edits: &[Edit<'_>], gone: &[&str]) -> Terms {
    let mut service = String::new();
    let mut out = String::new();
    let mut used = 0;
    for line in TEXT.lines() {
        if let Some(name) = line.strip_prefix("service\t") {
            name.clone_into(&mut service);
        }
        let mut cells: Vec<String> = line.split('\t').map(str::to_owned).collect();
        let name = format!("{service}:{}", cells[0]);
        if gone.contains(&name.as_str()) || gone.contains(&line) {
            used += 1;
            continue;
        }
        for (_, edit) in edits.iter().filter(|(wanted, _)| *wanted == name || *wanted == line) {
            used += 1;
            edit(&mut cells);
        }
        out.push_str(&cells.join("\t"));
        out.push('\n');
    }
    assert_eq!(used, edits.len() + gone.len(), "every edit names a line");
    let sheet = Sheet::read(&out, Sheet::digest_of(&out)).unwrap();
    Terms { overrides: Default::default(), pinned: sheet.pinned().into() }
}

/// The columns of an operation's line.
const EFFECTS: usize = 1;
const FLAGS: usize = 2;
const NAMING: usize = 3;
const UNDO: usize = 4;
const QUANTITY: usize = 5;
const LOOKS: usize = 6;

fn set(column: usize, value: &str) -> impl Fn(&mut Vec<String>) {
    move |cells| value.clone_into(&mut cells[column])
}

fn under(terms: &Terms, service: &str, request: Request) -> Classified {
    classify(request, service, "eu-west-1", &target(), terms).unwrap()
}

fn check(terms: &Terms, service: &str, request: Request, expected: &Expect) {
    let said = match classify(request, service, "eu-west-1", &target(), terms) {
        Err(err) => format!("{}: {} {}\n", err.fault.code(), err.fault, err.hint),
        Ok(classified) => {
            let parts = classified.action.parts();
            let exposure = match (parts.exposure.data, parts.exposure.credentials) {
                (false, false) => "",
                (true, false) => " +data",
                (false, true) => " +credentials",
                (true, true) => " +data +credentials",
            };
            let resources = parts.resources.iter().map(|one| format!("- {one}\n"));
            let unknowns = parts.unknowns.iter().map(|one| format!("? {one}\n"));
            let rest: String = resources.chain(unknowns).collect();
            format!("[{}]{exposure} {:?}\n{}\n{rest}", parts.effects, parts.undo, parts.summary)
        }
    };
    expected.assert_eq(&said);
}

fn stop() -> Request {
    form("Action=StopInstances&Version=2016-11-15&InstanceId.1=i-1")
}

fn put_parameter() -> Request {
    json("AmazonSSM.PutParameter", r#"{"Name":"/a","Value":"v","Type":"String"}"#)
}

#[test]
fn the_stricter_of_two_effects_counts() {
    let terms = terms(
        &[
            ("ec2:StopInstances", &set(EFFECTS, "w")),
            ("ec2:DescribeInstances", &set(EFFECTS, "w")),
            ("dynamodb:GetItem", &set(FLAGS, "c")),
            ("dynamodb:DeleteTable", &set(EFFECTS, "p")),
        ],
        &[],
    );
    check(
        &terms,
        "ec2",
        stop(),
        &expect![[r#"
        [write, destroy] Unlisted
        Stops the EC2 instances i-1.
        - ec2 instance i-1
        ? the pinned operation table says otherwise of it; the stricter was taken
    "#]],
    );
    let describe = form("Action=DescribeInstances&Version=2016-11-15");
    check(
        &terms,
        "ec2",
        describe,
        &expect![[r#"
        [read, write] Unlisted
        Describes the EC2 instances.
        - ec2 unknown *
        ? which resources it touches
        ? the pinned operation table says otherwise of it; the stricter was taken
    "#]],
    );
    let get = json("DynamoDB_20120810.GetItem", r#"{"TableName":"t","Key":{}}"#);
    check(
        &terms,
        "dynamodb",
        get,
        &expect![[r#"
            [read, privilege] +data +credentials NotNeeded
            Gets the DynamoDB item t.
            - dynamodb table t
            ? the pinned operation table says otherwise of it; the stricter was taken
        "#]],
    );
    let delete = json("DynamoDB_20120810.DeleteTable", r#"{"TableName":"t"}"#);
    check(
        &terms,
        "dynamodb",
        delete,
        &expect![[r#"
        [privilege, destroy] Unlisted
        Deletes the DynamoDB table t.
        - dynamodb table t
        ? the pinned operation table says otherwise of it; the stricter was taken
    "#]],
    );
}

#[test]
fn what_the_pinned_table_does_not_have_is_unknown_until_the_bundle_says_what_it_is() {
    let mut terms = terms(&[("kinesis:SplitShard", &set(FLAGS, "e"))], &["ec2:StopInstances"]);
    check(
        &terms,
        "ec2",
        stop(),
        &expect![[r#"
        CS106: unknown operation: ec2:StopInstances is not in the operation table that is pinned this version of Countersign knows it, and it counts once its table is adopted: `countersign policy table`
    "#]],
    );
    let split = json(
        "Kinesis_20131202.SplitShard",
        r#"{"StreamName":"s","ShardToSplit":"a","NewStartingHashKey":"1"}"#,
    );
    check(
        &terms,
        "kinesis",
        split,
        &expect![[r#"
        CS106: unknown operation: kinesis:SplitShard sends a stream of events, which cannot be judged ahead use an operation that takes its input whole
    "#]],
    );
    let own = Override { effects: EffectSet::of(Effect::Write), kind: None, additive: false, exposure: None };
    terms.overrides.insert(Operation::new("ec2", "StopInstances"), own.clone());
    check(
        &terms,
        "ec2",
        stop(),
        &expect![[r#"
            [write, privilege] +data +credentials Unlisted
            Stops the EC2 instances: instance i-1.
            - ec2 instance i-1
            - ec2 unknown *
            ? the pinned operation table does not have it
        "#]],
    );
    let own = Override { exposure: Some(Exposure::default()), ..own };
    terms.overrides.insert(Operation::new("ec2", "StopInstances"), own);
    check(
        &terms,
        "ec2",
        stop(),
        &expect![[r#"
        [write] Unlisted
        Stops the EC2 instances: instance i-1.
        - ec2 instance i-1
        - ec2 unknown *
        ? the pinned operation table does not have it
    "#]],
    );
}

#[test]
fn of_two_ways_to_undo_or_to_look_neither_counts() {
    let other = "0123456789abcdef";
    let removed = terms(&[("ssm:PutParameter", &set(UNDO, ""))], &[]);
    check(
        &removed,
        "ssm",
        put_parameter(),
        &expect![[r#"
        [write] Unlisted
        Puts the SSM parameter /a.
        - ssm parameter /a
        ? the pinned operation table says otherwise of it; the stricter was taken
        ? the value of Value is not shown: it may be secret
    "#]],
    );
    let changed = terms(&[("ssm:PutParameter", &set(UNDO, other))], &[]);
    assert_eq!(under(&changed, "ssm", put_parameter()).action.parts().undo, model::Undo::Unlisted);
    // None was needed there; ours does no harm.
    let both = |cells: &mut Vec<String>| {
        cells[UNDO].clear();
        cells[FLAGS] = "a".to_owned();
    };
    assert_eq!(
        under(&terms(&[("ssm:PutParameter", &both)], &[]), "ssm", put_parameter()).action.parts().undo,
        model::Undo::Capturable
    );
    let terms = terms(
        &[("ssm:PutParameter", &set(LOOKS, other)), ("ec2:DescribeInstances", &set(LOOKS, other))],
        &[],
    );
    check(
        &terms,
        "ssm",
        put_parameter(),
        &expect![[r#"
        [write, destroy] Capturable
        Puts the SSM parameter /a. It is looked at otherwise than the pinned operation table says, and counts as not undoable.
        - ssm parameter /a
        ? the pinned operation table says otherwise of it; the stricter was taken
        ? the value of Value is not shown: it may be secret
    "#]],
    );
    let describe = form("Action=DescribeInstances&Version=2016-11-15");
    assert!(under(&terms, "ec2", describe).action.parts().effects.is_plain_read());
}

#[test]
fn an_inverse_that_the_pinned_table_has_otherwise_is_not_captured() {
    let captured = |terms: &Terms| {
        let classified = under(terms, "ssm", put_parameter());
        let (parts, marks) = (classified.action.parts(), classified.action.marks());
        let now = Timestamp::from_seconds(1_795_228_800);
        let mut gathering = gather::start(parts, marks, &classified.params, now).unwrap();
        let mut answers = Vec::new();
        loop {
            match gathering.step(answers) {
                Progress::Done(found) => return (found.undo.is_some(), found.unknowns),
                Progress::Read(calls) => {
                    answers = calls
                        .iter()
                        .map(|call| match call.operation.as_str() {
                            "GetParameter" => ReadAnswer {
                                status: 400,
                                headers: Vec::new(),
                                body: r#"{"__type":"ParameterNotFound"}"#.into(),
                            },
                            _ => ReadAnswer {
                                status: 200,
                                headers: Vec::new(),
                                body: r#"{"Parameters":[]}"#.into(),
                            },
                        })
                        .collect();
                }
            }
        }
    };
    assert!(captured(&Terms::default()).0);
    let (undo, unknowns) = captured(&terms(&[("ssm:PutParameter", &set(UNDO, ""))], &[]));
    assert!(!undo);
    expect!["undo not captured: the pinned operation table undoes it otherwise, or not"]
        .assert_eq(&unknowns.join("\n"));
}

#[test]
fn a_quantity_that_is_counted_otherwise_is_beyond_every_budget() {
    let batch =
        || json("AmazonSQS.SendMessageBatch", r#"{"QueueUrl":"q","Entries":[{"Id":"1","MessageBody":"a"}]}"#);
    let of = |terms: &Terms| under(terms, "sqs", batch()).action.parts().quantity.clone();
    assert_eq!(of(&Terms::default()), Quantity::one());
    assert_eq!(of(&terms(&[("sqs:SendMessageBatch", &set(QUANTITY, ""))], &[])), Quantity::unknown());
}

#[test]
fn what_either_calls_a_resource_counts() {
    let noun = TEXT.lines().find(|line| line.starts_with("noun\t*\tqueue\t")).unwrap();
    let changed =
        terms(&[(noun, &set(3, "database")), ("sqs:DeleteQueue", &set(NAMING, "b:Other,b:QueueUrl"))], &[]);
    let delete = json("AmazonSQS.DeleteQueue", r#"{"QueueUrl":"q","Other":"o"}"#);
    check(
        &changed,
        "sqs",
        delete,
        &expect![[r#"
        [destroy] Unlisted
        Deletes the SQS queue: queue q, other o, database q.
        - sqs queue q
        - sqs other o
        - sqs database q
        ? the pinned operation table says otherwise of it; the stricter was taken
    "#]],
    );
}

#[test]
fn rules_of_either_raise_and_only_what_both_lower_is_lowered() {
    let rule = |beginning: &str| TEXT.lines().find(|line| line.starts_with(beginning)).unwrap();
    // Ours raises where the pinned table does not, and the other way round.
    let delete = || {
        form("Action=DeleteDBInstance&Version=2014-10-31&DBInstanceIdentifier=d&DeleteAutomatedBackups=true")
    };
    let raising = rule("rule\tsecretsmanager:DeleteSecret\t-\t");
    let secret = || json("secretsmanager.DeleteSecret", r#"{"SecretId":"s","RecoveryWindowInDays":7}"#);
    check(
        &terms(&[], &[raising]),
        "secretsmanager",
        secret(),
        &expect![[r#"
        [destroy] Capturable
        Deletes the Secrets Manager secret s. It shortens or skips the thirty days in which it could be recovered.
        - secretsmanager secret s
    "#]],
    );
    let more = |cells: &mut Vec<String>| cells[3] = "+xd".to_owned();
    check(
        &terms(&[(raising, &more)], &[]),
        "secretsmanager",
        secret(),
        &expect![[r#"
        [execute, destroy] Capturable
        Deletes the Secrets Manager secret s. It shortens or skips the thirty days in which it could be recovered; meets a rule of the pinned operation table that this version has otherwise.
        - secretsmanager secret s
    "#]],
    );
    check(
        &terms(&[(raising, &more)], &[]),
        "rds",
        delete(),
        &expect![[r#"
        [destroy] Unlisted
        Deletes the RDS DB instance d. It deletes its automated backups too.
        - rds database d
    "#]],
    );
    let lowering = rule("rule\tdynamodb:ExecuteStatement\t0\t");
    let select = || json("DynamoDB_20120810.ExecuteStatement", r#"{"Statement":"SELECT * FROM t"}"#);
    assert!(under(&Terms::default(), "dynamodb", select()).action.parts().effects.is_plain_read());
    check(
        &terms(&[], &[lowering]),
        "dynamodb",
        select(),
        &expect![[r#"
        [read, execute, destroy] +data Unlisted
        Executes the DynamoDB statement.
        - dynamodb unknown *
        ? which resources it touches
    "#]],
    );
    // A rule that only this version has applies as well.
    assert_eq!(
        under(&terms(&[], &[rule("rule\t*:Delete*\t-\t")]), "rds", delete()).action.parts().effects,
        under(&Terms::default(), "rds", delete()).action.parts().effects
    );
}
