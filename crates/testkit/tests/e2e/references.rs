//! What a request only names is what people sign for, and what runs.

use anyhow::Result;

use crate::lab::{Lab, OWNER};

const COPY: &str = "
import boto3, botocore
from botocore.config import Config
s3 = boto3.client('s3', config=Config(retries={'total_max_attempts': 1}))
try:
    s3.copy_object(Bucket='bkt', Key='live', CopySource={'Bucket': 'bkt', 'Key': 'next'}); print('copied')
except botocore.exceptions.ClientError as err:
    print('held', err.response['ResponseMetadata']['HTTPHeaders'].get('x-countersign-change'), err)
";

#[test]
fn a_source_that_changed_after_approval_is_held_again() -> Result<()> {
    let lab = Lab::open()?;
    let owner = |script: &str| -> Result<String> {
        let url = lab.moto.url();
        let env = [OWNER.as_slice(), &[("AWS_ENDPOINT_URL", url.as_str())]].concat();
        let script = format!("import boto3; s3 = boto3.client('s3'); {script}");
        Ok(lab.venv.python(&script, &env)?.expect(0)?.stdout.trim().to_owned())
    };
    owner(
        "s3.create_bucket(Bucket='bkt'); [s3.put_object(Bucket='bkt', Key=k, Body=k.encode()) for k in ('live', 'next')]",
    )?;
    let copy = || -> Result<String> { Ok(lab.python(COPY, &[])?.expect(0)?.stdout.trim().to_owned()) };
    let held = copy()?;
    let change = held.split(' ').nth(1).unwrap_or_default().to_owned();
    assert!(held.contains("Countersign holds this"), "{held}");
    let shown = lab.change(&change)?.to_string();
    assert!(shown.contains("state_observed"), "{shown}");
    let approve = || -> Result<()> {
        lab.approve(&change, &lab.people.ben)?.expect(0)?;
        lab.approve(&change, &lab.people.carla)?.expect(0)?;
        Ok(())
    };
    approve()?;
    owner("s3.put_object(Bucket='bkt', Key='next', Body=b'something else')")?;
    let again = copy()?;
    assert!(again.contains(&change) && again.contains("Countersign holds this"), "{again}");
    assert_eq!(owner("print(s3.get_object(Bucket='bkt', Key='live')['Body'].read().decode())")?, "live");
    approve()?;
    assert_eq!(copy()?, "copied");
    assert_eq!(
        owner("print(s3.get_object(Bucket='bkt', Key='live')['Body'].read().decode())")?,
        "something else"
    );
    assert_eq!(lab.moto.recorded(&["x-amz-copy-source-if-match"])?, 1, "it was forwarded pinned");
    Ok(())
}

const STACK: &str = "
import boto3
cfn = boto3.client('cloudformation')
print(cfn.create_stack(StackName='new', TemplateURL='https://bkt.s3.us-east-1.amazonaws.com/t.yaml')['StackId'])
";

const FUNCTION: &str = "
import boto3, botocore
from botocore.config import Config
functions = boto3.client('lambda', config=Config(retries={'total_max_attempts': 1}))
try:
    functions.create_function(FunctionName='f', Runtime='python3.11', Handler='x.y', Code={'ZipFile': b'x'},
                              Role='arn:aws:iam::123456789012:role/power')
except botocore.exceptions.ClientError as err:
    print(err.response['ResponseMetadata']['HTTPHeaders'].get('x-countersign-change'))
";

#[test]
fn a_template_behind_an_address_runs_as_it_was_seen_and_a_role_is_shown_with_its_rights() -> Result<()> {
    let lab = Lab::open()?;
    let url = lab.moto.url();
    let env = [OWNER.as_slice(), &[("AWS_ENDPOINT_URL", url.as_str())]].concat();
    lab.venv
        .python(
            "
import boto3, json
s3, iam = boto3.client('s3'), boto3.client('iam')
s3.create_bucket(Bucket='bkt')
s3.put_object(Bucket='bkt', Key='t.yaml', Body=b'Resources: {Q: {Type: AWS::SQS::Queue}}')
iam.create_role(RoleName='power', AssumeRolePolicyDocument=json.dumps({'Version': '2012-10-17', 'Statement': []}))
iam.put_role_policy(RoleName='power', PolicyName='everything', PolicyDocument=json.dumps({
    'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Action': '*', 'Resource': '*'}]}))",
            &env,
        )?
        .expect(0)?;
    let made = lab.python(STACK, &[])?.expect(0)?.stdout;
    assert!(made.contains(":stack/new/"), "{made}");
    assert!(lab.stack_stands("new")?);
    assert_eq!(lab.moto.recorded(&["TemplateURL"])?, 0, "what was seen was sent, not where it lay");

    let held = lab.python(FUNCTION, &[])?.expect(0)?.stdout.trim().to_owned();
    let shown = lab.change(&held)?.to_string();
    assert!(shown.contains("arn:aws:iam::123456789012:role/power"), "{shown}");
    assert!(shown.contains("everything"), "{shown}");
    Ok(())
}
