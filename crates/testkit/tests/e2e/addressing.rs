//! However a client addresses AWS, it is the same gateway: by endpoint with and without TLS, by a bucket's own host, and
//! through the proxy for clients that cannot be pointed.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
};

use anyhow::Result;
use testkit::Session;

use crate::lab::{Lab, OWNER};

impl Lab {
    fn over_proxy(&self) -> Result<Session> {
        let key = &self.people.olga.private;
        self.installation.session("fixer", "olga", key, "look around", &["--proxy"])
    }
}

/// Reads, an undoable write, a held delete, and its retry once approved.
const SCRIPT: &str = r#"
import boto3, botocore, json, sys
from botocore.config import Config
ssm = boto3.client('ssm', config=Config(retries={'total_max_attempts': 1}))
s3 = boto3.client('s3', config=Config(retries={'total_max_attempts': 1}, s3={'addressing_style': STYLE}))
sqs = boto3.client('sqs', config=Config(retries={'total_max_attempts': 1}))
ssm.put_parameter(Name=NAME, Value='1', Type='String')
ssm.put_parameter(Name=NAME, Value='2', Type='String', Overwrite=True)
print('read', [p['Version'] for p in ssm.describe_parameters()['Parameters'] if p['Name'] == NAME])
s3.create_bucket(Bucket='b-' + NAME)
print('keys', s3.list_objects_v2(Bucket='b-' + NAME, Prefix='k/ä +%2F')['Prefix'])
url = sqs.create_queue(QueueName=NAME)['QueueUrl']
print('queue', url)
print('same', sqs.get_queue_url(QueueName=NAME)['QueueUrl'] == url, sqs.list_queues(QueueNamePrefix=NAME)['QueueUrls'] == [url])
print('attributes', sqs.get_queue_attributes(QueueUrl=url, AttributeNames=['VisibilityTimeout'])['Attributes'])
try:
    s3.delete_bucket(Bucket='b-' + NAME)
except botocore.exceptions.ClientError as err:
    print('held', err.response['ResponseMetadata']['HTTPHeaders']['x-countersign-change'], err.response['Error']['Message'])
"#;

#[test]
fn boto3_over_http_over_https_and_through_the_proxy() -> Result<()> {
    let lab = Lab::open()?;
    let proxied = lab.over_proxy()?;
    let ca = lab.serve.ca.to_str().unwrap().to_owned();
    let secure = lab.serve.aws.replacen("http://127.0.0.1", "https://localhost", 1);
    let session = lab.session.env();
    let https =
        [session.as_slice(), &[("AWS_ENDPOINT_URL", secure.as_str()), ("AWS_CA_BUNDLE", ca.as_str())]]
            .concat();
    let ways = [
        ("first", "path", session.clone(), lab.serve.aws.clone()),
        ("second", "auto", https, secure.clone()),
        ("third", "virtual", proxied.env(), "https://sqs.us-east-1.amazonaws.com".to_owned()),
    ];
    for (name, style, env, queues) in ways {
        let script = format!("NAME = '{name}'\nSTYLE = '{style}'\n{SCRIPT}");
        let told = lab.venv.python(&script, &env)?.expect(0)?;
        let held = told.stdout.lines().find_map(|line| line.strip_prefix("held ")).unwrap_or_default();
        for line in [
            "read [2]",
            "keys k/ä +%2F",
            &format!("queue {queues}/123456789012/{name}"),
            "same True True",
            "attributes {'VisibilityTimeout': '30'}",
        ] {
            assert!(told.stdout.contains(line), "{name}: no `{line}` in {told}");
        }
        assert!(held.starts_with("chg-"), "{name}: {told}");
    }
    let unbelieved = [session.as_slice(), &[("AWS_ENDPOINT_URL", secure.as_str())]].concat();
    let told = lab.venv.python("import boto3; boto3.client('ssm').describe_parameters()", &unbelieved)?;
    assert!(told.code != 0 && told.stderr.contains("CERTIFICATE_VERIFY_FAILED"), "{told}");
    Ok(())
}

#[test]
fn the_command_line_reaches_through_the_proxy_what_it_cannot_be_pointed_at() -> Result<()> {
    let lab = Lab::open()?;
    let session = lab.over_proxy()?;
    let aws = |line: &[&str]| lab.venv.aws(line.iter().copied(), &session.env());
    let url = lab.moto.url();
    let owner = [OWNER.as_slice(), &[("AWS_ENDPOINT_URL_RDS", url.as_str())]].concat();
    let made = "import boto3, os\n\
         rds = boto3.client('rds', endpoint_url=os.environ['AWS_ENDPOINT_URL_RDS'])\n\
         rds.create_db_instance(DBInstanceIdentifier='orders', DBInstanceClass='db.t3.micro', Engine='postgres',\n\
         \x20   MasterUsername='u', MasterUserPassword='secret-1234', AllocatedStorage=20)";
    lab.venv.python(made, &owner)?.expect(0)?;
    let listed =
        aws(&["rds", "describe-db-instances", "--query", "DBInstances[].DBInstanceIdentifier"])?.expect(0)?;
    assert!(listed.stdout.contains("orders"), "{listed}");
    let delete = ["rds", "delete-db-instance", "--db-instance-identifier", "orders", "--skip-final-snapshot"];
    let held = aws(&delete)?;
    assert!(held.code != 0 && held.stderr.contains("Countersign holds this"), "{held}");
    let url = aws(&["sqs", "create-queue", "--queue-name", "q", "--query", "QueueUrl", "--output", "text"])?
        .expect(0)?;
    let url = url.stdout.trim().to_owned();
    aws(&["sqs", "get-queue-attributes", "--queue-url", &url, "--attribute-names", "All"])?.expect(0)?;
    let health = aws(&["emr", "list-clusters"])?;
    health.expect(0)?;
    Ok(())
}

#[test]
fn the_proxy_leads_to_aws_and_nowhere_else() -> Result<()> {
    let lab = Lab::open()?;
    let before = lab.forwarded()?;
    for (line, expected) in [
        ("CONNECT example.org:443 HTTP/1.1\r\nhost: example.org:443\r\n\r\n", "403"),
        ("CONNECT 169.254.169.254:443 HTTP/1.1\r\nhost: 169.254.169.254:443\r\n\r\n", "403"),
        ("CONNECT ec2.us-east-1.amazonaws.com:80 HTTP/1.1\r\nhost: h\r\n\r\n", "403"),
        ("CONNECT amazonaws.com.evil.test:443 HTTP/1.1\r\nhost: h\r\n\r\n", "403"),
        ("CONNECT ec2.us-east-1.amazonaws.com HTTP/1.1\r\nhost: h\r\n\r\n", "400"),
        ("CONNECT /path HTTP/1.1\r\nhost: h\r\n\r\n", "400"),
        ("CONNECT user@ec2.us-east-1.amazonaws.com:443 HTTP/1.1\r\nhost: h\r\n\r\n", "400"),
    ] {
        let mut stream = TcpStream::connect(lab.gateway())?;
        stream.set_read_timeout(Some(std::time::Duration::from_secs(30)))?;
        stream.write_all(line.as_bytes())?;
        let mut answer = [0; 1024];
        let length = stream.read(&mut answer)?;
        let answer = String::from_utf8_lossy(&answer[..length]).into_owned();
        assert!(answer.starts_with(&format!("HTTP/1.1 {expected}")), "{line}: {answer}");
    }
    // Inside a tunnel stands the gateway: no signature, no answer from the cloud.
    let ca = lab.serve.ca.to_str().unwrap().to_owned();
    let script = format!(
        "import urllib.request as u, ssl\n\
         o = u.build_opener(u.ProxyHandler({{'https': '{}'}}), u.HTTPSHandler(context=ssl.create_default_context(cafile='{ca}')))\n\
         try: o.open('https://sts.amazonaws.com/?Action=GetCallerIdentity&Version=2011-06-15')\n\
         except Exception as err: print(err.code, err.read().decode())",
        lab.serve.proxy
    );
    let told = lab.venv.python(&script, &[])?.expect(0)?;
    assert!(told.stdout.starts_with("403 ") && told.stdout.contains("Countersign"), "{told}");
    assert_eq!(lab.forwarded()?, before, "nothing went out");
    Ok(())
}
