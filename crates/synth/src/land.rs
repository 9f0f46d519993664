//! The account that causes are planted into: read whole, in one region, with metrics as far back as whoever read it went.

use std::collections::BTreeMap;

use model::Timestamp;
use serde_json::{Value, json};
use snapshot::{Builder, EdgeKind, Outcome, ReadId, Taken};

use crate::{TAKEN, dice::Dice};

const ACCOUNT: &str = "111122223333";
const REGION: &str = "us-east-1";
const DAY_S: i64 = 86_400;
/// Whoever reads an account asks for metrics of so many days.
const WINDOWS: [usize; 4] = [60, 120, 200, 420];

const LISTS: &[&str] = &[
    "acm:ListCertificates",
    "application-autoscaling:DescribeScalableTargets",
    "autoscaling:DescribeAutoScalingGroups",
    "autoscaling:DescribeLaunchConfigurations",
    "cloudformation:DescribeStacks",
    "cloudwatch:DescribeAlarms",
    "cloudwatch:GetMetricData",
    "dynamodb:ListTables",
    "ec2:DescribeAddresses",
    "ec2:DescribeImages",
    "ec2:DescribeInstances",
    "ec2:DescribeLaunchTemplateVersions",
    "ec2:DescribeNatGateways",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeRouteTables",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSnapshots",
    "ec2:DescribeSubnets",
    "ec2:DescribeVolumes",
    "ec2:DescribeVolumesModifications",
    "ecr:DescribeRepositories",
    "ecs:ListServices",
    "elbv2:DescribeLoadBalancers",
    "elbv2:DescribeTargetGroups",
    "elbv2:DescribeTargetHealth",
    "events:ListRules",
    "events:ListTargetsByRule",
    "lambda:ListEventSourceMappings",
    "lambda:ListFunctions",
    "logs:DescribeLogGroups",
    "rds:DescribeDBClusters",
    "rds:DescribeDBInstances",
    "route53:ListResourceRecordSets",
    "s3:ListBuckets",
    "scheduler:ListSchedules",
];

/// What lists these has no tags: whoever reads an account asks for them of each.
const TAGS_APART: [(&str, &str); 6] = [
    ("dynamodb:table", "dynamodb:ListTagsOfResource"),
    ("ecr:repository", "ecr:ListTagsForResource"),
    ("elbv2:load-balancer", "elbv2:DescribeTags"),
    ("lambda:function", "lambda:ListTags"),
    ("logs:log-group", "logs:ListTagsForResource"),
    ("s3:bucket", "s3:GetBucketTagging"),
];

pub(crate) struct Land {
    pub(crate) dice: Dice,
    builder: Builder,
    lists: BTreeMap<&'static str, ReadId>,
    last: String,
    count: usize,
    window: usize,
}

impl Land {
    pub(crate) fn new(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let mut builder =
            Builder::new(ACCOUNT, &[REGION], Taken { from: TAKEN.plus_seconds(-600), until: TAKEN });
        let lists = LISTS.iter().map(|&name| (name, builder.read(name, REGION, Outcome::Complete))).collect();
        let window = dice.one_of(&WINDOWS).copied().unwrap_or(60);
        Self { dice, builder, lists, last: String::new(), count: 0, window }
    }

    pub(crate) const fn resources(&self) -> usize {
        self.count
    }

    pub(crate) fn text(&self) -> String {
        self.builder.draft()
    }

    /// So many days before the snapshot.
    pub(crate) fn ago(days: u64) -> Timestamp {
        TAKEN.plus_seconds(-DAY_S * i64::try_from(days).unwrap_or(0))
    }

    /// A name that is there once.
    pub(crate) fn name(&self, prefix: &str) -> String {
        format!("{prefix}{:06x}", self.count)
    }

    pub(crate) fn id(kind: &str, name: &str) -> String {
        let (service, noun) = kind.split_once(':').unwrap_or((kind, ""));
        format!("arn:aws:{service}:{REGION}:{ACCOUNT}:{noun}/{name}")
    }

    pub(crate) fn add(
        &mut self,
        list: &str,
        kind: &str,
        name: &str,
        tags: Value,
        attributes: Value,
    ) -> String {
        let id = Self::id(kind, name);
        if let Some(read) = self.lists.get(list).copied() {
            self.builder.resource(read, [&id, kind, name, REGION], &tags, attributes);
            self.count += 1;
        }
        if let Some((_, operation)) = TAGS_APART.iter().find(|(of, _)| *of == kind) {
            self.builder.read_about(operation, &id, Outcome::Complete);
        }
        self.last.clone_from(&id);
        id
    }

    pub(crate) fn answered(&mut self, operation: &str, attributes: Value) {
        let read = self.builder.read_about(operation, &self.last, Outcome::Complete);
        self.builder.view(read, attributes);
    }

    pub(crate) fn absent(&mut self, operation: &str) {
        self.builder.read_about(operation, &self.last, Outcome::Absent);
    }

    pub(crate) fn edge(&mut self, list: &str, from: &str, kind: EdgeKind, to: &str) {
        if let Some(read) = self.lists.get(list).copied() {
            self.builder.edge(read, from, kind, to);
        }
    }

    /// A stack that made the last resource.
    pub(crate) fn owned(&mut self) {
        let owned = self.last.clone();
        let name = self.name("stack-");
        let attributes = json!({ "StackName": name, "StackStatus": "CREATE_COMPLETE", "CreationTime": Self::ago(500),
            "DriftInformation": { "StackDriftStatus": "IN_SYNC" } });
        let stack =
            self.add("cloudformation:DescribeStacks", "cloudformation:stack", &name, json!({}), attributes);
        let read = self.builder.read_about("cloudformation:ListStackResources", &stack, Outcome::Complete);
        self.builder.edge(read, &stack, EdgeKind::Owns, &owned);
    }

    /// What every stack is asked.
    pub(crate) fn stack_read(&mut self) {
        let stack = self.last.clone();
        self.builder.read_about("cloudformation:ListStackResources", &stack, Outcome::Complete);
    }

    /// A daily metric of the last resource, as far back as was asked: what `value` gives for each day before the snapshot.
    pub(crate) fn metric(
        &mut self,
        [namespace, metric, statistic]: [&str; 3],
        mut value: impl FnMut(u64) -> Option<f64>,
    ) {
        let days = (1..=u64::try_from(self.window).unwrap_or(0)).rev();
        let values: Vec<Option<f64>> = days.map(&mut value).collect();
        if let (Some(read), Some(from)) =
            (self.lists.get("cloudwatch:GetMetricData").copied(), u64::try_from(self.window).ok())
        {
            self.builder.metric(
                read,
                [&self.last, namespace, metric, statistic],
                (Self::ago(from), 86_400),
                &values,
            );
        }
    }
}
