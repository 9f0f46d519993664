//! What the play needs: the mock AWS with a production stack of real resources, keys, an installation, a session.

use anyhow::Result;
use tempfile::TempDir;
use testkit::{Installation, Key, Moto, Output, Serve, Session, Venv};

use crate::{setup, suites};

pub(crate) const STACK: &str = "cost-explorer";
const REGION: &str = "eu-central-1";
/// The account that the mock answers for.
const ACCOUNT: &str = "123456789012";

/// A queue and a parameter: the mock really changes both in place.
const TEMPLATE: &str = r#"{
  "Resources": {
    "Jobs": { "Type": "AWS::SQS::Queue", "Properties": { "QueueName": "cost-jobs", "VisibilityTimeout": 30 } },
    "Rate": { "Type": "AWS::SSM::Parameter", "Properties": { "Name": "/cost/rate", "Type": "String", "Value": "1" } }
  }
}"#;

/// Fields end in the order they stand in: the server before its upstream.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) serve: Serve,
    pub(crate) session: Session,
    pub(crate) installation: Installation,
    pub(crate) cast: Cast,
    pub(crate) moto: Moto,
    pub(crate) venv: Venv,
}

/// The people and their keys.
#[derive(Debug)]
pub(crate) struct Cast {
    /// Launches the agent and answers for it.
    pub(crate) olga: Key,
    pub(crate) ben: Key,
    pub(crate) carla: Key,
    _keys: TempDir,
}

impl Cast {
    fn enter() -> Result<Self> {
        let keys = tempfile::tempdir()?;
        let key = |name| Key::ed25519(keys.path(), name);
        Ok(Self { olga: key("olga")?, ben: key("ben")?, carla: key("carla")?, _keys: keys })
    }
}

impl Stage {
    pub(crate) fn set() -> Result<Self> {
        let venv = setup::clients()?;
        suites::build_binary()?;
        let moto = Moto::start(&venv)?;
        build_production(&venv, &moto)?;
        let cast = Cast::enter()?;
        let person = |name: &str, key: &Key| format!("{name}={}", key.public.display());
        let installation = Installation::init([
            "--operator".to_owned(),
            person("olga", &cast.olga),
            "--approver".to_owned(),
            person("ben", &cast.ben),
            "--approver".to_owned(),
            person("carla", &cast.carla),
            "--agent".to_owned(),
            "kiro".to_owned(),
            "--environment".to_owned(),
            format!("production={ACCOUNT}"),
            "--aws-upstream".to_owned(),
            moto.url(),
        ])?;
        let serve = Serve::start(installation.config())?;
        let task = "find out why the cost report is late and fix it";
        let session = installation.session("kiro", "olga", &cast.olga.private, task, &[])?;
        Ok(Self { serve, session, installation, cast, moto, venv })
    }

    /// The agent at the real `aws` CLI, with its virtual credentials.
    pub(crate) fn aws(&self, args: &[&str]) -> Result<Output> {
        self.venv.aws(args.iter().copied(), &self.session.env())
    }

    /// The agent in Python, with its virtual credentials.
    pub(crate) fn python(&self, script: &str) -> Result<Output> {
        self.venv.python(script, &self.session.env())
    }
}

/// Made with the account's own credentials, behind nobody's back: it was there before the agent.
fn build_production(venv: &Venv, moto: &Moto) -> Result<()> {
    let url = moto.url();
    let env = [
        ("AWS_ACCESS_KEY_ID", "owner"),
        ("AWS_SECRET_ACCESS_KEY", "owner"),
        ("AWS_DEFAULT_REGION", REGION),
        ("AWS_ENDPOINT_URL", url.as_str()),
        ("STACK", STACK),
        ("TEMPLATE", TEMPLATE),
    ];
    let script = "
import boto3, os
cloudformation = boto3.client('cloudformation')
cloudformation.create_stack(StackName=os.environ['STACK'], TemplateBody=os.environ['TEMPLATE'])
cloudformation.get_waiter('stack_create_complete').wait(StackName=os.environ['STACK'])
";
    venv.python(script, &env)?.expect(0).map(drop)
}
