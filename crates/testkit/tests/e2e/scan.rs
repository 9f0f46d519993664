//! An environment read into a snapshot, through the gateway: what is there is in it, what was refused is known to be, nothing is
//! changed, and what is found in it leads back to the reads.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use testkit::until;

use crate::lab::Lab;

/// What the account's owner has made over the years.
const ESTATE: &str = r#"
import boto3, json, io, zipfile
ec2, s3, logs = boto3.client("ec2"), boto3.client("s3"), boto3.client("logs")
volume = ec2.create_volume(AvailabilityZone="us-east-1a", Size=100, VolumeType="gp2",
    TagSpecifications=[{"ResourceType": "volume", "Tags": [{"Key": "team", "Value": "shop"}]}])["VolumeId"]
ec2.create_snapshot(VolumeId=volume, Description="before the move")
image = ec2.register_image(Name="base", Architecture="x86_64", RootDeviceName="/dev/sda1")["ImageId"]
instance = ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1, InstanceType="t3.large")["Instances"][0]["InstanceId"]
used = ec2.create_volume(AvailabilityZone="us-east-1a", Size=8, VolumeType="gp2")["VolumeId"]
ec2.attach_volume(VolumeId=used, InstanceId=instance, Device="/dev/sdf")
address = ec2.allocate_address(Domain="vpc")
zone = boto3.client("route53").create_hosted_zone(Name="example.com", CallerReference="1")["HostedZone"]["Id"]
boto3.client("route53").change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": [{"Action": "CREATE", "ResourceRecordSet":
    {"Name": "www.example.com", "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": address["PublicIp"]}]}}]})
s3.create_bucket(Bucket="photos"); s3.create_bucket(Bucket="kept")
s3.put_bucket_lifecycle_configuration(Bucket="kept", LifecycleConfiguration={"Rules": [{"ID": "a", "Status": "Enabled", "Filter": {"Prefix": ""},
    "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7}}]})
s3.create_multipart_upload(Bucket="photos", Key="half")
logs.create_log_group(logGroupName="/app/web")
boto3.client("dynamodb").create_table(TableName="orders", KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
    AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}], BillingMode="PROVISIONED",
    ProvisionedThroughput={"ReadCapacityUnits": 100, "WriteCapacityUnits": 50})
boto3.client("rds").create_db_instance(DBInstanceIdentifier="shop", DBInstanceClass="db.t3.medium", Engine="postgres", AllocatedStorage=20,
    MasterUsername="root", MasterUserPassword="hunter2hunter2", BackupRetentionPeriod=0)
code = io.BytesIO()
with zipfile.ZipFile(code, "w") as file: file.writestr("main.py", "def handler(event, context): pass")
iam = boto3.client("iam")
role = iam.create_role(RoleName="runs", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": []}))["Role"]["Arn"]
function = boto3.client("lambda").create_function(FunctionName="close", Runtime="python3.12", Handler="main.handler", Role=role,
    Code={"ZipFile": code.getvalue()}, Environment={"Variables": {"PASSWORD": "hunter2hunter2"}}, Tags={"team": "shop"})["FunctionArn"]
events = boto3.client("events")
events.put_rule(Name="quarterly", ScheduleExpression="rate(90 days)"); events.put_targets(Rule="quarterly", Targets=[{"Id": "1", "Arn": function}])
boto3.client("ecr").create_repository(repositoryName="web")
boto3.client("cloudwatch").put_metric_alarm(AlarmName="high", Namespace="AWS/EC2", MetricName="CPUUtilization", Period=60, EvaluationPeriods=1,
    Threshold=80, ComparisonOperator="GreaterThanThreshold", Statistic="Average", Dimensions=[{"Name": "InstanceId", "Value": instance}])
print(json.dumps({"volume": volume, "used": used, "instance": instance, "address": address["AllocationId"]}))
"#;

pub(crate) fn estate(lab: &Lab) -> Result<BTreeMap<String, String>> {
    let owner = [
        ("AWS_ENDPOINT_URL", lab.moto.url()),
        ("AWS_ACCESS_KEY_ID", "owner".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "owner".to_owned()),
        ("AWS_DEFAULT_REGION", "us-east-1".to_owned()),
    ];
    let env: Vec<(&str, &str)> = owner.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let made = lab.venv.python(ESTATE, &env)?.expect(0)?;
    Ok(serde_json::from_str(made.stdout.trim())?)
}

#[test]
fn an_environment_is_read_through_the_gateway_and_what_is_found_leads_back_to_its_reads() -> Result<()> {
    let lab = Lab::open()?;
    let made = estate(&lab)?;
    let writes_before = lab.moto.recorded(&["Action=Create"])?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("snapshot.json");
    let file = file.to_str().context("a path that is not text")?;
    let scan = [
        "scan",
        "--agent",
        "tidier",
        "--operator",
        "olga",
        "--region",
        "us-east-1",
        "--days",
        "30",
        "--rate",
        "500",
    ];
    let args = [&scan[..], &["--snapshot", file]].concat();
    let report = lab.signs(&lab.people.olga, &args)?.expect(0)?.json()?;
    let text = fs::read_to_string(file)?;
    let snapshot: Value = serde_json::from_str(&text)?;
    let has = |kind: &str| {
        snapshot["resources"].as_array().into_iter().flatten().filter(|it| it["kind"] == kind).count()
    };
    for (kind, least) in [
        ("ec2:volume", 2),
        ("ec2:snapshot", 1),
        ("ec2:instance", 1),
        ("ec2:elastic-ip", 1),
        ("ec2:security-group", 1),
        ("s3:bucket", 2),
        ("logs:log-group", 1),
        ("dynamodb:table", 1),
        ("rds:db-instance", 1),
        ("events:rule", 1),
        ("ecr:repository", 1),
        ("cloudwatch:alarm", 1),
        ("route53:hosted-zone", 1),
    ] {
        ensure!(has(kind) >= least, "{kind}: {} of {least}; {report:#}", has(kind));
    }
    ensure!(!text.contains("hunter2"), "a secret was written down");
    let edge = |from: &str, kind: &str, to: &str| {
        snapshot["edges"].as_array().into_iter().flatten().any(|it| {
            let ends = |name: &str, end: &str| it[name].as_str().is_some_and(|id| id.ends_with(end));
            ends("from", from) && it["kind"] == kind && ends("to", to)
        })
    };
    ensure!(edge(&made["used"], "attached-to", &made["instance"]), "{:#}", snapshot["edges"]);
    ensure!(edge("www.example.com.", "refers-to", &made["address"]), "{:#}", snapshot["edges"]);
    ensure!(edge("rule/quarterly", "triggers", "function:close"), "{:#}", snapshot["edges"]);
    let volume = snapshot["resources"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|it| it["name"] == made["volume"].as_str());
    ensure!(volume.is_some_and(|it| it["tags"]["team"] == "shop"), "{volume:#?}");
    // Its answer shows what functions are given to run with, and this agent's grant lets it see no data.
    let refused = |it: &&Value| it["operation"] == "lambda:ListFunctions" && it["outcome"] == "denied";
    ensure!(report["lacking"].as_array().into_iter().flatten().any(|it| refused(&it)), "{report:#}");
    ensure!(snapshot["reads"].as_array().into_iter().flatten().any(|it| refused(&it)), "{report:#}");
    ensure!(lab.moto.recorded(&["Action=Create"])? == writes_before, "a scan makes nothing");
    let session = lab.entries("session_issued")?.into_iter().find(|it| it["actors"]["agent"] == "tidier");
    ensure!(session.is_some(), "it has a session of its own");
    until("the session to be stopped", Duration::from_secs(10), || {
        Ok(Some(lab.entries("session_stopped")?).filter(|it| !it.is_empty()))
    })?;
    ensure!(!folder.path().join("snapshot.json.part").exists(), "nothing is left beside it");

    // What is found leads back to a read of this snapshot.
    let found = testkit::Cli::run(["findings", "--from", file, "--output", "json"])?.expect(0)?.json()?;
    let reads: Vec<&Value> = snapshot["reads"].as_array().into_iter().flatten().map(|it| &it["id"]).collect();
    let findings = found["findings"].as_array().context("no findings")?;
    let names: Vec<&str> = findings.iter().filter_map(|it| it["analyzer"].as_str()).collect();
    ensure!(found.to_string().contains("lambda:ListFunctions was denied"), "{found:#}");
    for expected in [
        "database-unprotected",
        "database-in-one-zone",
        "table-unprotected",
        "bucket-abandoned-uploads",
        "repository-without-lifecycle",
    ] {
        ensure!(names.contains(&expected), "{expected}: {found:#}");
    }
    for fact in findings.iter().filter_map(|it| it["facts"].as_array()).flatten() {
        let shown = fact["reads"].as_array().context("a fact without reads")?;
        ensure!(!shown.is_empty() && shown.iter().all(|read| reads.contains(&read)), "{fact:#}");
    }
    lab.verify()?.expect(0).map(drop)
}

/// A slow scan under the lab's own session, as a process that can be stopped.
fn begin(lab: &Lab, file: &Path) -> Result<Child> {
    let mut command = Command::new(testkit::binary("countersign")?);
    command.args([
        "scan",
        "--region",
        "us-east-1",
        "--days",
        "30",
        "--rate",
        "10",
        "--output",
        "json",
        "--snapshot",
    ]);
    command.arg(file).env_clear().envs(env_of(lab));
    Ok(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?)
}

fn env_of(lab: &Lab) -> Vec<(&str, &str)> {
    [lab.session.env(), vec![("AWS_ENDPOINT_URL", lab.serve.aws.as_str())]].concat()
}

/// How many answers are written down once there are some.
fn some_are_kept(part: &Path) -> Result<usize> {
    until("some answers to be written down", Duration::from_secs(60), || {
        let lines = fs::read_to_string(part).unwrap_or_default().lines().count();
        Ok(Some(lines).filter(|lines| *lines > 8))
    })
}

#[test]
fn a_scan_that_was_killed_goes_on_from_what_it_had() -> Result<()> {
    let lab = Lab::open()?;
    let folder = tempfile::tempdir()?;
    let (file, part) = (folder.path().join("s.json"), folder.path().join("s.json.part"));
    let mut child = begin(&lab, &file)?;
    some_are_kept(&part)?;
    child.kill()?;
    child.wait()?;
    let kept = fs::read_to_string(&part)?.lines().count() - 1;
    ensure!(!file.exists(), "half a snapshot is none");
    let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&part)?.permissions());
    ensure!(mode & 0o077 == 0, "{mode:o}");

    let path = file.to_str().context("a path that is not text")?;
    let args = ["scan", "--region", "us-east-1", "--rate", "500", "--output", "json", "--snapshot", path];
    let other = testkit::Cli::run_with([&args[..], &["--days", "31"]].concat(), &env_of(&lab))?.expect(2)?;
    ensure!(other.stderr.contains("another scan") && other.stderr.contains("--anew"), "{}", other.stderr);
    let ended = testkit::Cli::run_with([&args[..], &["--days", "30"]].concat(), &env_of(&lab))?.expect(0)?;
    ensure!(ended.stderr.contains("going on from"), "{}", ended.stderr);
    let said: usize = ended.stderr.split(' ').find_map(|word| word.parse().ok()).context("no number")?;
    ensure!(said == kept || said + 1 == kept, "{said} of {kept}");
    ensure!(file.exists() && !part.exists());
    lab.verify()?.expect(0).map(drop)
}

/// What was there before stays, what was read is kept, and the way on is said.
fn broke_off(ended: &std::process::Output, exit: i32, why: &str, [file, part]: [&Path; 2]) -> Result<()> {
    let told = String::from_utf8_lossy(&ended.stderr);
    ensure!(ended.status.code() == Some(exit), "{:?}: {told}", ended.status);
    ensure!(told.contains(why) && told.contains("goes on from there"), "{told}");
    ensure!(fs::read_to_string(file)? == LAST, "the last good snapshot was written over");
    ensure!(part.exists(), "what was read is gone");
    Ok(())
}

const LAST: &str = "the last good one\n";

#[test]
fn a_scan_whose_session_is_stopped_half_way_ends_and_another_session_goes_on() -> Result<()> {
    let lab = Lab::open()?;
    let folder = tempfile::tempdir()?;
    let (file, part) = (folder.path().join("s.json"), folder.path().join("s.json.part"));
    fs::write(&file, LAST)?;
    let child = begin(&lab, &file)?;
    some_are_kept(&part)?;
    lab.signs(&lab.people.olga, &["session", "stop", &lab.session.id])?.expect(0)?;
    broke_off(&child.wait_with_output()?, 3, "session is over", [&file, &part])?;
    let kept = fs::read_to_string(&part)?.lines().count() - 1;

    let path = file.to_str().context("a path that is not text")?;
    let own = ["scan", "--agent", "tidier", "--operator", "olga", "--region", "us-east-1", "--days", "30"];
    let ended = lab.signs(&lab.people.olga, &[&own[..], &["--rate", "500", "--snapshot", path]].concat())?;
    let ended = ended.expect(0)?;
    ensure!(ended.stderr.contains(&format!("going on from {kept} answers")), "{}", ended.stderr);
    ensure!(fs::read_to_string(&file)?.contains("countersign.snapshot/v1") && !part.exists());
    lab.verify()?.expect(0).map(drop)
}

#[test]
fn a_scan_whose_gateway_is_gone_half_way_ends_and_keeps_what_it_had() -> Result<()> {
    let mut lab = Lab::open()?;
    let folder = tempfile::tempdir()?;
    let (file, part) = (folder.path().join("s.json"), folder.path().join("s.json.part"));
    fs::write(&file, LAST)?;
    let child = begin(&lab, &file)?;
    some_are_kept(&part)?;
    lab.serve.kill();
    broke_off(&child.wait_with_output()?, 1, "no answer comes from the gateway", [&file, &part])
}

#[test]
fn who_ends_a_scan_leaves_no_session_behind() -> Result<()> {
    let lab = Lab::open()?;
    for (signal, nth) in [("-INT", 1), ("-TERM", 2)] {
        let folder = tempfile::tempdir()?;
        let (file, part) = (folder.path().join("s.json"), folder.path().join("s.json.part"));
        fs::write(&file, LAST)?;
        let mut command = Command::new(testkit::binary("countersign")?);
        command.args([
            "scan",
            "--agent",
            "tidier",
            "--operator",
            "olga",
            "--region",
            "us-east-1",
            "--rate",
            "10",
        ]);
        command.arg("--snapshot").arg(&file).arg("--config").arg(lab.installation.config());
        command.arg("--key").arg(&lab.people.olga.private);
        let path = std::env::var_os("PATH").unwrap_or_default();
        command.env_clear().env("PATH", path).env("HOME", lab.installation.beside());
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        some_are_kept(&part)?;
        let mut kill = Command::new("kill");
        kill.args([signal, &child.id().to_string()]);
        ensure!(testkit::run(kill, Duration::from_secs(10))?.code == 0);
        broke_off(&child.wait_with_output()?, 130, "interrupted", [&file, &part])?;
        lab.entries_of("session_stopped", nth)?;
    }
    lab.verify()?.expect(0).map(drop)
}
