//! What stands around the target of an action, as far as its own description names it: what depends on it, what it is part of
//! and what it needs itself. Drawn as three columns with the target in the middle. Pure.
//!
//! Who else uses it is not known from this, and the page says so: a database does not name its clients.

use askama::Template;

use crate::text::Shown;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    /// Would miss the target, were it gone.
    Dependent,
    /// Is there without the target.
    Needed,
}

/// Members of what a read shows of a resource that name another one, by the end of their path. The names are those of the AWS
/// APIs' own answers (`observe.toml` of `classify-aws` says which of them are kept).
const MEMBERS: &[(&str, Side, &str)] = &[
    ("ReadReplicaDBInstanceIdentifiers", Side::Dependent, "copy from it"),
    ("DBClusterMember.DBInstanceIdentifier", Side::Dependent, "run in it"),
    ("MemberClusters.ClusterId", Side::Dependent, "run in it"),
    ("Replicas.RegionName", Side::Dependent, "hold replicas of it"),
    ("GlobalSecondaryIndexes.IndexName", Side::Dependent, "index it"),
    ("attachmentSet.instanceId", Side::Dependent, "mount it"),
    ("attachment.instanceId", Side::Dependent, "use it"),
    ("attachmentSet.vpcId", Side::Dependent, "go out through it"),
    ("associationSet.subnetId", Side::Dependent, "route by it"),
    ("associationId", Side::Dependent, "is its association"),
    ("LoadBalancerArns", Side::Dependent, "send traffic to it"),
    ("LoadBalancerNames", Side::Dependent, "send traffic to it"),
    ("TargetGroupARNs", Side::Dependent, "take their targets from it"),
    ("Targets.Arn", Side::Dependent, "are run by it"),
    ("Target.Arn", Side::Dependent, "is run by it"),
    ("AlarmActions", Side::Dependent, "are told by it"),
    ("Roles.RoleName", Side::Dependent, "act through it"),
    ("Users.UserName", Side::Dependent, "belong to it"),
    ("Aliases", Side::Dependent, "are names that lead to it"),
    ("DBClusterIdentifier", Side::Needed, "the cluster it is part of"),
    ("ReadReplicaSourceDBInstanceIdentifier", Side::Needed, "copied from"),
    ("VpcSecurityGroupId", Side::Needed, "security group"),
    ("groupSet.groupId", Side::Needed, "security group"),
    ("SecurityGroups", Side::Needed, "security group"),
    ("DBSubnetGroupName", Side::Needed, "subnet group"),
    ("DBSubnetGroup", Side::Needed, "subnet group"),
    ("CacheSubnetGroupName", Side::Needed, "subnet group"),
    ("DBParameterGroupName", Side::Needed, "parameter group"),
    ("DBClusterParameterGroup", Side::Needed, "parameter group"),
    ("DBInstanceIdentifier", Side::Needed, "the database it was taken of"),
    ("snapshotId", Side::Needed, "made from snapshot"),
    ("imageId", Side::Needed, "image"),
    ("blockDeviceMapping.ebs.volumeId", Side::Needed, "volume"),
    ("subnetId", Side::Needed, "subnet"),
    ("VPCZoneIdentifier", Side::Needed, "subnets"),
    ("vpcId", Side::Needed, "network"),
    ("VpcId", Side::Needed, "network"),
    ("KmsKeyId", Side::Needed, "key"),
    ("kmsKeyId", Side::Needed, "key"),
    ("KMSKeyArn", Side::Needed, "key"),
    ("KmsMasterKeyId", Side::Needed, "key"),
    ("Role", Side::Needed, "acts as"),
    ("RoleArn", Side::Needed, "acts as"),
    ("roleArn", Side::Needed, "acts as"),
    ("serviceRole", Side::Needed, "acts as"),
    ("iamInstanceProfile.arn", Side::Needed, "acts as"),
    ("EventSourceArn", Side::Needed, "is fed by"),
    ("TopicArn", Side::Needed, "topic"),
    ("LoadBalancerArn", Side::Needed, "load balancer"),
    ("taskDefinition", Side::Needed, "runs"),
    ("clusterArn", Side::Needed, "cluster"),
    ("clusterName", Side::Needed, "cluster"),
    ("Layers.Arn", Side::Needed, "layer"),
    ("CertificateArn", Side::Needed, "certificate"),
    ("LaunchConfigurationName", Side::Needed, "starts machines by"),
    ("RotationLambdaARN", Side::Needed, "rotated by"),
    ("AttachedPolicies.PolicyArn", Side::Needed, "policy"),
];

/// One other resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Other {
    /// "copy from it", "security group"
    pub(crate) how: &'static str,
    pub(crate) name: Shown,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Around {
    pub(crate) dependents: Vec<Other>,
    pub(crate) needed: Vec<Other>,
}

impl Around {
    /// `facts`: what was observed of the target. `target`: how the action names it; what names itself is no other.
    pub(crate) fn of(facts: &[(String, String)], target: &str) -> Self {
        let mut around = Self::default();
        for (name, value) in facts {
            let found = MEMBERS.iter().find(|(end, ..)| ends_with(name, end));
            let Some((_, side, how)) = found else { continue };
            let into = match side {
                Side::Dependent => &mut around.dependents,
                Side::Needed => &mut around.needed,
            };
            // Lists of names are facts of their own; a name that has such a comma in it is shown as two.
            for name in value.split(", ").filter(|name| !name.is_empty() && *name != target) {
                let other = Other { how, name: Shown::of(name) };
                if !into.contains(&other) {
                    into.push(other);
                }
            }
        }
        around
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.dependents.is_empty() && self.needed.is_empty()
    }
}

/// A whole member or the last ones of a path: `vpcId` is the end of `attachmentSet.vpcId`, not of `somevpcId`.
fn ends_with(path: &str, end: &str) -> bool {
    path.strip_suffix(end).is_some_and(|before| before.is_empty() || before.ends_with('.'))
}

/// The picture. Names are escaped by the template.
#[derive(Debug, Template)]
#[template(path = "around.html")]
pub(crate) struct Picture {
    height: usize,
    middle: usize,
    target: Shown,
    dependents: Vec<Place>,
    needed: Vec<Place>,
    /// The same in words, for who does not see it.
    label: String,
}

#[derive(Debug)]
struct Place {
    y: usize,
    how: &'static str,
    name: Shown,
}

const STEP: usize = 52;
/// As many characters as fit a box.
const FITS: usize = 26;
/// To one side; the list below the picture has all.
const MOST: usize = 6;

impl Picture {
    pub(crate) fn of(target: &str, around: &Around) -> Self {
        let rows = around.dependents.len().min(MOST).max(around.needed.len().min(MOST)).max(1);
        let height = rows * STEP + 16;
        let placed = |others: &[Other]| -> Vec<Place> {
            let count = others.len().min(MOST);
            let top = (height - count * STEP) / 2;
            let place = |(nth, it): (usize, &Other)| Place {
                y: top + nth * STEP + STEP / 2,
                how: it.how,
                name: fitting(&it.name.to_string()),
            };
            others.iter().take(MOST).enumerate().map(place).collect()
        };
        let count = |others: &[Other], what: &str| format!("{} {what}", others.len());
        Self {
            middle: height / 2,
            target: fitting(target),
            dependents: placed(&around.dependents),
            needed: placed(&around.needed),
            label: format!(
                "{}; {}",
                count(&around.dependents, "depend on it"),
                count(&around.needed, "it needs itself")
            ),
            height,
        }
    }
}

/// The end of a long name tells more than its beginning: an ARN's is the same everywhere.
fn fitting(name: &str) -> Shown {
    let length = name.chars().count();
    if length <= FITS {
        return Shown::of(name);
    }
    let end: String = name.chars().skip(length - (FITS - 1)).collect();
    Shown::of(format!("…{end}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(facts: &[(&str, &str)], target: &str, expected: (&[&str], &[&str])) {
        let facts: Vec<(String, String)> =
            facts.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let around = Around::of(&facts, target);
        let told = |others: &[Other]| -> Vec<String> {
            others.iter().map(|it| format!("{}: {}", it.how, it.name)).collect()
        };
        assert_eq!(
            (told(&around.dependents), told(&around.needed)),
            (
                expected.0.iter().map(|it| (*it).to_owned()).collect(),
                expected.1.iter().map(|it| (*it).to_owned()).collect()
            )
        );
    }

    #[test]
    fn what_names_another_resource_stands_on_its_side() {
        check(&[], "orders", (&[], &[]));
        check(&[("DBInstanceStatus", "available"), ("Engine", "postgres")], "orders", (&[], &[]));
        check(
            &[
                ("DBInstanceIdentifier", "orders"),
                ("ReadReplicaDBInstanceIdentifiers", "orders-eu, orders-us"),
                ("VpcSecurityGroups.VpcSecurityGroupMembership.VpcSecurityGroupId", "sg-1"),
                ("DBSubnetGroup.DBSubnetGroupName", "private"),
            ],
            "orders",
            (
                &["copy from it: orders-eu", "copy from it: orders-us"],
                &["security group: sg-1", "subnet group: private"],
            ),
        );
        check(
            &[("DBInstanceIdentifier", "orders")],
            "orders-old",
            (&[], &["the database it was taken of: orders"]),
        );
        check(
            &[("attachmentSet.instanceId", "i-1"), ("otherinstanceId", "i-2")],
            "vol-1",
            (&["mount it: i-1"], &[]),
        );
        // What names itself among others is no other.
        check(&[("DBClusterMember.DBInstanceIdentifier", "db-1, db-2")], "db-1", (&["run in it: db-2"], &[]));
        check(&[("KmsKeyId", ""), ("vpcId", "vpc-1"), ("VpcId", "vpc-1")], "x", (&[], &["network: vpc-1"]));
    }

    #[test]
    fn a_hostile_name_stays_a_name() {
        let hostile = "</text><script>alert(1)</script>\u{202e}";
        let facts = [("KmsKeyId".to_owned(), hostile.to_owned())];
        let picture = Picture::of("<svg>", &Around::of(&facts, "x")).render().unwrap();
        assert!(!picture.contains("<script") && !picture.contains('\u{202e}'), "{picture}");
        assert_eq!(picture.matches("<svg").count(), 1);
    }

    #[test]
    fn long_names_keep_their_end_and_many_stay_a_picture() {
        let long = "arn:aws:kms:us-east-1:123456789012:key/0123456789";
        assert_eq!(fitting(long).to_string().chars().count(), FITS);
        assert!(fitting(long).to_string().ends_with("key/0123456789"));
        let other = |nth: usize| Other { how: "key", name: Shown::of(nth) };
        let around = Around { dependents: (0..40).map(other).collect(), needed: Vec::new() };
        let picture = Picture::of("x", &around);
        assert_eq!((picture.dependents.len(), picture.height), (MOST, MOST * STEP + 16));
    }
}
