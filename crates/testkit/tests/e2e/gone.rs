//! What somebody did by hand meanwhile need not be decided any more: a held change whose target is gone leaves the queue by
//! itself, and says why.

use std::{collections::BTreeMap, fs, time::Duration};

use anyhow::{Context as _, Result, ensure};
use testkit::{Cli, Serve, until};

use crate::lab::{CALL, Lab, OWNER, People, held};

/// Whose bundle has targets looked for again all the time.
pub(crate) fn lab() -> Result<Lab> {
    let people = People::enter()?;
    let flags = people.flags()?;
    Lab::over(people, &flags, |config| {
        let file = config.parent().context("a file without a folder")?.join("bundle/bundle.toml");
        let text = fs::read_to_string(&file)?;
        ensure!(text.contains("[limits]\n"));
        fs::write(&file, text.replace("[limits]\n", "[limits]\nlook_again_s = 1\n"))?;
        Serve::start_with(config, &OWNER)
    })
}

/// The owner deletes it, past Countersign.
pub(crate) fn delete_by_hand(lab: &Lab, stack: &str) -> Result<()> {
    let fields = [("Action", "DeleteStack"), ("StackName", stack), ("Version", "2010-05-15")];
    let (owner, moto) = (testkit::Signer::owner(), lab.moto.authority());
    let done = owner.form("cloudformation", moto, &fields).send(moto)?;
    ensure!(done.status == 200, "{}", done.text());
    Ok(())
}

fn withdrawn(lab: &Lab, id: &str) -> Result<()> {
    until(&format!("{id} to leave the queue"), CALL, || Ok((lab.state(id)? == "withdrawn").then_some(())))
}

#[test]
fn a_change_whose_target_was_deleted_by_hand_leaves_the_queue_and_says_why() -> Result<()> {
    let lab = lab()?;
    let stays = lab.hold("stays")?;
    // Opened, it takes no other in.
    lab.approve(&stays, &lab.people.ben)?.expect(0)?;
    let id = lab.hold("doomed")?;
    lab.approve(&id, &lab.people.ben)?.expect(0)?;
    let reads = lab.moto.recorded(&["Action=DescribeStacks", "StackName=doomed"])?;
    until("it to be looked for again", CALL, || {
        let now = lab.moto.recorded(&["Action=DescribeStacks", "StackName=doomed"])?;
        Ok((now > reads + 1).then_some(()))
    })?;
    ensure!(lab.state(&id)? == "held");
    delete_by_hand(&lab, "doomed")?;

    // The agent that waits is told.
    let env = lab.session.env();
    let why = "its target is gone: doomed (by cloudformation:DescribeStacks)";
    let told = Cli::run_with(["wait", &id, "--timeout", "60s"], &env)?.expect(12)?;
    ensure!(told.stdout.contains("withdrawn") && told.stdout.contains(why), "{}", told.stdout);
    let told =
        Cli::run_with(["wait", &id, "--timeout", "1s", "--output", "json"], &env)?.expect(12)?.json()?;
    ensure!(told["state"] == "withdrawn" && told["gone"]["why"] == why, "{told:#}");

    // And so are people.
    let change = lab.change(&id)?;
    ensure!(change["state"] == "withdrawn" && change["gone"]["why"] == why, "{change:#}");
    let home = tempfile::tempdir()?;
    let (config, home) = (lab.installation.config().display().to_string(), home.path().display().to_string());
    let shown =
        Cli::run_with(["change", "show", &id, "--config", &config], &[("HOME", &home)])?.expect(0)?.stdout;
    ensure!(shown.contains(why), "{shown}");
    let listed = lab.installation.run(["change", "list", "--state", "held,approved"])?.expect(0)?.stdout;
    ensure!(listed.contains(&stays) && !listed.contains(&id), "{listed}");
    let entries = lab.entries_of("change_withdrawn", 1)?;
    let [entry] = entries.as_slice() else { anyhow::bail!("{entries:#?}") };
    let gone = entry["detail"]["gone"].as_str().unwrap_or_default();
    ensure!(
        entry["change"] == id.as_str() && entry["detail"]["why"] == why && gone.starts_with("0:"),
        "{entry:#}"
    );

    // What was signed leads nowhere; whoever asks again is judged anew.
    lab.approve(&id, &lab.people.carla)?.expect(12)?;
    let again = held(&lab.delete_stack("doomed")?)?;
    ensure!(again != id && lab.deletes("doomed")? == 1, "only the owner's own went through");
    ensure!(lab.state(&stays)? == "held");
    lab.verify()?.expect(0).map(drop)
}

/// Made by the owner, asked for by the agent, deleted by the owner.
const MAKE: &str = "
import boto3, json
ec2, s3 = boto3.client('ec2'), boto3.client('s3')
image = ec2.describe_images()['Images'][0]['ImageId']
print(json.dumps({
    'volume': ec2.create_volume(AvailabilityZone='us-east-1a', Size=1)['VolumeId'],
    'instance': ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1)['Instances'][0]['InstanceId'],
    'queue': boto3.client('sqs').create_queue(QueueName='orders')['QueueUrl'],
    'bucket': s3.create_bucket(Bucket='reports')['Location'].strip('/'),
    'table': boto3.client('dynamodb').create_table(
        TableName='orders', BillingMode='PAY_PER_REQUEST', KeySchema=[{'AttributeName': 'id', 'KeyType': 'HASH'}],
        AttributeDefinitions=[{'AttributeName': 'id', 'AttributeType': 'S'}])['TableDescription']['TableName'],
    'database': boto3.client('rds').create_db_instance(
        DBInstanceIdentifier='ledger', DBInstanceClass='db.t3.micro', Engine='postgres', MasterUsername='m',
        MasterUserPassword='not-a-secret', AllocatedStorage=20)['DBInstance']['DBInstanceIdentifier'],
    'group': boto3.client('logs').create_log_group(logGroupName='/app') and '/app',
    'role': boto3.client('iam').create_role(RoleName='old', AssumeRolePolicyDocument='{}')['Role']['RoleName'],
}))
";

const DELETE: &str = "
import boto3, botocore, json, os, re
from botocore.config import Config
made = json.loads(os.environ['MADE'])
def client(name):
    return boto3.client(name, config=Config(retries={'total_max_attempts': 1}, s3={'addressing_style': 'path'}))
deletes = {
    'volume': lambda it: client('ec2').delete_volume(VolumeId=it),
    'instance': lambda it: client('ec2').terminate_instances(InstanceIds=[it]),
    'queue': lambda it: client('sqs').delete_queue(QueueUrl=it),
    'bucket': lambda it: client('s3').delete_bucket(Bucket=it),
    'table': lambda it: client('dynamodb').delete_table(TableName=it),
    'database': lambda it: client('rds').delete_db_instance(DBInstanceIdentifier=it, SkipFinalSnapshot=True),
    'group': lambda it: client('logs').delete_log_group(logGroupName=it),
    'role': lambda it: client('iam').delete_role(RoleName=it),
}
told = {}
for kind, it in made.items():
    try:
        deletes[kind](it)
        told[kind] = 'deleted'
    except botocore.exceptions.ClientError as err:
        found = re.search('chg-[0-9a-z]+', str(err))
        told[kind] = found.group() if found else str(err)
print(json.dumps(told))
";

#[test]
fn whatever_kind_of_thing_it_was() -> Result<()> {
    let lab = lab()?;
    let url = lab.moto.url();
    let owner = |script: &str, more: &[(&str, &str)]| -> Result<String> {
        let env = [OWNER.as_slice(), &[("AWS_ENDPOINT_URL", url.as_str())], more].concat();
        Ok(lab.venv.python(script, &env)?.expect(0)?.stdout)
    };
    let made = owner(MAKE, &[])?;
    let made = [("MADE", made.trim())];
    let told = lab.python(DELETE, &made)?.expect(0)?.stdout;
    let told: BTreeMap<String, String> = serde_json::from_str(&told)?;
    ensure!(told.len() == 8 && told.values().all(|it| it.starts_with("chg-")), "{told:#?}");
    for id in told.values() {
        ensure!(lab.state(id)? == "held", "{told:#?}");
    }
    owner(DELETE, &made)?;
    for (kind, id) in &told {
        withdrawn(&lab, id).with_context(|| kind.clone())?;
    }
    until("the log", Duration::from_secs(10), || {
        Ok((lab.entries("change_withdrawn")?.len() == told.len()).then_some(()))
    })?;
    lab.verify()?.expect(0).map(drop)
}
