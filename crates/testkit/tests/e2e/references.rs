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
