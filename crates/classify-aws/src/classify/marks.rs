//! What a request says of names and tags, for a bundle whose environment map reads them. Nothing is known of a
//! service here beyond the words of its operations: whatever looks like a tag is one, since tags only raise.

use std::collections::BTreeSet;

use model::{Marks, Operation, Retags, Value};

use super::effects::Judged;
use crate::{
    gather::{self, tags_in},
    kinds::words,
};

const WORDS: [&str; 4] = ["Tag", "Tags", "Tagging", "Untag"];
/// Operations on tags that change the named ones and leave the others.
const BY_KEY: [&str; 9] =
    ["Tag", "Untag", "Add", "Remove", "Create", "Delete", "Change", "Associate", "Disassociate"];
/// First words of operations whose tags are those of something new.
const MAKING: [&str; 12] = [
    "Create",
    "Run",
    "Restore",
    "Copy",
    "Import",
    "Allocate",
    "Request",
    "Register",
    "Purchase",
    "Launch",
    "Start",
    "Provision",
];
/// A template or a desired state decides about every tag of what it makes.
const BY_TEMPLATE: [&str; 2] = ["cloudformation", "cloudcontrol"];
const DEPTH_MAX: usize = 16;

/// `additive`: nothing that exists is changed.
pub(super) fn of(operation: &Operation, params: &Value, additive: bool, judged: &Judged) -> Marks {
    if judged.effects.is_plain_read() {
        return Marks::default();
    }
    let given = gather::given(params);
    let words = words(&operation.name);
    let first = words.first().copied().unwrap_or_default();
    let about_tags = words.iter().any(|word| WORDS.contains(word));
    let makes = !about_tags && MAKING.contains(&first);
    let by_template = BY_TEMPLATE.contains(&operation.service.as_str());
    let retags = if about_tags {
        if BY_KEY.contains(&first) && !words.contains(&"Tagging") && has_tag_member(&given) {
            Retags::Keys(texts_of(&given))
        } else {
            Retags::Any
        }
    } else if by_template && first != "Create" && first != "Delete" || !makes && has_tag_member(&given) {
        Retags::Any
    } else {
        Retags::None
    };
    // Many a `Create…` adds something to what is there already (a route, a listener), and that has tags of its own.
    let renames = renames(&given, &words);
    Marks { gives: tags_in(&given), retags, renames, creates: additive, hands_over: false }
}

/// `NewDBInstanceIdentifier`, `NewUserName`; or whatever text a `Rename…` operation gives.
fn renames(given: &Value, words: &[&str]) -> Vec<String> {
    let Value::Map(members) = given else { return Vec::new() };
    let renaming = words.contains(&"Rename");
    let names = |member: &str| {
        let lowered = member.to_ascii_lowercase();
        lowered.starts_with("new") && ["name", "identifier", "id"].iter().any(|end| lowered.ends_with(end))
    };
    members
        .iter()
        .filter(|(member, _)| renaming || names(member))
        .filter_map(|(_, value)| value.as_text().map(str::to_owned))
        .collect()
}

fn has_tag_member(given: &Value) -> bool {
    let Value::Map(members) = given else { return false };
    members.keys().any(|member| gather::names_tags(member) || member.to_ascii_lowercase().contains("tagkey"))
}

/// Every text of the request, and every member's name: a tag's key may be either.
fn texts_of(given: &Value) -> BTreeSet<String> {
    let mut texts = BTreeSet::new();
    let mut open = vec![(given, 0)];
    while let Some((value, depth)) = open.pop() {
        match value {
            Value::Text(text) => {
                texts.insert(text.clone());
            }
            Value::List(items) if depth < DEPTH_MAX => {
                open.extend(items.iter().map(|item| (item, depth + 1)))
            }
            Value::Map(members) if depth < DEPTH_MAX => {
                texts.extend(members.keys().cloned());
                open.extend(members.values().map(|item| (item, depth + 1)));
            }
            Value::Null
            | Value::Bool(_)
            | Value::Int(_)
            | Value::Number(_)
            | Value::Bytes(_)
            | Value::List(_)
            | Value::Map(_) => {}
        }
    }
    texts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        call::{Call, build},
        classify::{Target, classify},
        table::Table,
    };
    use model::{Account, Partition, Tag};

    fn marks(operation: &str, parameters: &str) -> Marks {
        let (service, name) = operation.split_once(':').unwrap();
        let call = Call {
            service: service.to_owned(),
            operation: name.to_owned(),
            region: "eu-west-1".to_owned(),
            parameters: gather::literal(&toml::Value::Table(toml::from_str(parameters).unwrap())),
        };
        let request = build(&call).unwrap();
        let signing = Table::shared().service(service).unwrap().signing;
        let target = Target::new(Partition("aws".into()), Account("1".into()));
        classify(request, signing, "eu-west-1", &target, &Default::default()).unwrap().action.marks().clone()
    }

    fn check(
        operation: &str,
        parameters: &str,
        gives: &[(&str, &str)],
        touches: Option<bool>,
        renames: &[&str],
    ) {
        let marks = marks(operation, parameters);
        let gives: BTreeSet<Tag> = gives.iter().map(|(key, value)| Tag::new(*key, *value)).collect();
        assert_eq!(marks.gives, gives, "{operation}");
        assert_eq!(marks.renames, renames, "{operation}");
        // `env` is what the map reads; `None`: other tags only.
        let expected = (touches.is_some(), touches == Some(true));
        assert_eq!((marks.retags.may_touch("Env"), marks.retags == Retags::Any), expected, "{operation}");
    }

    #[test]
    fn only_what_adds_and_touches_nothing_has_no_earlier_tags() {
        for (operation, parameters, expected) in [
            ("rds:CreateDBSnapshot", "DBInstanceIdentifier = 'd'\nDBSnapshotIdentifier = 's'", true),
            ("ec2:CreateRoute", "RouteTableId = 'rtb-1'\nDestinationCidrBlock = '0.0.0.0/0'", false),
            ("ec2:StartInstances", "InstanceId = ['i-1']", false),
            ("ec2:CreateTags", "ResourceId = ['i-1']\nTag = [{ Key = 'env', Value = 'prod' }]", false),
        ] {
            assert_eq!(marks(operation, parameters).creates, expected, "{operation}");
        }
    }

    #[test]
    fn tags_and_names_are_found_in_every_protocol() {
        let env = [("env", "prod")];
        check(
            "ec2:CreateTags",
            "ResourceId = ['i-1']\nTag = [{ Key = 'env', Value = 'prod' }]",
            &env,
            Some(false),
            &[],
        );
        check(
            "ec2:DeleteTags",
            "ResourceId = ['i-1']\nTag = [{ Key = 'env' }]",
            &[("env", "")],
            Some(false),
            &[],
        );
        check("ec2:DeleteTags", "ResourceId = ['i-1']", &[], Some(true), &[]);
        check("ec2:DeleteTags", "ResourceId = ['i-1']\nTag = [{ Key = 'team' }]", &[("team", "")], None, &[]);
        check(
            "lambda:TagResource",
            "Resource = 'arn:aws:lambda:eu-west-1:1:function:f'\nTags = { env = 'prod' }",
            &env,
            Some(false),
            &[],
        );
        check("dynamodb:UntagResource", "ResourceArn = 'a'\nTagKeys = ['env']", &[], Some(false), &[]);
        check("dynamodb:UntagResource", "ResourceArn = 'a'\nTagKeys = ['team']", &[], None, &[]);
        check("s3:DeleteBucketTagging", "Bucket = 'b'", &[], Some(true), &[]);
        check(
            "rds:CreateDBInstance",
            "DBInstanceIdentifier = 'd'\nDBInstanceClass = 'c'\nEngine = 'e'\nTags = [{ Key = 'env', Value = 'prod' }]",
            &env,
            None,
            &[],
        );
        check(
            "cloudformation:UpdateStack",
            "StackName = 's'\nUsePreviousTemplate = true",
            &[],
            Some(true),
            &[],
        );
        check("cloudformation:DeleteStack", "StackName = 's'", &[], None, &[]);
        check(
            "rds:ModifyDBInstance",
            "DBInstanceIdentifier = 'd'\nNewDBInstanceIdentifier = 'e'",
            &[],
            None,
            &["e"],
        );
        check("iam:UpdateUser", "UserName = 'd'\nNewUserName = 'e'", &[], None, &["e"]);
        check("rds:DescribeDBInstances", "DBInstanceIdentifier = 'd'", &[], None, &[]);
    }
}
