//! The roles that the bundle gives for an account: with which of them what goes out, and what is wrong with them said
//! before anything is served.

use std::{fs, io::Write as _, path::Path};

use anyhow::{Context as _, Result};
use serde_json::json;
use testkit::{Cli, Installation, Serve, relay};

use crate::lab::{Lab, OWNER, People, held};

/// Roles of `account`, and whether sessions act there.
fn roles(account: &str, by_default: bool) -> String {
    let default = if by_default { format!("default = \"{account}\"\n") } else { String::new() };
    format!(
        "{default}[accounts.{account}]\nread_role = \"arn:aws:iam::{account}:role/cs-read\"\n\
         write_role = \"arn:aws:iam::{account}:role/cs-write\"\nexternal_id = \"ex-1\"\n"
    )
}

fn write(config: &Path, accounts: &str) -> Result<()> {
    let folder = config.parent().context("a configuration in no folder")?;
    Ok(fs::write(folder.join("bundle/accounts.toml"), accounts)?)
}

fn lab(accounts: &str) -> Result<Lab> {
    let people = People::enter()?;
    let flags = people.flags()?;
    Lab::over(people, &flags, |config| {
        write(config, accounts)?;
        Serve::start_with(config, &OWNER)
    })
}

/// Before the mock: in its answers every session of a role is somebody else's.
fn impostor(upstream: &str) -> Result<String> {
    relay(upstream, |mut request| {
        // As long as what it stands in place of.
        let answer =
            String::from_utf8(request.forward()?)?.replace("assumed-role/cs-read", "assumed-role/cs-else");
        Ok(request.client.write_all(answer.as_bytes())?)
    })
}

#[test]
fn a_change_goes_out_as_the_write_role_under_its_id_and_a_read_as_the_read_role() -> Result<()> {
    let lab = lab(&roles("123456789012", false))?;
    let put = json!({ "Name": "orders", "Value": "1", "Type": "String" });
    let answer = lab.call("ssm", "AmazonSSM.PutParameter", &put)?;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let of_change = ["Action=AssumeRole&", "role%2Fcs-write", "RoleSessionName=chg-", "DurationSeconds=900"];
    let answerable = ["ExternalId=ex-1", "SourceIdentity=olga"];
    assert_eq!(lab.moto.recorded(&[&of_change[..], &answerable].concat())?, 1);
    for _ in 0..2 {
        let read = lab.call("ssm", "AmazonSSM.DescribeParameters", &json!({}))?;
        assert_eq!(read.status, 200, "{}", read.text());
    }
    let to_read = ["Action=AssumeRole&", "role%2Fcs-read", "RoleSessionName=countersign"];
    assert_eq!(lab.moto.recorded(&[&to_read[..], &answerable].concat())?, 1, "one session for many reads");
    for forwarded in ["AmazonSSM.PutParameter", "AmazonSSM.DescribeParameters"] {
        assert!(lab.moto.recorded(&[forwarded, "Credential=ASIA"])? >= 1, "{forwarded}");
        assert_eq!(lab.moto.recorded(&[forwarded, "Credential=owner/"])?, 0, "{forwarded}");
    }
    Ok(())
}

/// What is signed says it, and what the cloud is asked for is it.
#[test]
fn the_rights_of_each_change_are_narrowed_to_it() -> Result<()> {
    let lab =
        lab(&format!("{}without_second_lock = [\"ssm:PutParameter\"]\n", roles("123456789012", false)))?;
    let put = json!({ "Name": "/app/orders", "Value": "1", "Type": "String" });
    assert_eq!(lab.call("ssm", "AmazonSSM.PutParameter", &put)?.status, 200);
    assert_eq!(lab.moto.recorded(&["RoleSessionName=chg-", "Policy="])?, 0, "the bundle takes it out");
    lab.make_stack("app")?;
    let stack = held(&lab.delete_stack("app")?)?;
    let delete = || lab.call("ssm", "AmazonSSM.DeleteParameter", &json!({ "Name": "/app/orders" }));
    let id = held(&delete()?)?;
    let orders = "arn:aws:ssm:us-east-1:123456789012:parameter/app/orders";
    for key in [&lab.people.ben, &lab.people.carla] {
        lab.approve(&id, key)?.expect(0)?;
    }
    lab.approve(&stack, &lab.people.ben)?.expect(0)?;
    assert_eq!(delete()?.status, 200);
    // Such a delete waits until all before it stands in the log.
    let signed = lab.entries("approval_given")?;
    let signed = signed.iter().filter_map(|entry| entry["detail"]["statement"].as_str());
    let signed: Vec<String> = signed.map(|it| it.replace("\n        ", "")).collect();
    let with = |lock: &str| signed.iter().filter(|it| it.contains(&format!("second lock: {lock}"))).count();
    assert_eq!(with(&format!("yes, to {orders}")), 2, "{signed:?}");
    assert_eq!(with("no: a stack without a service role"), 1, "{signed:?}");
    assert_eq!(lab.parameter("/app/orders")?, None);
    let session = format!("RoleSessionName={id}");
    let narrowed = [session.as_str(), "Policy=%7B", "ssm%3ADeleteParameter", "parameter%2Fapp%2Forders"];
    assert_eq!(lab.moto.recorded(&narrowed)?, 1);
    lab.verify()?.expect(0).map(drop)
}

#[test]
fn sessions_act_in_the_account_that_the_bundle_names_and_in_no_other() -> Result<()> {
    let lab = lab(&roles("444455556666", true))?;
    let put = json!({ "Name": "orders", "Value": "1", "Type": "String" });
    let answer = lab.call("ssm", "AmazonSSM.PutParameter", &put)?;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(lab.parameter("orders")?, None, "not in the account of the server's own credentials");
    let there = lab.call("ssm", "AmazonSSM.DescribeParameters", &json!({}))?;
    assert!(there.text().contains("orders"), "{}", there.text());
    Ok(())
}

#[test]
fn roles_that_are_wrong_stop_the_start() -> Result<()> {
    let lab = Lab::open()?;
    drop(lab.serve);
    let own = roles("123456789012", false);
    for (accounts, why) in [
        (own.replace("::123456789012:role/cs-write", "::444455556666:role/cs-write"), "not of 123456789012"),
        (own.replace("cs-write", "cs-read"), "is the read role too"),
        (own.replace("write_role", "wirte_role"), "did you mean `write_role`?"),
    ] {
        let installation = Installation::init(lab.people.flags()?)?;
        write(installation.config(), &accounts)?;
        let refused = Cli::run(["serve", "--config", &installation.config().display().to_string()])?;
        let refused = refused.expect(2)?;
        assert!(refused.stderr.contains("accounts.toml") && refused.stderr.contains(why), "{refused}");
    }
    // Whoever answers in the role's place is somebody else.
    let relay = impostor(lab.moto.authority())?;
    let flags = [lab.people.flags()?, vec!["--aws-upstream".to_owned(), relay]].concat();
    let installation = Installation::init(flags)?;
    write(installation.config(), &own)?;
    let config_text = installation.config().display().to_string();
    let refused = Cli::run_with(["serve", "--config", &config_text], &OWNER)?.expect(2)?;
    for part in [
        "[accounts.123456789012] `read_role`",
        "cannot be acted as",
        "assumed-role/cs-else",
        "sts:SetSourceIdentity",
    ] {
        assert!(refused.stderr.contains(part), "{part}: {refused}");
    }
    Ok(())
}

const ASSUMES: &str = "
import boto3, botocore
sts = boto3.client('sts')
def refused(call, **more):
    try:
        call(**more); print('passed')
    except botocore.exceptions.ClientError as err:
        print(err.response['Error']['Message'])
role = 'arn:aws:iam::444455556666:role/deploy'
got = sts.assume_role(RoleArn=role, RoleSessionName='ci', DurationSeconds=900)
keys = got['Credentials']
again = sts.assume_role(RoleArn=role, RoleSessionName='ci', DurationSeconds=900)['Credentials']
print(got['AssumedRoleUser']['Arn'], keys['AccessKeyId'] == again['AccessKeyId'])
there = boto3.Session(aws_access_key_id=keys['AccessKeyId'], aws_secret_access_key=keys['SecretAccessKey'], aws_session_token=keys['SessionToken'])
print(there.client('sts').get_caller_identity()['Arn'].split('/')[:2])
ssm = there.client('ssm')
ssm.put_parameter(Name='/there', Value='1', Type='String')
print([it['Name'] for it in ssm.describe_parameters()['Parameters']], boto3.client('ssm').describe_parameters()['Parameters'])
refused(sts.assume_role, RoleArn='arn:aws:iam::444455556666:role/admin', RoleSessionName='ci')
refused(sts.assume_role, RoleArn=role, RoleSessionName='ci', Policy='{}')
refused(there.client('sts').get_session_token)
refused(ssm.delete_parameter, Name='/there')
";

/// By its own code: what the agent's SDK makes of the answer is what it would make of the cloud's.
#[test]
fn a_role_that_the_bundle_lets_an_agent_take_on_is_a_session_of_its_own() -> Result<()> {
    let assumable = "[assumable.\"arn:aws:iam::444455556666:role/deploy\"]\nagents = [\"fixer\"]\nexternal_id = \"ex-2\"\n";
    let lab = lab(&format!("{}{assumable}", roles("444455556666", false)))?;
    let told = lab.python(ASSUMES, &[])?.expect(0)?.stdout;
    let lines: Vec<&str> = told.lines().collect();
    let [taken, identity, parameters, unnamed, narrowed, minted, held] = lines.as_slice() else {
        anyhow::bail!("{told}")
    };
    assert_eq!(*taken, "arn:aws:sts::444455556666:assumed-role/deploy/ci True");
    assert_eq!(*identity, "['arn:aws:sts::444455556666:assumed-role', 'deploy']");
    assert_eq!(*parameters, "['/there'] []");
    let instead = "call the service through this gateway";
    assert!(unnamed.contains("Countersign denies this") && unnamed.contains(instead), "{unnamed}");
    assert!(narrowed.contains("Policy is not taken with a role"), "{narrowed}");
    assert!(minted.contains(instead), "{minted}");
    assert!(held.contains("Acting as arn:aws:iam::444455556666:role/deploy"), "{held}");
    assert!(held.contains("Countersign holds this"), "{held}");
    // What really went out: the role, under the change's id and its operator's name, never the agent's own words.
    let changed = [
        "Action=AssumeRole&",
        "role%2Fdeploy",
        "RoleSessionName=chg-",
        "ExternalId=ex-2",
        "SourceIdentity=olga",
    ];
    assert_eq!(lab.moto.recorded(&changed)?, 1);
    assert_eq!(lab.moto.recorded(&["Action=AssumeRole&", "RoleSessionName=ci"])?, 0);
    lab.verify()?.expect(0).map(drop)
}

const WRITES: &str = "
import boto3
role = 'arn:aws:iam::444455556666:role/deploy'
keys = boto3.client('sts').assume_role(RoleArn=role, RoleSessionName='ci')['Credentials']
there = boto3.Session(aws_access_key_id=keys['AccessKeyId'], aws_secret_access_key=keys['SecretAccessKey'], aws_session_token=keys['SessionToken'])
def write(session, value, **more):
    told = session.client('ssm').put_parameter(Name='/there', Value=value, Type='String', **more)
    return told['ResponseMetadata']['HTTPHeaders']['x-countersign-change']
write(there, 'old!')
print(write(there, 'new!', Overwrite=True), write(boto3, 'here'), keys['AccessKeyId'], keys['SecretAccessKey'])
";

/// With the role's own credentials: what was done in it goes back the way it went out, and what was done outside of it is none of its.
#[test]
fn what_was_done_in_a_role_is_undone_in_that_role() -> Result<()> {
    let assumable = "[assumable.\"arn:aws:iam::444455556666:role/deploy\"]\nagents = [\"fixer\"]\n";
    let lab = lab(&format!("{}{assumable}", roles("444455556666", false)))?;
    let told = lab.python(WRITES, &[])?.expect(0)?.stdout;
    let [inside, outside, key, secret] = told.split_whitespace().collect::<Vec<_>>()[..] else {
        anyhow::bail!("{told}")
    };
    let mut env = lab.session.env();
    env.retain(|(name, _)| !["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"].contains(name));
    env.extend([("AWS_ACCESS_KEY_ID", key), ("AWS_SECRET_ACCESS_KEY", secret)]);
    let undo = |id: &str| Cli::run_with(["agent", "undo", id], &env);
    undo(outside)?.expect(4)?;
    let as_role = ["Action=AssumeRole&", "role%2Fdeploy", "RoleSessionName=chg-"];
    let before = lab.moto.recorded(&as_role)?;
    undo(inside)?.expect(0)?;
    assert_eq!(lab.moto.recorded(&["AmazonSSM.PutParameter", "/there", "old!"])?, 2);
    assert_eq!(lab.moto.recorded(&as_role)?, before + 1, "the undo is a change of its own, in the role");
    assert_eq!((lab.state(inside)?.as_str(), lab.state(outside)?.as_str()), ("undone", "executed"));
    lab.verify()?.expect(0).map(drop)
}
