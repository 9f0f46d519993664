//! A loop of single deletes is one thing to decide.

use anyhow::{Result, ensure};

use crate::lab::{Lab, OWNER};

const LOOP: &str = "
import boto3, botocore, re
from botocore.config import Config
from concurrent.futures import ThreadPoolExecutor
s3 = boto3.client('s3', config=Config(retries={'total_max_attempts': 1}, s3={'addressing_style': 'path'}))
def delete(nth):
    try:
        s3.delete_object(Bucket='reports', Key=f'2024/{nth:02}.csv')
        return 'deleted'
    except botocore.exceptions.ClientError as err:
        return re.search('chg-[0-9a-z]+', str(err)).group()
with ThreadPoolExecutor(4) as pool:
    print(*sorted(set(pool.map(delete, range(12)))))
";

#[test]
fn a_held_loop_is_one_change_that_is_decided_once() -> Result<()> {
    let lab = Lab::open()?;
    let url = lab.moto.url();
    let owner = |script: &str| -> Result<String> {
        let env = [OWNER.as_slice(), &[("AWS_ENDPOINT_URL", url.as_str())]].concat();
        Ok(lab.venv.python(script, &env)?.expect(0)?.stdout)
    };
    owner(
        "import boto3; s3 = boto3.client('s3'); s3.create_bucket(Bucket='reports', CreateBucketConfiguration={'LocationConstraint': 'eu-central-1'})
for nth in range(12): s3.put_object(Bucket='reports', Key=f'2024/{nth:02}.csv', Body=b'x')",
    )?;
    let left = "import boto3; print(boto3.client('s3').list_objects_v2(Bucket='reports')['KeyCount'])";

    let told = lab.python(LOOP, &[])?.expect(0)?.stdout;
    let held: Vec<&str> = told.split_whitespace().collect();
    let [id] = held.as_slice() else { anyhow::bail!("it is not one change: {told}") };
    let change = lab.change(id)?;
    ensure!(change["actions"].as_array().is_some_and(|actions| actions.len() == 12), "{change}");
    let listed = lab.installation.run(["change", "list"])?.expect(0)?.stdout;
    ensure!(listed.matches("chg-").count() == 1, "{listed}");
    ensure!(owner(left)? == "12\n");

    // A person looks at it: what comes now is another change.
    lab.approve(id, &lab.people.ben)?.expect(0)?;
    lab.approve(id, &lab.people.carla)?.expect(0)?;
    ensure!(lab.state(id)? == "approved");
    ensure!(lab.python(LOOP, &[])?.expect(0)?.stdout == "deleted\n");
    ensure!(lab.entries("change_sealed")?.len() == 1 && lab.entries("change_joined")?.len() == 11);
    ensure!(lab.state(id)? == "executed" && owner(left)? == "0\n");
    lab.verify()?.expect(0).map(drop)
}
