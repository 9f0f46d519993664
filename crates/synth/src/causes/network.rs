//! Addresses, gateways, load balancers.

use serde_json::json;
use snapshot::EdgeKind;

use super::{Cause, Uses, month, one, tags, wasted};
use crate::{Planted, land::Land};

pub(super) fn address(land: &mut Land) -> Planted {
    let cause = one(land, &[Cause::InDailyUse, Cause::OwnerDeleted, Cause::StandsBy, Cause::UsedElsewhere]);
    let name = land.name("eipalloc-");
    let tags = tags(land, cause, "edge");
    let mut attributes = json!({ "AllocationId": name, "PublicIp": "198.51.100.7" });
    if cause == Cause::InDailyUse {
        attributes = json!({ "AllocationId": name, "PublicIp": "198.51.100.7", "AssociationId": "eipassoc-1", "NetworkInterfaceId": "eni-1" });
    }
    let resource = land.add("ec2:DescribeAddresses", "ec2:elastic-ip", &name, tags, attributes);
    // Some of those who use it from elsewhere have it in a zone of this account, others in a list that nobody here sees.
    if cause == Cause::UsedElsewhere && land.dice.percent(50) {
        land.edge(
            "route53:ListResourceRecordSets",
            "arn:aws:route53:::hostedzone/Z1/partner",
            EdgeKind::RefersTo,
            &resource,
        );
    }
    Planted { resource, cause, micros: wasted(cause, month(5_000)) }
}

pub(super) fn gateway(land: &mut Land) -> Planted {
    let cause =
        one(land, &[Cause::InDailyUse, Cause::QuarterlyJob, Cause::Forgotten, Cause::ForgottenInStack]);
    let name = land.name("nat-");
    let tags = tags(land, cause, "network");
    let attributes = json!({ "NatGatewayId": name, "State": "available", "CreateTime": Land::ago(land.dice.between(450, 900)) });
    let resource = land.add("ec2:DescribeNatGateways", "ec2:nat-gateway", &name, tags, attributes);
    let uses = Uses::of(land, cause);
    land.metric(["AWS/NATGateway", "BytesOutToDestination", "Sum"], |day| {
        Some(if uses.on(day) { 7e8 } else { 0.0 })
    });
    land.metric(["AWS/NATGateway", "ActiveConnectionCount", "Maximum"], |day| {
        Some(if uses.on(day) { 12.0 } else { 0.0 })
    });
    if cause == Cause::InDailyUse || cause == Cause::QuarterlyJob || land.dice.percent(40) {
        let table = format!("arn:aws:ec2:us-east-1:111122223333:route-table/rtb-{name}");
        land.edge("ec2:DescribeRouteTables", &table, EdgeKind::RoutesTo, &resource);
    }
    if cause == Cause::ForgottenInStack {
        land.owned();
    }
    Planted { resource, cause, micros: wasted(cause, month(45_000)) }
}

pub(super) fn balancer(land: &mut Land) -> Planted {
    let cause = one(
        land,
        &[Cause::InDailyUse, Cause::Forgotten, Cause::StandsBy, Cause::QuarterlyJob, Cause::KeptOnPurpose],
    );
    let name = land.name("lb-");
    let tags = tags(land, cause, "web");
    let zones = json!([{ "ZoneName": "us-east-1a" }, { "ZoneName": "us-east-1b" }]);
    let attributes = json!({ "LoadBalancerName": name, "Type": "application", "CreatedTime": Land::ago(land.dice.between(450, 900)), "AvailabilityZones": zones });
    let resource = land.add("elbv2:DescribeLoadBalancers", "elbv2:load-balancer", &name, tags, attributes);
    let uses = Uses::of(land, cause);
    let mut dice = land.dice.clone();
    // Whatever is on the internet is scanned every day.
    land.metric(["AWS/ApplicationELB", "RequestCount", "Sum"], |day| {
        let scanned = u32::try_from(dice.between(2, 70)).map_or(0.0, f64::from);
        Some(if uses.on(day) { 90_000.0 } else { scanned })
    });
    if cause == Cause::StandsBy {
        land.edge(
            "route53:ListResourceRecordSets",
            "arn:aws:route53:::hostedzone/Z1/www/failover-secondary",
            EdgeKind::RefersTo,
            &resource,
        );
    }
    Planted { resource, cause, micros: wasted(cause, month(22_500)) }
}
