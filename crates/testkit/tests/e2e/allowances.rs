//! What two people agreed to in advance passes while it lasts; all else waits as ever.

use anyhow::Result;
use testkit::Serve;

use crate::lab::{Lab, OWNER, People};

const STANDING: &str = r#"
[standing.feed-the-workers]
operations = ["sqs:SendMessage", "sqs:SendMessageBatch"]
resources = ["123456789012/jobs"]
accounts = ["123456789012"]
reason = "the workers take only what they know how to do"
"#;

const BUDGETS: &str = r#"
[budgets.news]
effect = "emit"
operations = ["sns:Publish*"]
accounts = ["123456789012"]
limit = 4
per = "day"
reason = "what a day brings"
"#;

const AGENT: &str = "
import boto3, botocore
from botocore.config import Config
once = Config(retries={'total_max_attempts': 1})
sqs, sns = boto3.client('sqs', config=once), boto3.client('sns', config=once)
def told(what, call):
    try:
        call(); print(what, 'passed')
    except botocore.exceptions.ClientError as err:
        print(what, 'held' if 'Countersign holds this' in str(err) else err)
jobs, orders = (sqs.get_queue_url(QueueName=it)['QueueUrl'] for it in ('jobs', 'orders'))
entries = [{'Id': str(it), 'MessageBody': 'more'} for it in range(3)]
told('job', lambda: sqs.send_message(QueueUrl=jobs, MessageBody='work'))
told('jobs', lambda: sqs.send_message_batch(QueueUrl=jobs, Entries=entries))
told('order', lambda: sqs.send_message(QueueUrl=orders, MessageBody='buy'))
news = [t['TopicArn'] for t in sns.list_topics()['Topics']][0]
batch = [{'Id': str(it), 'Message': 'news'} for it in range(3)]
told('news', lambda: sns.publish_batch(TopicArn=news, PublishBatchRequestEntries=batch))
told('two more', lambda: sns.publish_batch(TopicArn=news, PublishBatchRequestEntries=batch[:2]))
told('one more', lambda: sns.publish(TopicArn=news, Message='late'))
told('yet one', lambda: sns.publish(TopicArn=news, Message='later'))
";

#[test]
fn a_budget_and_a_standing_approval_take_the_routine_out_of_peoples_way() -> Result<()> {
    let people = People::enter()?;
    let flags = people.flags()?;
    let lab = Lab::over(people, &flags, |config| {
        let bundle = config.with_file_name("bundle");
        std::fs::write(bundle.join("standing.toml"), STANDING)?;
        std::fs::write(bundle.join("budgets.toml"), BUDGETS)?;
        Serve::start_with(config, &OWNER)
    })?;
    let url = lab.moto.url();
    let owner = |script: &str| -> Result<String> {
        let env = [OWNER.as_slice(), &[("AWS_ENDPOINT_URL", url.as_str())]].concat();
        Ok(lab.venv.python(script, &env)?.expect(0)?.stdout)
    };
    owner(
        "import boto3; [boto3.client('sqs').create_queue(QueueName=it) for it in ('jobs', 'orders')]
boto3.client('sns').create_topic(Name='news')",
    )?;
    let told = lab.python(AGENT, &[])?.expect(0)?.stdout;
    assert_eq!(
        told,
        "job passed\njobs passed\norder held\nnews passed\ntwo more held\none more passed\nyet one held\n"
    );
    let waiting = "
import boto3; sqs = boto3.client('sqs')
for it in ('jobs', 'orders'):
    url = sqs.get_queue_url(QueueName=it)['QueueUrl']
    got = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=['ApproximateNumberOfMessages'])
    print(it, got['Attributes']['ApproximateNumberOfMessages'])";
    assert_eq!(owner(waiting)?, "jobs 4\norders 0\n");
    Ok(())
}
