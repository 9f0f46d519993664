//! Watching first: a trail as CloudTrail delivers it, judged without a server, and a bundle made of what it proposes.

use std::{fs, path::Path, process::Command};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use testkit::{Cli, Output};

use crate::lab::People;

const DEPLOY: &str = "arn:aws:iam::111122223333:role/deploy";

/// What CloudTrail writes of a call of the role `deploy`.
fn event(id: &str, time: &str, source: &str, name: &str, parameters: &Value) -> Value {
    json!({
        "eventVersion": "1.11", "eventID": id, "eventTime": time, "eventName": name, "eventType": "AwsApiCall",
        "eventSource": format!("{source}.amazonaws.com"), "awsRegion": "eu-west-1",
        "recipientAccountId": "111122223333", "requestParameters": parameters,
        "userIdentity": { "type": "AssumedRole", "arn": "arn:aws:sts::111122223333:assumed-role/deploy/s",
            "accessKeyId": "ASIADEPLOY", "sessionContext": { "sessionIssuer": { "arn": DEPLOY } } }
    })
}

fn with(mut event: Value, changes: &Value) -> Value {
    if let (Some(members), Some(changes)) = (event.as_object_mut(), changes.as_object()) {
        members.extend(changes.clone());
    }
    event
}

fn reads() -> Vec<Value> {
    let object = json!({ "bucketName": "shop-reports", "key": "a/b" });
    vec![
        event("read", "2026-03-02T10:00:00Z", "ec2", "DescribeInstances", &Value::Null),
        event("data", "2026-03-02T11:00:00Z", "s3", "GetObject", &object),
        event("list", "2026-03-02T12:00:00Z", "lambda", "ListFunctions20150331", &json!({})),
    ]
}

/// Two files in folders as a trail has them, one of them packed; one event stands in both.
fn trail(folder: &Path) -> Result<()> {
    let tags = json!({ "resourcesSet": { "items": [{ "resourceId": "i-1" }] },
        "tagSet": { "items": [{ "key": "a", "value": "b" }] } });
    let database = json!({ "dBInstanceIdentifier": "prod", "skipFinalSnapshot": true });
    let held = event("held", "2026-03-02T21:00:00Z", "rds", "DeleteDBInstance", &database);
    let mut first = reads();
    first.push(event("write", "2026-03-02T20:30:00Z", "ec2", "CreateTags", &tags));
    first.push(held.clone());
    let at = "2026-03-03T21:00:00Z";
    let other = json!({ "recipientAccountId": "444455556666", "userIdentity": { "type": "IAMUser",
        "arn": "arn:aws:iam::444455556666:user/e\u{1b}[2Jve" } });
    let second = vec![
        held,
        event("unknown", at, "ec2", "FrobnicateInstance", &json!({})),
        event("omitted", at, "ec2", "DeleteVolume", &json!({ "omitted": true, "originalSize": 300_000 })),
        with(
            event("failed", at, "rds", "DeleteDBInstance", &database),
            &json!({ "errorCode": "AccessDenied" }),
        ),
        with(
            event("service", at, "kms", "RotateKey", &Value::Null),
            &json!({ "eventType": "AwsServiceEvent" }),
        ),
        with(event("secret", at, "secretsmanager", "GetSecretValue", &json!({ "secretId": "db" })), &other),
    ];
    let day = folder.join("AWSLogs/111122223333/CloudTrail/eu-west-1");
    fs::create_dir_all(&day)?;
    write(&folder.join("AWSLogs/one.json"), &first)?;
    write(&day.join("two.json"), &second)?;
    pack(&day.join("two.json"))
}

fn write(file: &Path, records: &[Value]) -> Result<()> {
    Ok(fs::write(file, json!({ "Records": records }).to_string())?)
}

pub(crate) fn pack(file: &Path) -> Result<()> {
    ensure!(Command::new("gzip").arg(file).status()?.success(), "gzip");
    Ok(())
}

fn observe(path: &Path, more: &[&str]) -> Result<Output> {
    let path = path.to_str().context("a path that is not text")?;
    Cli::run([&["observe", "--cloudtrail", path], more].concat())
}

const TEXT: &str = r#"Observed: 9 of 11 events judged, 2026-03-02T10:00:00.000Z to 2026-03-03T21:00:00.000Z
  under    the starter bundle (every account is production), as agent observed of operator
  verdicts 4 allowed, 2 held, 2 denied
  failed   0 allowed, 1 held, 0 denied (calls that the cloud refused; counted apart)
  apart    1 by services, 0 sign-ins, 0 of no call, 1 repeated, 0 unreadable
  assumed  the inverse of 1 writes, as if it had been captured

arn:aws:iam::111122223333:role/deploy  4 allowed, 2 held, 1 denied
  failed: 0 allowed, 1 held, 0 denied
  most holds on one day: 1 on 2026-03-02
  hold 2 × two-people-to-destroy: what cannot be undone in production takes two people, neither of whom launched the agent
    2026-03-02T21:00:00.000Z rds:DeleteDBInstance prod in 111122223333 eu-west-1
    2026-03-03T21:00:00.000Z ec2:DeleteVolume * in 111122223333 eu-west-1
  deny 1 × CS106: unknown operation
    2026-03-03T21:00:00.000Z ec2:FrobnicateInstance ? in 111122223333 eu-west-1
  hold 1 × two-people-for-privilege: who may do what in production is changed by two people
    2026-03-03T21:00:00.000Z ec2:DeleteVolume * in 111122223333 eu-west-1
  hold 1 × two-people-to-execute: running code in production takes two people: what it does cannot be seen beforehand
    2026-03-03T21:00:00.000Z ec2:DeleteVolume * in 111122223333 eu-west-1

arn:aws:iam::444455556666:user/e\u{1b}[2Jve  0 allowed, 0 held, 1 denied
  deny 1 × no-grant: no grant of agent observed permits `privilege` on this
    2026-03-03T21:00:00.000Z secretsmanager:GetSecretValue db in 444455556666 eu-west-1

Accounts with no environment (they count as production)
  111122223333  8 events by 1 principals
  444455556666  1 events by 1 principals

Operations that no table knows (denied, until an override of the bundle says what they do)
  1 × ec2:FrobnicateInstance
  as in overrides.toml:
[[override]]
operation = "ec2:FrobnicateInstance"
effects = ["execute", "privilege", "destroy"]
reason = "not looked at yet, so it counts as the worst"

Events whose parameters the trail leaves out (each counts as the worst they could say)
  2026-03-03T21:00:00.000Z ec2:DeleteVolume arn:aws:iam::111122223333:role/deploy (omitted)
"#;

#[test]
fn a_trail_is_judged_by_principal_and_rule_and_nothing_is_forwarded() -> Result<()> {
    let folder = tempfile::tempdir()?;
    trail(folder.path())?;
    let text = observe(folder.path(), &[])?.expect(0)?.stdout;
    let shown = text.split("\nTaken for granted").next().unwrap_or_default();
    ensure!(shown == TEXT, "{shown}");

    let report = observe(folder.path(), &["--output", "json"])?.expect(0)?.json()?;
    ensure!(report["schema"] == "countersign.observe/v1", "{report}");
    ensure!(report["events"]["repeated"] == 1 && report["events"]["by_services"] == 1, "{report}");
    ensure!(report["left_out"]["listed"][0]["id"] == "omitted", "{report}");
    ensure!(report["unknown_operations"][0]["operation"] == "ec2:FrobnicateInstance", "{report}");
    ensure!(report["assumed_undo"] == 1, "{report}");
    Ok(())
}

#[test]
fn what_went_before_counts_in_whatever_order_the_files_are() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let delete = |id: &str, time: &str, name: &str, member: &str| {
        event(id, time, "rds", name, &json!({ member: "prod", "skipFinalSnapshot": true }))
    };
    let backup = delete("backup", "2026-03-02T21:30:00Z", "DeleteDBSnapshot", "dBSnapshotIdentifier");
    let mut data = delete("data", "2026-03-02T21:00:00Z", "DeleteDBInstance", "dBInstanceIdentifier");
    let rules = || -> Result<String> {
        let report = observe(folder.path(), &["--output", "json"])?.expect(0)?.json()?;
        Ok(report["principals"][0]["rules"].to_string())
    };
    write(&folder.path().join("1.json"), &[backup])?;
    write(&folder.path().join("2.json"), std::slice::from_ref(&data))?;
    ensure!(rules()?.contains("no-backup-loss-after-data"), "{}", rules()?);
    // What failed was not done, and another's deed is another's.
    for changes in [
        json!({ "errorCode": "AccessDenied" }),
        json!({ "userIdentity": { "type": "Root", "arn": "arn:aws:iam::111122223333:root" } }),
        json!({ "eventTime": "2026-03-01T21:00:00Z" }),
    ] {
        data = with(data, &json!({ "errorCode": null }));
        write(&folder.path().join("2.json"), &[with(data.clone(), &changes)])?;
        let report = observe(folder.path(), &["--output", "json"])?.expect(0)?.stdout;
        ensure!(!report.contains("no-backup-loss-after-data"), "{changes}: {report}");
    }
    Ok(())
}

#[test]
fn what_is_proposed_loads_and_allows_the_reads_that_were_seen() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (seen, proposed, bundle) =
        (folder.path().join("seen.json"), folder.path().join("proposed"), folder.path().join("i/bundle"));
    write(&seen, &reads())?;
    let proposed_text = proposed.to_str().context("a path that is not text")?;
    observe(&seen, &["--write", proposed_text])?.expect(0)?;
    let again = observe(&seen, &["--write", proposed_text])?.expect(2)?;
    ensure!(again.stderr.contains("is there already"), "{again}");

    let mut args = vec!["init".to_owned(), folder.path().join("i").display().to_string()];
    let people = People::enter()?;
    args.extend(people.flags()?);
    args.push("--unproved".to_owned());
    Cli::run(args)?.expect(0)?;
    for file in ["environments.toml", "grants/agent-deploy.cedar"] {
        fs::copy(proposed.join(file), bundle.join(file))?;
    }
    let roster = fs::read_to_string(bundle.join("roster.toml"))?;
    fs::write(bundle.join("roster.toml"), format!("{roster}\n[agents.deploy]\n"))?;
    let bundle = bundle.to_str().context("a path that is not text")?;
    Cli::run(["policy", "test", "--bundle", bundle])?.expect(0)?;

    let under = ["--bundle", bundle, "--operator", "olga", "--as", "deploy", "--output", "json"];
    let report = observe(&seen, &under)?.expect(0)?.json()?;
    ensure!(report["verdicts"] == json!({ "allowed": 3, "held": 0, "denied": 0 }), "{report}");
    ensure!(report["accounts"][0]["in_map"] == true, "{report}");

    let item = json!({ "tableName": "t", "key": { "id": "1" } });
    write(&seen, &[event("x", "2026-03-02T10:00:00Z", "dynamodb", "GetItem", &item)])?;
    let report = observe(&seen, &under)?.expect(0)?.json()?;
    ensure!(report["verdicts"]["denied"] == 1, "no grant names dynamodb: {report}");

    let refused = observe(&seen, &["--bundle", bundle, "--as", "nobody"])?.expect(2)?;
    ensure!(refused.stderr.contains("deploy"), "the agents are not listed: {refused}");
    Ok(())
}

#[test]
fn a_trail_that_cannot_be_read_is_said_and_hides_nothing() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("bad.json");
    let refused = |wanted: &str| -> Result<()> {
        let output = observe(&file, &[])?.expect(2)?;
        ensure!(output.stderr.contains(wanted) && output.stderr.contains("hint:"), "{wanted}: {output}");
        Ok(())
    };
    refused("cannot be read")?;
    fs::write(&file, "no trail at all")?;
    refused("does not begin as a log of CloudTrail")?;
    fs::write(&file, json!({ "Records": [] }).to_string())?;
    refused("holds no records")?;
    fs::File::create(&file)?.set_len(65 * 1024 * 1024)?;
    refused("larger than")?;
    write(&file, &reads())?;
    pack(&file)?;
    let packed = fs::read(folder.path().join("bad.json.gz"))?;
    fs::write(&file, packed.get(..packed.len() / 2).context("half of it")?)?;
    refused("cannot be unpacked")?;

    // The whole one beside it is read, and the report says that it is not of everything.
    let part = observe(folder.path(), &["--output", "json"])?.expect(2)?.json()?;
    ensure!(part["events"]["judged"] == 3 && part["events"]["unreadable"] == 1, "{part}");
    ensure!(part["problems"][0].as_str().is_some_and(|it| it.contains("bad.json")), "{part}");
    let empty = folder.path().join("empty");
    fs::create_dir(&empty)?;
    ensure!(observe(&empty, &[])?.expect(2)?.stderr.contains("holds no .json"), "an empty folder");
    Ok(())
}
