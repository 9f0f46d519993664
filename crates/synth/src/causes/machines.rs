//! Machines and functions.

use serde_json::json;
use snapshot::EdgeKind;

use super::{Cause, Uses, month, one, tags, wasted};
use crate::{Planted, land::Land};

const SIZES: [(&str, i64, i64); 4] = [
    ("m5.large", 96_000, 0),
    ("m5.xlarge", 192_000, 96_000),
    ("m5.2xlarge", 384_000, 192_000),
    ("t3.large", 83_200, 41_600),
];

pub(super) fn machine(land: &mut Land) -> Planted {
    let cause = one(
        land,
        &[
            Cause::InDailyUse,
            Cause::InDailyUse,
            Cause::QuarterlyJob,
            Cause::YearlyJob,
            Cause::Forgotten,
            Cause::Forgotten,
            Cause::ForgottenInStack,
            Cause::StandsBy,
            Cause::TooLarge,
        ],
    );
    let (size, hour, smaller) = land.dice.one_of(&SIZES).copied().unwrap_or(("m5.large", 96_000, 0));
    let (size, hour) =
        if cause == Cause::TooLarge && smaller == 0 { ("m5.xlarge", 192_000) } else { (size, hour) };
    let name = land.name("i-");
    let tags = tags(land, cause, "shop");
    let attributes = json!({ "InstanceId": name, "InstanceType": size, "State": { "Name": "running" }, "LaunchTime": Land::ago(land.dice.between(420, 900)),
        "Placement": { "AvailabilityZone": "us-east-1a" }, "ImageId": "ami-base", "PrivateIpAddress": "10.0.0.1", "VpcId": "vpc-1", "SubnetId": "subnet-1" });
    let resource = land.add("ec2:DescribeInstances", "ec2:instance", &name, tags, attributes);
    let uses = Uses::of(land, cause);
    let mut dice = land.dice.clone();
    let (low, high) = if cause == Cause::TooLarge { (15, 30) } else { (55, 95) };
    land.metric(["AWS/EC2", "CPUUtilization", "Maximum"], |day| {
        Some(if uses.on(day) { small(dice.between(low, high)) } else { small(dice.between(1, 4)) })
    });
    for metric in ["NetworkIn", "NetworkOut"] {
        land.metric(["AWS/EC2", metric, "Sum"], |day| Some(if uses.on(day) { 4e9 } else { 400_000.0 }));
    }
    if cause == Cause::ForgottenInStack {
        land.owned();
    }
    let micros = if cause == Cause::TooLarge { month(hour / 2) } else { month(hour) };
    Planted { resource, cause, micros: wasted(cause, micros) }
}

pub(super) fn small(number: u64) -> f64 {
    u32::try_from(number).map_or(0.0, f64::from)
}

pub(super) fn function(land: &mut Land) -> Planted {
    let cause = one(
        land,
        &[
            Cause::InDailyUse,
            Cause::YearlyJob,
            Cause::QuarterlyJob,
            Cause::Forgotten,
            Cause::ForgottenInStack,
            Cause::KeptOnPurpose,
        ],
    );
    let name = land.name("fn-");
    let tags = tags(land, cause, "jobs");
    let resource = land.add(
        "lambda:ListFunctions",
        "lambda:function",
        &name,
        tags,
        json!({ "FunctionName": name, "MemorySize": 256, "Runtime": "python3.13", "LastModified": "2024-01-15T00:00:00.000+0000" }),
    );
    let uses = Uses::of(land, cause);
    land.metric(["AWS/Lambda", "Invocations", "Sum"], |day| uses.on(day).then_some(40.0));
    land.absent("lambda:GetPolicy");
    // Whoever runs rarely is started by a schedule, or by hand.
    if matches!(cause, Cause::YearlyJob | Cause::QuarterlyJob) && land.dice.percent(70) {
        let schedule = format!("arn:aws:scheduler:us-east-1:111122223333:schedule/default/{name}");
        land.edge("scheduler:ListSchedules", &schedule, EdgeKind::Triggers, &resource);
    }
    if cause == Cause::ForgottenInStack {
        land.owned();
    }
    Planted { resource, cause, micros: 0 }
}
