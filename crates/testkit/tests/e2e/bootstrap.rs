//! What `aws bootstrap` prints is applied to an account by its owner, and what comes of it is what `serve` acts as.

use std::fs;

use anyhow::Result;
use serde_json::json;
use testkit::{Cli, Serve};

use crate::{
    clients::terraform,
    lab::{Lab, OWNER, People},
};

const ASK: [&str; 8] = [
    "aws",
    "bootstrap",
    "--account",
    "123456789012",
    "--principal",
    "arn:aws:iam::123456789012:role/server",
    "--external-id",
    "only-this-installation",
];

const APPLY: &str = "
import boto3, json, sys
stack = boto3.client('cloudformation')
stack.create_stack(StackName='countersign', TemplateBody=open(sys.argv[1]).read(), Capabilities=['CAPABILITY_NAMED_IAM'])
iam = boto3.client('iam')
for name in ('read', 'write'):
    role = iam.get_role(RoleName='countersign-' + name)['Role']
    trust = role['AssumeRolePolicyDocument']['Statement'][0]
    print(name, trust['Principal']['AWS'], trust['Condition']['StringEquals']['sts:ExternalId'])
";

#[test]
fn the_roles_that_bootstrap_prints_are_what_serve_acts_as() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let printed = Cli::run(ASK.iter().copied().chain(["--output", "cloudformation"]))?.expect(0)?;
    let template = folder.path().join("roles.json");
    fs::write(&template, &printed.stdout)?;
    let accounts = printed.stderr.split("accounts.toml needs:").nth(1).unwrap_or_default();
    let people = People::enter()?;
    let flags = people.flags()?;
    let lab = Lab::over(people, &flags, |config| {
        fs::write(config.with_file_name("bundle").join("accounts.toml"), accounts)?;
        Serve::start_with(config, &OWNER)
    })?;
    let put = json!({ "Name": "orders", "Value": "1", "Type": "String" });
    assert_eq!(lab.call("ssm", "AmazonSSM.PutParameter", &put)?.status, 200);
    for role in ["read", "write"] {
        let name = format!("countersign-{role}");
        let asked = ["Action=AssumeRole&", &name, "ExternalId=only-this-installation"];
        assert!(lab.moto.recorded(&asked)? >= 1, "{role}");
    }

    let url = lab.moto.url();
    let env = [OWNER.as_slice(), &[("AWS_ENDPOINT_URL", url.as_str())]].concat();
    let script = format!("import sys; sys.argv = ['', {:?}]\n{APPLY}", template.display().to_string());
    let applied = lab.venv.python(&script, &env)?.expect(0)?.stdout;
    let trusts = "arn:aws:iam::123456789012:role/server only-this-installation";
    assert_eq!(applied, format!("read {trusts}\nwrite {trusts}\n"));
    Ok(())
}

#[test]
fn what_bootstrap_prints_for_terraform_is_valid() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let printed = Cli::run(ASK.iter().copied().chain(["--output", "terraform"]))?.expect(0)?;
    fs::write(folder.path().join("main.tf.json"), printed.stdout)?;
    match terraform(folder.path(), &["init", "-input=false", "-no-color"], &[]) {
        Ok(ready) if ready.code == 0 => {}
        missing => {
            eprintln!(
                "SKIPPED: Terraform's form is not tried: it, or its AWS provider, is not here: {missing:?}"
            );
            return Ok(());
        }
    }
    terraform(folder.path(), &["validate", "-no-color"], &[])?.expect(0)?;
    Ok(())
}

#[test]
fn bootstrap_says_what_is_wrong_with_a_name_and_asks_for_a_form() -> Result<()> {
    let unasked = Cli::run(ASK)?.expect(2)?;
    assert!(unasked.stderr.contains("--output cloudformation"), "{unasked}");
    let mut wrong = ASK;
    wrong[5] = "*";
    let refused = Cli::run(wrong.iter().copied().chain(["--output", "terraform"]))?.expect(2)?;
    assert!(refused.stderr.contains("the ARN of a role or user"), "{refused}");
    Ok(())
}
