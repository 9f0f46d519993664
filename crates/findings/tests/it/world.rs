//! A small account that has been read whole, to which a test adds what it is about.

use std::collections::BTreeMap;

use findings::{Parameters, Prices, Report, analyse};
use model::Timestamp;
use serde_json::{Value, json};
use snapshot::{Builder, EdgeKind, Outcome, ReadId, Snapshot, Taken};

pub(crate) const REGION: &str = "us-east-1";
pub(crate) const ACCOUNT: &str = "111122223333";

/// Everything that some analyzer lists or holds against a claim.
const LISTS: [&str; 27] = [
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
    "ec2:DescribeVolumes",
    "ec2:DescribeVolumesModifications",
    "ecr:DescribeRepositories",
    "ecs:ListServices",
    "elbv2:DescribeLoadBalancers",
    "elbv2:DescribeTargetGroups",
    "elbv2:DescribeTargetHealth",
    "lambda:ListFunctions",
    "logs:DescribeLogGroups",
    "rds:DescribeDBInstances",
];
const MORE_LISTS: [&str; 8] = [
    "events:ListRules",
    "lambda:ListEventSourceMappings",
    "route53:ListResourceRecordSets",
    "s3:ListBuckets",
    "scheduler:ListSchedules",
    "ec2:DescribeSubnets",
    "events:ListTargetsByRule",
    "rds:DescribeDBClusters",
];

pub(crate) fn time(text: &str) -> Timestamp {
    let text = if text.contains('T') { text.to_owned() } else { format!("{text}T00:00:00Z") };
    text.parse().unwrap()
}

pub(crate) struct World {
    pub(crate) builder: Builder,
    lists: BTreeMap<&'static str, ReadId>,
    pub(crate) parameters: Parameters,
    pub(crate) now: Timestamp,
    denied: Vec<String>,
    last: String,
}

impl World {
    /// Read on 2026-11-29.
    pub(crate) fn new() -> Self {
        Self::denied(&[])
    }

    /// These were refused.
    pub(crate) fn denied(denied: &[&str]) -> Self {
        let until = time("2026-11-29");
        let mut builder =
            Builder::new(ACCOUNT, &[REGION], Taken { from: time("2026-11-28T23:00:00Z"), until });
        let mut lists = BTreeMap::new();
        for operation in LISTS.into_iter().chain(MORE_LISTS) {
            let outcome = if denied.contains(&operation) { Outcome::Denied } else { Outcome::Complete };
            lists.insert(operation, builder.read(operation, REGION, outcome));
        }
        Self {
            builder,
            lists,
            parameters: Parameters::default(),
            now: time("2026-11-29T06:00:00Z"),
            denied: denied.iter().map(|&operation| operation.to_owned()).collect(),
            last: String::new(),
        }
    }

    /// Adds a resource that `operation` listed; its id is given back. Tags that its list does not have come from a read of their own, and
    /// are not there where that was refused.
    pub(crate) fn add(
        &mut self,
        operation: &str,
        kind: &str,
        name: &str,
        tags: Value,
        attributes: Value,
    ) -> String {
        let (service, noun) = kind.split_once(':').unwrap();
        let id = format!("arn:aws:{service}:{REGION}:{ACCOUNT}:{noun}/{name}");
        let apart = findings::tags_read(kind);
        let refused = apart.is_some_and(|operation| self.denied.iter().any(|denied| denied == operation));
        let tags = if refused { json!({}) } else { tags };
        self.builder.resource(self.lists[operation], [&id, kind, name, REGION], &tags, attributes);
        if let Some(operation) = apart {
            let outcome = if refused { Outcome::Denied } else { Outcome::Complete };
            self.builder.read_about(operation, &id, outcome);
        }
        self.last.clone_from(&id);
        id
    }

    /// What was answered about the resource that was added last.
    pub(crate) fn answered(&mut self, operation: &str, attributes: Value) {
        let read = self.builder.read_about(operation, &self.last, Outcome::Complete);
        self.builder.view(read, attributes);
    }

    /// What was not answered about it.
    pub(crate) fn unanswered(&mut self, operation: &str, outcome: Outcome) {
        self.builder.read_about(operation, &self.last, outcome);
    }

    /// A daily metric of the resource that was added last, over `days` until the snapshot: `value` on the days before it, as
    /// numbers of days; otherwise nothing was counted, and what is measured was nothing.
    pub(crate) fn metric(
        &mut self,
        [namespace, metric, statistic]: [&str; 3],
        days: usize,
        value: f64,
        on: &[usize],
    ) {
        let mut values = vec![(statistic != "Sum").then_some(0.0); days];
        for day in on {
            values[days - day] = Some(value);
        }
        self.series([namespace, metric, statistic], &values);
    }

    pub(crate) fn series(&mut self, [namespace, metric, statistic]: [&str; 3], values: &[Option<f64>]) {
        let from = time("2026-11-29").plus_seconds(-86_400 * i64::try_from(values.len()).unwrap());
        let read = self.lists["cloudwatch:GetMetricData"];
        self.builder.metric(read, [&self.last, namespace, metric, statistic], (from, 86_400), values);
    }

    pub(crate) fn edge(&mut self, operation: &str, from: &str, kind: EdgeKind, to: &str) {
        self.builder.edge(self.lists[operation], from, kind, to);
    }

    /// A stack that owns the resource that was added last.
    pub(crate) fn owned(&mut self, stack: &str) {
        let owned = self.last.clone();
        let id = self.add(
            "cloudformation:DescribeStacks",
            "cloudformation:stack",
            stack,
            json!({}),
            json!({ "StackStatus": "CREATE_COMPLETE", "CreationTime": "2025-01-01T00:00:00Z",
                "DriftInformation": { "StackDriftStatus": "IN_SYNC" } }),
        );
        let read = self.builder.read_about("cloudformation:ListStackResources", &id, Outcome::Complete);
        self.builder.edge(read, &id, EdgeKind::Owns, &owned);
    }

    pub(crate) fn report(&self) -> Report {
        let text = self.builder.draft();
        let snapshot = Snapshot::parse(&text, self.now).unwrap();
        analyse(&snapshot, &self.parameters, &Prices::shipped(), self.now)
    }
}

/// One line each: `+` found, `~` spared, `?` not known.
pub(crate) fn told(report: &Report, analyzer: &str) -> String {
    let mut lines = Vec::new();
    for finding in report.findings.iter().filter(|finding| finding.analyzer == analyzer) {
        let level = finding.confidence.level.name();
        let steps: Vec<String> = finding
            .remedy
            .steps()
            .iter()
            .map(|step| format!("{}:{}", step.service, step.operation))
            .collect();
        let remedy = match &finding.remedy {
            findings::Remedy::Steps(_) => steps.join(", "),
            findings::Remedy::StackUpdate { stack, .. } => format!("update {}", short(stack)),
            findings::Remedy::Wait { until } => format!("wait until {until}"),
            findings::Remedy::Advice(_) => "advice".to_owned(),
        };
        lines.push(format!("+ {} {level} {remedy}", finding.resource.name));
    }
    let spared = report.spared.iter().filter(|spared| spared.analyzer == analyzer);
    lines.extend(spared.map(|spared| format!("~ {} {}", short(&spared.resource), spared.why)));
    let unjudged = report.unjudged.iter().filter(|unjudged| unjudged.analyzer == analyzer);
    lines.extend(unjudged.map(|unjudged| format!("? {}", unjudged.why)));
    lines.join("\n")
}

fn short(id: &str) -> &str {
    id.rsplit('/').next().unwrap_or(id)
}
