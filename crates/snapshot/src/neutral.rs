//! Parameters of a list that keep nothing of it back: how much is answered at once and from where, whose of what is ours anyway, what
//! the list is a list within. Any other one may be a filter, and is taken for one.

use serde_json::Value;

/// Of any operation.
const PAGES: [&str; 24] = [
    "ContinuationToken",
    "ExclusiveStartTableName",
    "Limit",
    "Marker",
    "MaxItems",
    "MaxRecords",
    "MaxResults",
    "NextMarker",
    "NextToken",
    "PageSize",
    "StartingToken",
    "continuation-token",
    "key-marker",
    "limit",
    "marker",
    "max-buckets",
    "max-uploads",
    "maxItems",
    "maxResults",
    "maxitems",
    "nextToken",
    "pageSize",
    "upload-id-marker",
    "encoding-type",
];

/// What a list is a list within: all of them together are the whole, and which there are another list says.
const WITHIN: &[(&str, &str)] = &[
    ("ec2:DescribeImageAttribute", "ImageId"),
    ("dynamodb:DescribeTable", "TableName"),
    ("ecs:DescribeServices", "cluster"),
    ("ecs:DescribeServices", "services"),
    ("ecs:ListServices", "cluster"),
    ("elbv2:DescribeTargetHealth", "TargetGroupArn"),
    ("events:ListRules", "EventBusName"),
    ("events:ListTargetsByRule", "EventBusName"),
    ("events:ListTargetsByRule", "Rule"),
    ("route53:ListResourceRecordSets", "Id"),
];

/// And what asks for as much as there is of ours, or for more than would be answered otherwise, with just this value.
const ASKED_SO: &[(&str, &str, &str)] = &[
    (
        "acm:ListCertificates",
        "Includes",
        r#"{"keyTypes":["RSA_1024","RSA_2048","RSA_3072","RSA_4096","EC_prime256v1","EC_secp384r1","EC_secp521r1"]}"#,
    ),
    // More cannot be asked of all templates at once; a version that somebody starts by its number is not seen.
    ("ec2:DescribeLaunchTemplateVersions", "LaunchTemplateVersion", r#"["$Latest","$Default"]"#),
    ("application-autoscaling:DescribeScalableTargets", "ServiceNamespace", r#""dynamodb""#),
    ("ec2:DescribeImageAttribute", "Attribute", r#""launchPermission""#),
    ("ec2:DescribeImages", "Owner", r#"["self"]"#),
    ("ec2:DescribeSnapshots", "Owner", r#"["self"]"#),
    ("ecs:DescribeServices", "include", r#"["TAGS"]"#),
];

/// `value`: as JSON.
pub(crate) fn is_neutral(operation: &str, name: &str, value: &str) -> bool {
    let same = |text: &str| {
        let (one, other) = (serde_json::from_str::<Value>(text), serde_json::from_str::<Value>(value));
        matches!((one, other), (Ok(one), Ok(other)) if one == other)
    };
    PAGES.contains(&name)
        || WITHIN.contains(&(operation, name))
        || ASKED_SO.iter().any(|(of, known, text)| (*of, *known) == (operation, name) && same(text))
}
