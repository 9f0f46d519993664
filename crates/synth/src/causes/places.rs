//! What stands in one zone only, and what cries: load balancers, gateways, groups, clusters, alarms, stacks that drifted. Each beside one
//! that is as it should be.

use serde_json::{Value, json};
use snapshot::EdgeKind;

use super::Cause;
use crate::{Planted, land::Land};

fn broken(land: &mut Land) -> (bool, Cause) {
    if land.dice.percent(50) { (true, Cause::Broken) } else { (false, Cause::InDailyUse) }
}

fn planted(resource: String, cause: Cause) -> Planted {
    Planted { resource, cause, micros: 0 }
}

pub(super) fn alarm(land: &mut Land) -> Planted {
    let (broken, cause) = broken(land);
    let name = land.name("alarm-");
    let state = if broken { "ALARM" } else { "OK" };
    let attributes = json!({ "AlarmName": name, "StateValue": state, "StateUpdatedTimestamp": Land::ago(5), "ActionsEnabled": true,
        "AlarmActions": ["arn:aws:sns:us-east-1:111122223333:pager"] });
    planted(land.add("cloudwatch:DescribeAlarms", "cloudwatch:alarm", &name, json!({}), attributes), cause)
}

pub(super) fn drifted(land: &mut Land) -> Planted {
    let (broken, cause) = broken(land);
    let name = land.name("stack-");
    let status = if broken { "DRIFTED" } else { "IN_SYNC" };
    let drift = json!({ "StackDriftStatus": status, "LastCheckTimestamp": Land::ago(3) });
    let attributes = json!({ "StackName": name, "StackStatus": "UPDATE_COMPLETE", "CreationTime": Land::ago(300), "LastUpdatedTime": Land::ago(20),
        "DriftInformation": drift });
    let id = land.add("cloudformation:DescribeStacks", "cloudformation:stack", &name, json!({}), attributes);
    land.stack_read();
    planted(id, cause)
}

pub(super) fn balancer(land: &mut Land) -> Planted {
    let (broken, cause) = broken(land);
    let name = land.name("lb-");
    let zones: &[&str] = if broken { &["us-east-1a"] } else { &["us-east-1a", "us-east-1b"] };
    let zones: Vec<Value> = zones.iter().map(|zone| json!({ "ZoneName": zone })).collect();
    let attributes = json!({ "LoadBalancerName": name, "Type": "application", "CreatedTime": Land::ago(700), "AvailabilityZones": zones });
    let id = land.add("elbv2:DescribeLoadBalancers", "elbv2:load-balancer", &name, json!({}), attributes);
    land.metric(["AWS/ApplicationELB", "RequestCount", "Sum"], |_| Some(90_000.0));
    planted(id, cause)
}

/// The way out of two subnets, which stand in one zone or in two.
pub(super) fn gateway(land: &mut Land) -> Planted {
    let (broken, cause) = broken(land);
    let vpc = land.name("vpc-");
    let (home, other) = (land.name("subnet-a"), land.name("subnet-b"));
    for (subnet, zone) in [(&home, "us-east-1a"), (&other, if broken { "us-east-1b" } else { "us-east-1a" })]
    {
        let attributes = json!({ "SubnetId": subnet, "VpcId": vpc, "AvailabilityZone": zone });
        land.add("ec2:DescribeSubnets", "ec2:subnet", subnet, json!({}), attributes);
    }
    let name = land.name("nat-");
    let attributes = json!({ "NatGatewayId": name, "State": "available", "CreateTime": Land::ago(700), "SubnetId": home, "VpcId": vpc });
    let id = land.add("ec2:DescribeNatGateways", "ec2:nat-gateway", &name, json!({}), attributes);
    land.metric(["AWS/NATGateway", "BytesOutToDestination", "Sum"], |_| Some(7e8));
    land.metric(["AWS/NATGateway", "ActiveConnectionCount", "Maximum"], |_| Some(12.0));
    let table = land.name("rtb-");
    let associations = json!([{ "Main": false, "SubnetId": home }, { "Main": false, "SubnetId": other }]);
    let attributes = json!({ "RouteTableId": table, "VpcId": vpc, "Associations": associations });
    let table = land.add("ec2:DescribeRouteTables", "ec2:route-table", &table, json!({}), attributes);
    land.edge("ec2:DescribeRouteTables", &table, EdgeKind::RoutesTo, &id);
    planted(id, cause)
}

pub(super) fn group(land: &mut Land) -> Planted {
    let (broken, cause) = broken(land);
    let name = land.name("asg-");
    let zones = if broken { json!(["us-east-1a"]) } else { json!(["us-east-1a", "us-east-1b"]) };
    let attributes = json!({ "AutoScalingGroupName": name, "MinSize": 1, "MaxSize": 6, "DesiredCapacity": 3, "AvailabilityZones": zones });
    let list = "autoscaling:DescribeAutoScalingGroups";
    planted(land.add(list, "autoscaling:group", &name, json!({}), attributes), cause)
}

pub(super) fn cluster(land: &mut Land) -> Planted {
    let (broken, cause) = broken(land);
    let name = land.name("aurora-");
    let spread = !broken || land.dice.percent(50);
    let attributes = json!({ "DBClusterIdentifier": name, "Engine": "aurora-postgresql", "Status": "available", "MultiAZ": spread,
        "BackupRetentionPeriod": 7, "DeletionProtection": !broken || !spread });
    planted(land.add("rds:DescribeDBClusters", "rds:db-cluster", &name, json!({}), attributes), cause)
}
