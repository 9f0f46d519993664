//! Clients that are optional here, each with a read, an undoable write, a held delete and the retry once approved. What
//! is missing is said loudly and skipped. The `aws` CLI and boto3 have files of their own.

use std::{cell::RefCell, path::Path, process::Command, time::Duration};

use anyhow::{Context, Result};
use testkit::{Moto, Node, Output, Serve, Venv, run};

use crate::lab::{Lab, OWNER, People};

impl Lab {
    fn approved_by_two(&self, change: &str) -> Result<()> {
        self.approve(change, &self.people.ben)?.expect(0)?;
        self.approve(change, &self.people.carla)?.expect(0)?;
        Ok(())
    }
}

const SCRIPT: &str = "
import { SSMClient, PutParameterCommand, DescribeParametersCommand } from '@aws-sdk/client-ssm';
import { S3Client, CreateBucketCommand, PutObjectCommand, ListObjectsV2Command, DeleteObjectCommand } from '@aws-sdk/client-s3';
import { SQSClient, CreateQueueCommand, GetQueueAttributesCommand } from '@aws-sdk/client-sqs';
const once = { maxAttempts: 1 };
const ssm = new SSMClient(once), s3 = new S3Client(once), sqs = new SQSClient(once);
if (process.env.STEP === 'first') {
  await ssm.send(new PutParameterCommand({ Name: 'colour', Value: 'red', Type: 'String' }));
  await ssm.send(new PutParameterCommand({ Name: 'colour', Value: 'blue', Type: 'String', Overwrite: true }));
  const read = await ssm.send(new DescribeParametersCommand({}));
  console.log('read', read.Parameters[0].Name, read.Parameters[0].Version);
  await s3.send(new CreateBucketCommand({ Bucket: 'javascript' }));
  await s3.send(new PutObjectCommand({ Bucket: 'javascript', Key: 'a b+c/d', Body: 'x'.repeat(100000) }));
  const listed = await s3.send(new ListObjectsV2Command({ Bucket: 'javascript' }));
  console.log('keys', listed.Contents.map(one => one.Key + ' ' + one.Size).join());
  const made = await sqs.send(new CreateQueueCommand({ QueueName: 'jobs' }));
  console.log('queue', made.QueueUrl);
  const told = await sqs.send(new GetQueueAttributesCommand({ QueueUrl: made.QueueUrl, AttributeNames: ['All'] }));
  console.log('attributes', told.Attributes.VisibilityTimeout);
}
try {
  await s3.send(new DeleteObjectCommand({ Bucket: 'javascript', Key: 'a b+c/d' }));
  console.log('deleted');
} catch (err) {
  console.log('held', err.$response.headers['x-countersign-change'], err.message);
}
";

#[test]
fn the_javascript_sdk_reads_writes_is_held_and_retries() -> Result<()> {
    let Some(node) = Node::of_checkout()? else {
        eprintln!(
            "SKIPPED: the JavaScript SDK is not tested, because Node.js 18 and npm are not installed here"
        );
        return Ok(());
    };
    let lab = Lab::open()?;
    let step = |step: &str| node.module(SCRIPT, &[lab.session.env().as_slice(), &[("STEP", step)]].concat());
    let first = step("first")?.expect(0)?;
    let queue = format!("queue {}/123456789012/jobs", lab.serve.aws);
    for line in ["read colour 2", "keys a b+c/d 100000", &queue, "attributes 30"] {
        assert!(first.stdout.contains(line), "no `{line}` in {first}");
    }
    let held = first.stdout.lines().find_map(|line| line.strip_prefix("held ")).unwrap_or_default();
    let change = held.split(' ').next().unwrap_or_default();
    assert!(change.starts_with("chg-") && held.contains("Countersign holds this"), "{first}");
    lab.approved_by_two(change)?;
    let again = step("again")?.expect(0)?;
    assert!(again.stdout.contains("deleted"), "{again}");
    assert_eq!(lab.state(change)?, "executed");
    Ok(())
}

const MAIN: &str = r#"
terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}
provider "aws" {
  max_retries = 1
}
variable "owner" {
  default = "shop"
}
resource "aws_cloudwatch_log_group" "jobs" {
  name = "jobs"
  tags = { owner = var.owner }
}
resource "aws_dynamodb_table" "orders" {
  name         = "orders"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "id"
  attribute {
    name = "id"
    type = "S"
  }
}
"#;

pub(crate) fn terraform(dir: &Path, args: &[&str], env: &[(&str, &str)]) -> Result<Output> {
    let mut command = Command::new("terraform");
    command
        .args(args)
        .current_dir(dir)
        .env_clear()
        .env("TF_IN_AUTOMATION", "1")
        .env("CHECKPOINT_DISABLE", "1");
    // Where whoever runs the tests has the providers.
    for name in ["PATH", "HOME", "TF_CLI_ARGS_init", "TF_CLI_CONFIG_FILE", "TF_PLUGIN_CACHE_DIR"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    run(command_with(command, env), Duration::from_secs(300))
}

fn command_with(mut command: Command, env: &[(&str, &str)]) -> Command {
    command.envs(env.iter().copied());
    command
}

#[test]
fn terraform_applies_changes_is_held_and_destroys() -> Result<()> {
    let dir = tempfile::tempdir()?;
    std::fs::write(dir.path().join("main.tf"), MAIN)?;
    match terraform(dir.path(), &["init", "-input=false", "-no-color"], &[]) {
        Ok(ready) if ready.code == 0 => {}
        missing => {
            eprintln!(
                "SKIPPED: Terraform is not tested: it, or its AWS provider, is not here (name a folder of providers with \
                 TF_CLI_ARGS_init=-plugin-dir=FOLDER): {missing:?}"
            );
            return Ok(());
        }
    }
    let lab = Lab::open()?;
    let env = lab.session.env();
    let apply = ["apply", "-auto-approve", "-input=false", "-no-color"];
    terraform(dir.path(), &apply, &env)?.expect(0)?;
    let changed = [apply.as_slice(), &["-var", "owner=platform"]].concat();
    terraform(dir.path(), &changed, &env)?.expect(0)?;
    let plan = ["plan", "-detailed-exitcode", "-input=false", "-no-color", "-var", "owner=platform"];
    terraform(dir.path(), &plan, &env)?.expect(0)?;

    let destroy = ["destroy", "-auto-approve", "-input=false", "-no-color"];
    let mut held = terraform(dir.path(), &destroy, &env)?;
    // Each delete is a change of its own until both are approved.
    for _ in 0..3 {
        if held.code == 0 {
            break;
        }
        assert!(held.stderr.contains("Countersign holds this as chg-"), "{held}");
        let waiting = lab.installation.run(["change", "list", "--state", "held"])?.expect(0)?.json()?;
        for change in waiting["changes"].as_array().into_iter().flatten() {
            lab.approved_by_two(change["id"].as_str().unwrap_or_default())?;
        }
        held = terraform(dir.path(), &destroy, &env)?;
    }
    held.expect(0)?;
    assert_eq!(lab.moto.recorded(&["DynamoDB_20120810.DeleteTable"])?, 1, "carried out once");
    lab.verify()?.expect(0)?;
    Ok(())
}

const OWN: &str = "
import boto3, json
iam = boto3.client('iam')
iam.create_user(UserName='countersign')
everything = {'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Action': '*', 'Resource': '*'}]}
iam.put_user_policy(UserName='countersign', PolicyName='p', PolicyDocument=json.dumps(everything))
key = iam.create_access_key(UserName='countersign')['AccessKey']
print(key['AccessKeyId'], key['SecretAccessKey'])
boto3.client('s3').create_bucket(Bucket='signed')
";

/// The mock verifies each signature we make and enforces IAM: what goes out is really signed with the real credentials,
/// whatever its body and path.
#[test]
fn the_cloud_finds_our_signatures_true() -> Result<()> {
    let people = People::enter()?;
    let flags = people.flags()?;
    let keys = RefCell::new((String::new(), String::new()));
    let upstream = |moto: &Moto| {
        let url = moto.url();
        let owner = [OWNER.as_slice(), &[("AWS_ENDPOINT_URL", url.as_str())]].concat();
        let told = Venv::of_checkout()?.python(OWN, &owner)?.expect(0)?;
        let (id, secret) = told.stdout.trim().split_once(' ').context("no key")?;
        *keys.borrow_mut() = (id.to_owned(), secret.to_owned());
        Ok(url)
    };
    let lab = Lab::behind(people, &flags, upstream, |config| {
        let (id, secret) = keys.borrow().clone();
        Serve::start_with(config, &[("AWS_ACCESS_KEY_ID", &id), ("AWS_SECRET_ACCESS_KEY", &secret)])
    })?;
    lab.moto.reset_auth()?;
    let script = "
import boto3
from botocore.config import Config
once = Config(retries={'total_max_attempts': 1})
ssm, s3, ddb, ec2 = (boto3.client(name, config=once) for name in ['ssm', 's3', 'dynamodb', 'ec2'])
ssm.put_parameter(Name='/a/b', Value='1', Type='String')
print(ssm.describe_parameters()['Parameters'][0]['Name'])
for key, body in [('k/ä +%2F=&', b'short'), ('long', b'x' * 9_000_000)]:
    s3.put_object(Bucket='signed', Key=key, Body=body)
print(len(s3.list_objects_v2(Bucket='signed')['Contents']), len(ec2.describe_regions()['Regions']) > 0, ddb.list_tables()['TableNames'])
";
    let told = lab.python(script, &[])?.expect(0)?;
    assert_eq!(told.stdout.trim(), "/a/b\n2 True []", "{told}");
    let stranger = [("AWS_ENDPOINT_URL", lab.moto.url())];
    let stranger: Vec<(&str, &str)> = stranger.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let refused = lab.python("import boto3; boto3.client('ssm').describe_parameters()", &stranger)?;
    assert!(refused.code != 0, "the mock looks at signatures: virtual credentials are none to it");
    Ok(())
}
