//! What an account needs before `serve` may act in it, as documents to be applied by whoever owns the account: a role for
//! reads, a role for changes, whom both trust, and a service-control policy. Pure: names in, JSON out.
//!
//! Formats: IAM JSON policy language 2012-10-17; CloudFormation template 2010-09-09 as JSON; Terraform's JSON
//! configuration syntax (`main.tf.json`).

use std::str::FromStr;

use serde_json::{Value, json};

/// What was asked for; every part was checked when it was read.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) id: AccountId,
    /// Who takes on the roles: what `serve` runs as.
    pub(crate) principal: Arn,
    pub(crate) external_id: ExternalId,
    /// Begins the names of the roles.
    pub(crate) prefix: Prefix,
    /// What agents run as in this account; the service-control policy takes everything from them.
    pub(crate) agents: Vec<Arn>,
}

macro_rules! checked {
    ($(#[$doc:meta])* $name:ident, $holds:expr, $says:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub(crate) struct $name(String);

        impl FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                let holds: fn(&str) -> bool = $holds;
                if holds(text) { Ok(Self(text.to_owned())) } else { Err($says.to_owned()) }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

checked!(
    AccountId,
    |text| text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit()),
    "an account is twelve digits, such as 111122223333"
);
checked!(
    /// Of an IAM role or user.
    Arn,
    |text| {
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let [arn, partition, service, region, account, name] = parts.as_slice() else { return false };
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/_+=,.@-".contains(&byte);
        *arn == "arn"
            && (*partition == "aws" || partition.starts_with("aws-"))
            && *service == "iam"
            && region.is_empty()
            && account.parse::<AccountId>().is_ok()
            && (name.starts_with("role/") || name.starts_with("user/"))
            && text.len() <= 700
            && name.bytes().all(plain)
    },
    "a principal is the ARN of a role or user, such as arn:aws:iam::111122223333:role/countersign-server"
);
checked!(
    /// <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>, `ExternalId`.
    ExternalId,
    |text| {
        (8..=1224).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_+=,.@:/-".contains(&byte))
    },
    "an external id is 8 to 1224 of letters, digits and _+=,.@:/-"
);
checked!(
    Prefix,
    |text| {
        (1..=48).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !text.starts_with('-')
    },
    "a prefix is 1 to 48 of letters, digits and -"
);

impl Account {
    fn partition(&self) -> &str {
        self.principal.0.split(':').nth(1).unwrap_or("aws")
    }

    fn name(&self, role: &str) -> String {
        format!("{}-{role}", self.prefix)
    }

    pub(crate) fn arn(&self, role: &str) -> String {
        format!("arn:{}:iam::{}:role/{}", self.partition(), self.id, self.name(role))
    }

    fn managed(&self, name: &str) -> String {
        format!("arn:{}:iam::aws:policy/{name}", self.partition())
    }

    /// Whoever takes on a role must be the server, and say the external id; the source identity is the operator.
    fn trust(&self) -> Value {
        document(&[json!({
            "Effect": "Allow",
            "Principal": { "AWS": self.principal.0 },
            "Action": ["sts:AssumeRole", "sts:SetSourceIdentity"],
            "Condition": { "StringEquals": { "sts:ExternalId": self.external_id.0 } }
        })])
    }

    /// AWS's own ReadOnlyAccess, without what would show a secret or open another door.
    fn reads(&self) -> Value {
        document(&[json!({
            "Sid": "NoSecretsNoDoors",
            "Effect": "Deny",
            "Action": [
                "secretsmanager:GetSecretValue", "secretsmanager:BatchGetSecretValue", "kms:Decrypt",
                "sts:AssumeRole", "ecr:GetAuthorizationToken", "codeartifact:GetAuthorizationToken",
                "ec2:GetPasswordData", "rds-db:connect", "ssm:StartSession"
            ],
            "Resource": "*"
        })])
    }

    /// What no approval can reach: the record, the roles themselves, the account's own existence.
    fn never(&self) -> Value {
        let own = format!("arn:{}:iam::{}:role/{}-*", self.partition(), self.id, self.prefix);
        document(&[
            json!({
                "Sid": "NotTheRecord",
                "Effect": "Deny",
                "Action": RECORD,
                "Resource": "*"
            }),
            json!({ "Sid": "NotItself", "Effect": "Deny", "Action": "iam:*", "Resource": own }),
            json!({
                "Sid": "NotTheAccount",
                "Effect": "Deny",
                "Action": ["organizations:*", "account:*", "sts:AssumeRole"],
                "Resource": "*"
            }),
        ])
    }

    /// For the organization: nobody in the account stops the record or changes these roles but through the
    /// organization's own access role, and agents do nothing here by themselves.
    fn organization(&self) -> Value {
        let own = format!("arn:{}:iam::*:role/{}-*", self.partition(), self.prefix);
        let owner = format!("arn:{}:iam::*:role/OrganizationAccountAccessRole", self.partition());
        let but_the_owner = json!({ "ArnNotLike": { "aws:PrincipalArn": owner } });
        let mut statements = vec![
            json!({
                "Sid": "KeepTheRecord",
                "Effect": "Deny",
                "Action": RECORD,
                "Resource": "*",
                "Condition": but_the_owner
            }),
            json!({
                "Sid": "KeepTheRoles",
                "Effect": "Deny",
                "NotAction": ["iam:Get*", "iam:List*"],
                "Resource": own,
                "Condition": but_the_owner
            }),
        ];
        if !self.agents.is_empty() {
            let agents: Vec<&str> = self.agents.iter().map(|it| it.0.as_str()).collect();
            statements.push(json!({
                "Sid": "AgentsOnlyThroughCountersign",
                "Effect": "Deny",
                "Action": "*",
                "Resource": "*",
                "Condition": { "ArnLike": { "aws:PrincipalArn": agents } }
            }));
        }
        document(&statements)
    }

    /// The organization's policy is made where its parameter names a target, which takes the management account.
    pub(crate) fn cloudformation(&self) -> Value {
        let role = |name: &str, policy: &str, inline: Value| {
            json!({
                "Type": "AWS::IAM::Role",
                "Properties": {
                    "RoleName": self.name(name),
                    "MaxSessionDuration": 3600,
                    "AssumeRolePolicyDocument": self.trust(),
                    "ManagedPolicyArns": [self.managed(policy)],
                    "Policies": [{ "PolicyName": "countersign", "PolicyDocument": inline }]
                }
            })
        };
        json!({
            "AWSTemplateFormatVersion": "2010-09-09",
            "Description": "What Countersign acts as in this account, and what stays out of everybody's reach.",
            "Parameters": {
                "OrganizationTarget": {
                    "Type": "String",
                    "Default": "",
                    "Description": "In the management account: the account or unit for the service-control policy."
                }
            },
            "Conditions": { "InOrganization": { "Fn::Not": [{ "Fn::Equals": [{ "Ref": "OrganizationTarget" }, ""] }] } },
            "Resources": {
                "ReadRole": role("read", "ReadOnlyAccess", self.reads()),
                "WriteRole": role("write", "PowerUserAccess", self.never()),
                "ServiceControlPolicy": {
                    "Type": "AWS::Organizations::Policy",
                    "Condition": "InOrganization",
                    "Properties": {
                        "Name": self.name("keeps"),
                        "Type": "SERVICE_CONTROL_POLICY",
                        "Content": self.organization(),
                        "TargetIds": [{ "Ref": "OrganizationTarget" }]
                    }
                }
            },
            "Outputs": {
                "ReadRoleArn": { "Value": { "Fn::GetAtt": ["ReadRole", "Arn"] } },
                "WriteRoleArn": { "Value": { "Fn::GetAtt": ["WriteRole", "Arn"] } }
            }
        })
    }

    /// For `main.tf.json`.
    pub(crate) fn terraform(&self) -> Value {
        let role = |name: &str| {
            json!({
                "name": self.name(name),
                "max_session_duration": 3600,
                "assume_role_policy": self.trust().to_string()
            })
        };
        let attached = |name: &str, policy: &str| json!({ "role": format!("${{aws_iam_role.{name}.name}}"), "policy_arn": self.managed(policy) });
        let inline = |name: &str, policy: Value| {
            json!({
                "name": "countersign",
                "role": format!("${{aws_iam_role.{name}.name}}"),
                "policy": policy.to_string()
            })
        };
        json!({
            "terraform": { "required_providers": { "aws": { "source": "hashicorp/aws" } } },
            "variable": {
                "organization_target": {
                    "type": "string",
                    "default": "",
                    "description": "In the management account: the account or unit for the service-control policy."
                }
            },
            "resource": {
                "aws_iam_role": { "read": role("read"), "write": role("write") },
                "aws_iam_role_policy_attachment": {
                    "read": attached("read", "ReadOnlyAccess"),
                    "write": attached("write", "PowerUserAccess")
                },
                "aws_iam_role_policy": {
                    "read": inline("read", self.reads()),
                    "write": inline("write", self.never())
                },
                "aws_organizations_policy": {
                    "keeps": {
                        "count": "${var.organization_target == \"\" ? 0 : 1}",
                        "name": self.name("keeps"),
                        "type": "SERVICE_CONTROL_POLICY",
                        "content": self.organization().to_string()
                    }
                },
                "aws_organizations_policy_attachment": {
                    "keeps": {
                        "count": "${var.organization_target == \"\" ? 0 : 1}",
                        "policy_id": "${aws_organizations_policy.keeps[0].id}",
                        "target_id": "${var.organization_target}"
                    }
                }
            },
            "output": {
                "read_role_arn": { "value": "${aws_iam_role.read.arn}" },
                "write_role_arn": { "value": "${aws_iam_role.write.arn}" }
            }
        })
    }

    /// For the bundle's `accounts.toml`.
    pub(crate) fn accounts(&self) -> String {
        format!(
            "[accounts.{id}]\nread_role = \"{read}\"\nwrite_role = \"{write}\"\nexternal_id = \"{external}\"\n",
            id = self.id,
            read = self.arn("read"),
            write = self.arn("write"),
            external = self.external_id
        )
    }
}

/// What stops or blinds the record of an account.
const RECORD: [&str; 10] = [
    "cloudtrail:DeleteTrail",
    "cloudtrail:StopLogging",
    "cloudtrail:UpdateTrail",
    "cloudtrail:PutEventSelectors",
    "cloudtrail:DeleteEventDataStore",
    "cloudtrail:StopEventDataStoreIngestion",
    "config:StopConfigurationRecorder",
    "config:DeleteConfigurationRecorder",
    "config:DeleteDeliveryChannel",
    "guardduty:DeleteDetector",
];

fn document(statements: &[Value]) -> Value {
    json!({ "Version": "2012-10-17", "Statement": statements })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(agents: &[&str]) -> Account {
        Account {
            id: "111122223333".parse().unwrap(),
            principal: "arn:aws:iam::444455556666:role/countersign-server".parse().unwrap(),
            external_id: "only-this-installation".parse().unwrap(),
            prefix: "countersign".parse().unwrap(),
            agents: agents.iter().map(|it| it.parse().unwrap()).collect(),
        }
    }

    #[test]
    fn nothing_but_names_of_the_right_kind_gets_into_a_document() {
        for wrong in ["", "11112222333", "1111222233334", "11112222333a"] {
            assert!(wrong.parse::<AccountId>().is_err(), "{wrong}");
        }
        for wrong in [
            "*",
            "arn:aws:iam::111122223333:root",
            "arn:aws:iam::*:role/a",
            "arn:aws:iam::111122223333:role/*",
            "arn:aws:s3:::b",
            "arn:aws:iam::111122223333:role/a\"",
        ] {
            assert!(wrong.parse::<Arn>().is_err(), "{wrong}");
        }
        for wrong in ["", "short", "has blank inside", "quote\"quote"] {
            assert!(wrong.parse::<ExternalId>().is_err(), "{wrong}");
        }
        for wrong in ["", "-a", "a_b", "a/b", &"a".repeat(49)] {
            assert!(wrong.parse::<Prefix>().is_err(), "{wrong}");
        }
    }

    /// <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html>: a service-control policy
    /// has at most 5,120 characters; an inline policy of a role 10,240.
    #[test]
    fn the_policies_fit_where_they_go() {
        let agents: Vec<String> =
            (0..5).map(|nth| format!("arn:aws:iam::111122223333:role/agents/agent-{nth}")).collect();
        let account = account(&agents.iter().map(String::as_str).collect::<Vec<_>>());
        assert!(account.organization().to_string().len() <= 5_120);
        for policy in [account.reads(), account.never()] {
            assert!(policy.to_string().len() <= 10_240);
        }
    }

    #[test]
    fn both_forms_say_the_same() {
        let account = account(&["arn:aws:iam::111122223333:role/agent"]);
        let (stack, plan) = (account.cloudformation(), account.terraform());
        let at = |value: &Value, pointer: &str| {
            value.pointer(pointer).unwrap_or_else(|| panic!("{pointer}")).clone()
        };
        for (name, resource) in [("read", "ReadRole"), ("write", "WriteRole")] {
            let properties = at(&stack, &format!("/Resources/{resource}/Properties"));
            let parsed = |pointer: &str| -> Value {
                serde_json::from_str(at(&plan, pointer).as_str().unwrap()).unwrap()
            };
            let role = format!("/resource/aws_iam_role/{name}");
            assert_eq!(at(&plan, &format!("{role}/name")), at(&properties, "/RoleName"));
            assert_eq!(
                parsed(&format!("{role}/assume_role_policy")),
                at(&properties, "/AssumeRolePolicyDocument")
            );
            assert_eq!(
                parsed(&format!("/resource/aws_iam_role_policy/{name}/policy")),
                at(&properties, "/Policies/0/PolicyDocument")
            );
            let attachment = format!("/resource/aws_iam_role_policy_attachment/{name}/policy_arn");
            assert_eq!(at(&plan, &attachment), at(&properties, "/ManagedPolicyArns/0"));
        }
        let content = at(&plan, "/resource/aws_organizations_policy/keeps/content");
        let content: Value = serde_json::from_str(content.as_str().unwrap()).unwrap();
        assert_eq!(content, at(&stack, "/Resources/ServiceControlPolicy/Properties/Content"));
        assert!(content.to_string().contains("AgentsOnlyThroughCountersign"));
        assert!(!self::account(&[]).organization().to_string().contains("AgentsOnly"));
    }

    #[test]
    fn the_partition_is_the_principals() {
        let chinese = Account {
            principal: "arn:aws-cn:iam::444455556666:role/server".parse().unwrap(),
            ..account(&[])
        };
        let text = chinese.cloudformation().to_string();
        assert!(
            text.contains("arn:aws-cn:iam::aws:policy/ReadOnlyAccess") && !text.contains("arn:aws:"),
            "{text}"
        );
    }
}
