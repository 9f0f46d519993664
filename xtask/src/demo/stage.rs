//! What the play needs: the mock AWS with a production stack of real resources, keys, an installation, a session; and
//! the deeds of those who play in it, each through the door that is theirs.

use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;
use tempfile::TempDir;
use testkit::{Cli, Installation, Key, Moto, Output, Serve, Session, Venv, stuck};

use crate::{setup, suites};

pub(crate) const STACK: &str = "cost-explorer";
/// Another one, whose update failed and could not be rolled back.
pub(crate) const STUCK: &str = "late-reports";
/// What [`Stage::forget`] leaves there to be found, by the analyzers that look for it.
pub(crate) const PLANTED: [&str; 4] =
    ["stack-stuck", "database-unprotected", "database-in-one-zone", "table-unprotected"];
/// The account that the mock answers for.
pub(crate) const ACCOUNT: &str = "123456789012";
/// What `session new` prints unless it is configured otherwise.
const REGION: &str = "us-east-1";

/// A queue and a parameter: the mock really changes both in place.
pub(crate) const TEMPLATE: &str = r#"{
  "Resources": {
    "Jobs": { "Type": "AWS::SQS::Queue", "Properties": { "QueueName": "cost-jobs", "VisibilityTimeout": 30 } },
    "Rate": { "Type": "AWS::SSM::Parameter", "Properties": { "Name": "/cost/rate", "Type": "String", "Value": "1" } }
  }
}"#;

/// No verdict of the play may depend on the hour it is played at.
const CALENDAR: &str = "timezone = \"UTC\"\npeak = []\nfreeze = []\n";

/// Fields end in the order they stand in: the server before its upstream.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) serve: Serve,
    session: Session,
    installation: Installation,
    pub(crate) cast: Cast,
    moto: Moto,
    venv: Venv,
}

/// The people and their keys.
#[derive(Debug)]
pub(crate) struct Cast {
    /// Launches the agent and answers for it.
    pub(crate) olga: Key,
    pub(crate) ben: Key,
    pub(crate) carla: Key,
    folder: TempDir,
}

impl Cast {
    fn enter() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let key = |name| Key::ed25519(folder.path(), name);
        Ok(Self { olga: key("olga")?, ben: key("ben")?, carla: key("carla")?, folder })
    }
}

impl Stage {
    pub(crate) fn set() -> Result<Self> {
        let venv = setup::clients()?;
        suites::build_binary()?;
        let moto = Moto::start(&venv)?;
        build_production(&venv, &moto)?;
        let cast = Cast::enter()?;
        let calendar = cast.folder.path().join("calendar.toml");
        std::fs::write(&calendar, CALENDAR)?;
        let person = |name: &str, key: &Key| format!("{name}={}", key.public.display());
        let installation = Installation::init([
            "--operator".to_owned(),
            person("olga", &cast.olga),
            "--approver".to_owned(),
            person("ben", &cast.ben),
            "--approver".to_owned(),
            person("carla", &cast.carla),
            "--agent".to_owned(),
            "fixer".to_owned(),
            "--environment".to_owned(),
            format!("production={ACCOUNT}"),
            "--calendar".to_owned(),
            calendar.display().to_string(),
            "--aws-upstream".to_owned(),
            // The mock has no stack that is stuck: one is, for whoever looks through this.
            stuck(&moto, STUCK)?,
            "--profile".to_owned(),
            "lab".to_owned(),
        ])?;
        // The real credentials: the server has them, the agent never sees them.
        let serve = Serve::start_with(installation.config(), &OWNER)?;
        let task = "find out why the cost report is late and fix it";
        let session = installation.session("fixer", "olga", &cast.olga.private, task, &[])?;
        Ok(Self { serve, session, installation, cast, moto, venv })
    }

    /// The agent at the real `aws` CLI, with its virtual credentials.
    pub(crate) fn aws(&self, args: &[&str]) -> Result<Output> {
        self.venv.aws(args.iter().copied(), &self.session.env())
    }

    /// The agent in Python, with its virtual credentials.
    pub(crate) fn python(&self, script: &str) -> Result<Output> {
        self.python_with(script, &[])
    }

    pub(crate) fn python_with(&self, script: &str, env: &[(&str, &str)]) -> Result<Output> {
        self.venv.python(script, &[self.session.env().as_slice(), env].concat())
    }

    pub(crate) fn approve(&self, change: &str, key: &Key) -> Result<Output> {
        let private = key.private.to_str().context("a key whose path is not text")?;
        self.installation.approve(change, &["--key", private], &[])
    }

    pub(crate) fn reject(&self, change: &str, key: &Key, reason: &str) -> Result<Output> {
        self.sign(key, &["change", "reject", change, "--reason", reason])
    }

    pub(crate) fn reopen(&self, change: &str, key: &Key, intent: &str) -> Result<Output> {
        self.sign(key, &["change", "reopen", change, "--intent", intent])
    }

    pub(crate) fn verify(&self) -> Result<Output> {
        self.installation.run(["audit", "verify", "--genesis", self.installation.genesis()])
    }

    /// The newest change of the operation in that state; the list begins with the newest.
    pub(crate) fn change(&self, operation: &str, state: &str) -> Result<Option<Value>> {
        let does = |change: &Value| {
            change.get("actions").is_some_and(|actions| actions.to_string().contains(operation))
        };
        let stands = |change: &Value| change.get("state").and_then(Value::as_str) == Some(state);
        Ok(self.changes()?.into_iter().find(|change| does(change) && stands(change)))
    }

    pub(crate) fn state(&self, id: &str) -> Result<String> {
        let changes = self.changes()?;
        let change = changes.iter().find(|change| change.get("id").and_then(Value::as_str) == Some(id));
        let state = change.and_then(|change| change.get("state")).and_then(Value::as_str);
        Ok(state.with_context(|| format!("no change {id}"))?.to_owned())
    }

    pub(crate) fn stack_status(&self) -> Result<String> {
        let script = "
import boto3, os
stacks = boto3.client('cloudformation').list_stacks()['StackSummaries']
print([stack['StackStatus'] for stack in stacks if stack['StackName'] == os.environ['STACK']][-1])
";
        self.owner(script)
    }

    pub(crate) fn queue_timeout(&self) -> Result<String> {
        let script = "
import boto3
sqs = boto3.client('sqs')
url = sqs.get_queue_url(QueueName='cost-jobs')['QueueUrl']
print(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=['All'])['Attributes']['VisibilityTimeout'])
";
        self.owner(script)
    }

    pub(crate) fn rate(&self) -> Result<String> {
        self.owner(
            "import boto3; print(boto3.client('ssm').get_parameter(Name='/cost/rate')['Parameter']['Value'])",
        )
    }

    /// What the account's owner forgot over the years: a stack that is stuck, a disk that nobody uses, one of an old generation, a database without backups and
    /// one with room for ten times its load, logs that are kept for ever.
    pub(crate) fn forget(&self) -> Result<String> {
        let script = "
import boto3, os
ec2 = boto3.client('ec2')
disk = ec2.create_volume(AvailabilityZone='us-east-1a', Size=100, VolumeType='gp2')['VolumeId']
image = ec2.register_image(Name='base', Architecture='x86_64', RootDeviceName='/dev/sda1')['ImageId']
instance = ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1, InstanceType='t3.large')['Instances'][0]['InstanceId']
used = ec2.create_volume(AvailabilityZone='us-east-1a', Size=8, VolumeType='gp2')['VolumeId']
ec2.attach_volume(VolumeId=used, InstanceId=instance, Device='/dev/sdf')
boto3.client('rds').create_db_instance(DBInstanceIdentifier='reports', DBInstanceClass='db.t3.medium', Engine='postgres',
    AllocatedStorage=20, MasterUsername='root', MasterUserPassword='not-for-production', BackupRetentionPeriod=0)
boto3.client('dynamodb').create_table(TableName='costs', KeySchema=[{'AttributeName': 'id', 'KeyType': 'HASH'}],
    AttributeDefinitions=[{'AttributeName': 'id', 'AttributeType': 'S'}], BillingMode='PROVISIONED',
    ProvisionedThroughput={'ReadCapacityUnits': 100, 'WriteCapacityUnits': 50})
boto3.client('logs').create_log_group(logGroupName='/cost/report')
boto3.client('cloudformation').create_stack(StackName=os.environ['STUCK'],
    TemplateBody='{\"Resources\": {\"Late\": {\"Type\": \"AWS::SQS::Queue\", \"Properties\": {\"QueueName\": \"late-jobs\"}}}}')
print(disk)
";
        self.owner(script)
    }

    /// How many disks there are.
    pub(crate) fn disks(&self) -> Result<String> {
        self.owner("import boto3; print(len(boto3.client('ec2').describe_volumes()['Volumes']))")
    }

    /// Our own agent, in the session of the other one: the whole way, without a language model.
    pub(crate) fn agent_runs(&self, folder: &Path) -> Result<Output> {
        let snapshot = folder.join("snapshot.json");
        let [folder, snapshot] =
            [folder, &snapshot].map(|path| path.to_str().context("a path that is not text"));
        let line = ["agent", "run", "--region", REGION, "--days", "30", "--rate", "500", "--output", "json"];
        let line = line.into_iter().chain(["--dir", folder?, "--snapshot", snapshot?]);
        Cli::run_with(line, &self.session.env())
    }

    /// What was found in what that run read, and how each leads back to a read of it.
    pub(crate) fn found(&self, folder: &Path) -> Result<Found> {
        let file = folder.join("snapshot.json");
        let snapshot: Value = serde_json::from_str(&std::fs::read_to_string(&file)?)?;
        let list =
            |of: &Value, name: &str| of.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
        let reads: Vec<Value> =
            list(&snapshot, "reads").iter().filter_map(|read| read.get("id").cloned()).collect();
        let file = file.to_str().context("a path that is not text")?;
        let told = Cli::run(["findings", "--from", file, "--output", "json"])?.expect(0)?.json()?;
        let findings = list(&told, "findings");
        let traced = findings.iter().flat_map(|finding| list(finding, "facts")).all(|fact| {
            let shown = list(&fact, "reads");
            !shown.is_empty() && shown.iter().all(|read| reads.contains(read))
        });
        let analyzer = |finding: &Value| finding.get("analyzer").and_then(Value::as_str).map(str::to_owned);
        Ok(Found { analyzers: findings.iter().filter_map(analyzer).collect(), traced })
    }

    /// Changes one stored approval's person, as someone with the database file could; tells what it did.
    pub(crate) fn edit_one_row(&self) -> Result<String> {
        let script = "
import os, pathlib, sqlite3
folder = pathlib.Path(os.environ['FOLDER'])
files = [path for path in folder.rglob('*') if path.is_file() and path.open('rb').read(15) == b'SQLite format 3']
database = sqlite3.connect(files[0])
change, person = database.execute('SELECT change, person FROM approvals ORDER BY change DESC, person LIMIT 1').fetchone()
database.execute('UPDATE approvals SET person = ? WHERE change = ? AND person = ?', ('mallory', change, person))
database.commit()
print(f'an approval by {person} becomes one by mallory')
";
        let folder = self.installation.folder();
        let folder = folder.to_str().context("a folder whose path is not text")?;
        Ok(self.venv.python(script, &[("FOLDER", folder)])?.expect(0)?.stdout)
    }

    fn sign(&self, key: &Key, args: &[&str]) -> Result<Output> {
        let private = key.private.to_str().context("a key whose path is not text")?;
        self.installation.run(args.iter().copied().chain(["--key", private]))
    }

    fn changes(&self) -> Result<Vec<Value>> {
        let private = self.cast.ben.private.to_str().context("a key whose path is not text")?;
        let told = self.installation.run(["change", "list", "--key", private])?.expect(0)?.json()?;
        Ok(told.get("changes").and_then(Value::as_array).cloned().unwrap_or_default())
    }

    /// Looks past Countersign at what the cloud really holds.
    fn owner(&self, script: &str) -> Result<String> {
        let url = self.moto.url();
        let here = [("AWS_ENDPOINT_URL", url.as_str()), ("STACK", STACK), ("STUCK", STUCK)];
        let env = [OWNER.as_slice(), &here].concat();
        Ok(self.venv.python(script, &env)?.expect(0)?.stdout.trim().to_owned())
    }
}

/// What was found.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) analyzers: Vec<String>,
    /// Every fact names reads of the snapshot.
    pub(crate) traced: bool,
}

/// The account's own credentials.
const OWNER: [(&str, &str); 3] =
    [("AWS_ACCESS_KEY_ID", "owner"), ("AWS_SECRET_ACCESS_KEY", "owner"), ("AWS_DEFAULT_REGION", REGION)];

/// Made with the account's own credentials, behind nobody's back: it was there before the agent.
fn build_production(venv: &Venv, moto: &Moto) -> Result<()> {
    let url = moto.url();
    let env =
        [OWNER.as_slice(), &[("AWS_ENDPOINT_URL", url.as_str()), ("STACK", STACK), ("TEMPLATE", TEMPLATE)]]
            .concat();
    let script = "
import boto3, os
cloudformation = boto3.client('cloudformation')
cloudformation.create_stack(StackName=os.environ['STACK'], TemplateBody=os.environ['TEMPLATE'])
cloudformation.get_waiter('stack_create_complete').wait(StackName=os.environ['STACK'])
";
    venv.python(script, &env)?.expect(0).map(drop)
}
