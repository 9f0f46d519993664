//! Operations whose parameters decide whether they set something or give something away.

use classify_aws::classify::classify;
use model::Request;

use crate::requests::{form, json, target};

#[test]
fn a_setting_is_no_policy() {
    let set = |attributes: &str| {
        json(
            "AmazonSQS.SetQueueAttributes",
            &format!(r#"{{"QueueUrl":"https://q/1/jobs","Attributes":{attributes}}}"#),
        )
    };
    let effects = |request: Request, service: &str| {
        let action = classify(request, service, "us-east-1", &target(), &Default::default()).unwrap().action;
        action.parts().effects.to_string()
    };
    for (attributes, expected) in [
        (r#"{"VisibilityTimeout":"60","DelaySeconds":"1"}"#, "write"),
        (r#"{"Policy":"{}"}"#, "write, privilege"),
        (r#"{"VisibilityTimeout":"60","KmsMasterKeyId":"k"}"#, "write, privilege"),
        ("null", "write, privilege"),
    ] {
        assert_eq!(effects(set(attributes), "sqs"), expected, "{attributes}");
    }
    let topic = |name: &str| {
        form(&format!(
            "Action=SetTopicAttributes&Version=2010-03-31&TopicArn=t&AttributeName={name}&AttributeValue=x"
        ))
    };
    assert_eq!(effects(topic("DisplayName"), "sns"), "write");
    assert_eq!(effects(topic("Policy"), "sns"), "write, privilege");
}
