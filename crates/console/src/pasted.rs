//! A request as people have it, pasted to ask what would happen: a command line of the AWS CLI, or the JSON that `countersign propose`
//! takes. Pure. A request that is described (TOML, as in rules' examples) is nobody's here: the policy reads it.

mod cli;

use api::types::ProposedAction;
use serde::Deserialize;
use serde_json::Value;

/// What was pasted, taken apart.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Pasted {
    pub(crate) calls: Vec<Call>,
    /// With both, grants have a say.
    pub(crate) agent: Option<String>,
    pub(crate) operator: Option<String>,
    pub(crate) account: Option<String>,
}

/// One operation, by its names on the wire.
#[derive(Debug, PartialEq)]
pub(crate) struct Call {
    pub(crate) service: String,
    pub(crate) operation: String,
    pub(crate) region: String,
    pub(crate) parameters: Value,
}

/// Where nobody says which region.
const REGION: &str = "us-east-1";

/// `None` where it is neither a command line nor JSON; what is wrong with it, where it is one and cannot be read.
pub(crate) fn read(text: &str) -> Option<Result<Pasted, String>> {
    let text = text.trim();
    let mut marks = text.chars().filter(|it| !it.is_whitespace());
    match (marks.next(), marks.next()) {
        (Some('{'), _) | (Some('['), Some('{')) => Some(json(text)),
        _ => cli::read(text).map(|call| Ok(Pasted { calls: vec![call?], ..Pasted::default() })),
    }
}

/// A whole proposal, and who asks for it where.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Whole {
    actions: Vec<ProposedAction>,
    agent: Option<String>,
    operator: Option<String>,
    account: Option<String>,
    /// A claim, which nothing rests on.
    #[serde(rename = "intent")]
    _intent: Option<String>,
}

fn json(text: &str) -> Result<Pasted, String> {
    let unreadable = |err: serde_json::Error| {
        format!(
            "this JSON is no request: {err}. It is {{\"service\", \"operation\", \"region\", \"parameters\"}}, a list of those, or an object with them under \"actions\""
        )
    };
    let value: Value = serde_json::from_str(text).map_err(unreadable)?;
    let one = value.get("service").is_some();
    if value.is_array() || one {
        let listed = if one { Value::Array(vec![value]) } else { value };
        let actions: Vec<ProposedAction> = serde_json::from_value(listed).map_err(unreadable)?;
        return Ok(Pasted { calls: calls(actions)?, ..Pasted::default() });
    }
    let Whole { actions, agent, operator, account, _intent } =
        serde_json::from_value(value).map_err(unreadable)?;
    Ok(Pasted { calls: calls(actions)?, agent, operator, account })
}

fn calls(actions: Vec<ProposedAction>) -> Result<Vec<Call>, String> {
    if actions.is_empty() {
        return Err("there is no action in it".to_owned());
    }
    let call = |it: ProposedAction| Call {
        service: it.service,
        operation: it.operation,
        region: it.region.unwrap_or_else(|| REGION.to_owned()),
        parameters: it.parameters,
    };
    Ok(actions.into_iter().map(call).collect())
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(text: &str, told: &Expect) {
        let read = match read(text) {
            None => "not one of these".to_owned(),
            Some(Err(why)) => format!("error: {why}"),
            Some(Ok(Pasted { calls, agent, operator, account })) => {
                let who: Vec<String> = [agent, operator, account].into_iter().flatten().collect();
                let sorted = |of: &Value| {
                    let members: std::collections::BTreeMap<_, _> =
                        of.as_object().into_iter().flatten().collect();
                    serde_json::to_string(&members).unwrap()
                };
                let one = |it: &Call| {
                    format!("{}:{} {} {}", it.service, it.operation, it.region, sorted(&it.parameters))
                };
                calls
                    .iter()
                    .map(one)
                    .chain((!who.is_empty()).then(|| who.join(" ")))
                    .collect::<Vec<_>>()
                    .join("\n")
            }
        };
        told.assert_eq(&read);
    }

    #[test]
    fn what_is_described_is_left_to_the_policy() {
        check("effects = [\"destroy\"]\nkind = \"database\"\n", &expect!["not one of these"]);
        check("[[example]]\nkind = \"database\"\n", &expect!["not one of these"]);
        check("awsome = 1", &expect!["not one of these"]);
        check("", &expect!["not one of these"]);
    }

    #[test]
    fn json_is_what_propose_takes() {
        let one = r#"{"service": "cloudformation", "operation": "DeleteStack", "parameters": {"StackName": "shop"}}"#;
        check(one, &expect![[r#"cloudformation:DeleteStack us-east-1 {"StackName":"shop"}"#]]);
        check(
            &format!(" [ {one} ]"),
            &expect![[r#"cloudformation:DeleteStack us-east-1 {"StackName":"shop"}"#]],
        );
        check(
            &format!(
                r#"{{"intent": "x", "agent": "fixer", "operator": "olga", "account": "123456789012", "actions": [{one}]}}"#
            ),
            &expect![[r#"
                cloudformation:DeleteStack us-east-1 {"StackName":"shop"}
                fixer olga 123456789012"#]],
        );
        check(
            "[{}",
            &expect![[
                r#"error: this JSON is no request: EOF while parsing a list at line 1 column 3. It is {"service", "operation", "region", "parameters"}, a list of those, or an object with them under "actions""#
            ]],
        );
        check(r#"{"actions": []}"#, &expect!["error: there is no action in it"]);
    }

    #[test]
    fn a_command_line_is_read_by_the_operation_table() {
        for (line, told) in [
            (
                "aws cloudformation delete-stack --stack-name shop --region eu-central-1",
                expect![[r#"cloudformation:DeleteStack eu-central-1 {"StackName":"shop"}"#]],
            ),
            (
                "$ aws --profile prod rds delete-db-instance \\\n  --db-instance-identifier='orders' --skip-final-snapshot",
                expect![[
                    r#"rds:DeleteDBInstance us-east-1 {"DBInstanceIdentifier":"orders","SkipFinalSnapshot":true}"#
                ]],
            ),
            (
                "aws ec2 terminate-instances --instance-ids i-1 \"i-2\" --no-dry-run",
                expect![[r#"ec2:TerminateInstances us-east-1 {"DryRun":false,"InstanceId":["i-1","i-2"]}"#]],
            ),
            (
                "aws ec2 create-image --instance-id i-1 --name before --no-reboot",
                expect![[
                    r#"ec2:CreateImage us-east-1 {"InstanceId":"i-1","Name":"before","NoReboot":true}"#
                ]],
            ),
            (
                "aws s3api delete-bucket --bucket shop",
                expect![[r#"s3:DeleteBucket us-east-1 {"Bucket":"shop"}"#]],
            ),
            (
                r#"aws dynamodb delete-table --cli-input-json '{"TableName": "orders"}'"#,
                expect![[r#"dynamodb:DeleteTable us-east-1 {"TableName":"orders"}"#]],
            ),
            (
                "aws s3 rm s3://shop --recursive",
                expect![
                    "error: `aws s3` makes several requests of one command: paste the one that you mean, as `aws s3api …`"
                ],
            ),
            ("aws nothing delete-it", expect!["error: `nothing` is no service of the operation table"]),
            ("aws rds delete-everything", expect!["error: `delete-everything` is no operation of rds"]),
            (
                "aws rds delete-db-instance orders",
                expect!["error: `orders` belongs to no parameter: a parameter begins with `--`"],
            ),
            ("aws rds 'delete", expect!["error: a quotation mark has no other end"]),
            (
                "aws",
                expect![
                    "error: a command names a service and an operation: `aws rds delete-db-instance --db-instance-identifier orders`"
                ],
            ),
        ] {
            check(line, &told);
        }
    }
}
