//! A role that an agent hands to the cloud, held against what the agent may do itself.

use anyhow::Result;
use testkit::Serve;

use crate::lab::{Lab, OWNER, People};

const ROLES: &str = "
import boto3, json
iam = boto3.client('iam')
def policy(*actions):
    return json.dumps({'Version': '2012-10-17',
                       'Statement': [{'Effect': 'Allow', 'Action': list(actions), 'Resource': '*'}]})
LOGS = ['logs:CreateLogGroup', 'logs:CreateLogStream', 'logs:PutLogEvents', 'xray:PutTraceSegments']
for name in ['logs', 'looks', 'power', 'more']:
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps({'Version': '2012-10-17', 'Statement': []}))
arn = iam.create_policy(PolicyName='write-logs', PolicyDocument=policy(*LOGS))['Policy']['Arn']
for name in ['logs', 'power', 'more']:
    iam.attach_role_policy(RoleName=name, PolicyArn=arn)
iam.put_role_policy(RoleName='looks', PolicyName='look', PolicyDocument=policy('ec2:DescribeInstances', 'sqs:ListQueues'))
iam.put_role_policy(RoleName='power', PolicyName='more', PolicyDocument=policy('dynamodb:DeleteTable'))
";

const HAND_OVER: &str = "
import boto3, botocore, io, os, zipfile
from botocore.config import Config
code = io.BytesIO()
with zipfile.ZipFile(code, 'w') as archive: archive.writestr('x.py', 'y = 1')
functions = boto3.client('lambda', config=Config(retries={'total_max_attempts': 1}))
try:
    functions.create_function(FunctionName='f-' + os.environ['ROLE'], Runtime='python3.11', Handler='x.y',
                              Role='arn:aws:iam::123456789012:role/' + os.environ['ROLE'], Code={'ZipFile': code.getvalue()})
    print('passed')
except botocore.exceptions.ClientError as err:
    print(err.response['ResponseMetadata']['HTTPHeaders'].get('x-countersign-change'), err)
";

#[test]
fn a_role_passes_with_the_rights_that_the_agent_has_and_waits_with_more() -> Result<()> {
    let people = People::enter()?;
    let flags = people.flags()?.into_iter().map(|flag| flag.replace("production=", "staging="));
    let lab = Lab::over(people, &flags.collect::<Vec<_>>(), |config| Serve::start_with(config, &OWNER))?;
    let url = lab.moto.url();
    let owner = [OWNER.as_slice(), &[("AWS_ENDPOINT_URL", url.as_str())]].concat();
    lab.venv.python(ROLES, &owner)?.expect(0)?;
    let hand_over =
        |role: &str| -> Result<String> { Ok(lab.python(HAND_OVER, &[("ROLE", role)])?.expect(0)?.stdout) };

    assert_eq!(hand_over("looks")?.trim(), "passed");
    let held = hand_over("power")?;
    assert!(held.contains("Countersign holds this"), "{held}");
    assert!(held.contains("more may be done than fixer may alone: dynamodb:DeleteTable"), "{held}");
    let shown = lab.change(held.split(' ').next().unwrap_or_default())?.to_string();
    assert!(shown.contains("privilege") && shown.contains("dynamodb:DeleteTable"), "{shown}");
    assert!(hand_over("nobody")?.contains("Countersign holds this"));

    // What the role may do by then decides.
    assert_eq!(hand_over("logs")?.trim(), "passed");
    lab.venv.python(GROWN, &owner)?.expect(0)?;
    let held = hand_over("more")?;
    assert!(held.contains("iam:PassRole"), "{held}");
    Ok(())
}

const GROWN: &str = "
import boto3, json
iam = boto3.client('iam')
arn = 'arn:aws:iam::123456789012:policy/write-logs'
iam.create_policy_version(PolicyArn=arn, SetAsDefault=True, PolicyDocument=json.dumps({'Version': '2012-10-17',
    'Statement': [{'Effect': 'Allow', 'Action': ['logs:PutLogEvents', 'iam:PassRole'], 'Resource': '*'}]}))
";
