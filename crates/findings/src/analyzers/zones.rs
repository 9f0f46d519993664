//! What stands in one zone only: gateways, scaling groups, clusters of databases; and clusters without a way back.

use std::collections::BTreeSet;

use snapshot::{EdgeKind, Resource};

use super::data::is_playground;
use crate::{
    Class, Level,
    analyzer::Analyzer,
    draft::{Draft, Judged, Judgement, NotKnown, Proposal, spared},
    kind,
    signs::Signs,
    subject::Subject,
    views::{Cluster, NatGateway, RouteTable, ScalingGroup, Subnet},
};

pub(crate) const NAT_GATEWAY_ONE_ZONE: Analyzer = Analyzer {
    name: "nat-gateway-in-one-zone",
    class: Class::Fault,
    about: "A NAT gateway by which subnets of other zones go out as well: a failure of its zone cuts them off, too.",
    kind: kind::NAT_GATEWAY,
    listing: "ec2:DescribeNatGateways",
    against: &["ec2:DescribeRouteTables", "ec2:DescribeSubnets"],
    each: &[],
    spared_by: Signs::None,
    judge: nat_gateway_one_zone,
};

fn nat_gateway_one_zone(subject: &Subject<'_, '_>) -> Judged {
    let gateway: NatGateway = subject.attributes()?;
    let (Some(home), "available") = (&gateway.subnet_id, gateway.state.as_str()) else {
        return Ok(Judgement::Fine);
    };
    let home = zone_of(subject, home)?;
    let mut elsewhere = BTreeSet::new();
    for edge in subject.led_to_by(EdgeKind::RoutesTo) {
        let Some(table) = subject.snapshot.resource(edge.from.as_str()) else { continue };
        for zone in zones_of(subject, table)? {
            if zone != home {
                elsewhere.insert(zone);
            }
        }
    }
    if elsewhere.is_empty() {
        return Ok(Judgement::Fine);
    }
    if is_playground(subject) {
        return spared("a tag says that it is for development");
    }
    let zones: Vec<String> = elsewhere.iter().map(|zone| model::sanitize(zone, 40)).collect();
    let text = format!("it stands in {}", model::sanitize(&home, 40));
    let tables = subject.whole("ec2:DescribeRouteTables")?;
    Draft::new("Way out through another zone", text, subject.listed())
        .fact(format!("subnets in {} go out through it", zones.join(", ")), tables)
        .because("the cloud says where they stand; whether they may be cut off, only people know")
        .trap("A gateway in each zone is paid for by the hour, and traffic between zones is paid for, too.")
        .trap("A new gateway has another address: whoever lets only the old one in has to know.")
        .propose(
            Proposal::Advice("a gateway in each of these zones, then the routes of their subnets to it, one after the other".into()),
            "a gateway and a route table for each zone",
        )
        .found()
}

fn subnet(resource: &Resource<'_>) -> Result<Subnet, NotKnown> {
    let view = resource.views.first().and_then(|view| view.parse().ok());
    view.ok_or_else(|| NotKnown("where a subnet stands is not understood".into()))
}

fn table(resource: &Resource<'_>) -> Result<RouteTable, NotKnown> {
    let view = resource.views.first().and_then(|view| view.parse().ok());
    view.ok_or_else(|| NotKnown("which subnets a route table is for is not understood".into()))
}

fn zone_of(subject: &Subject<'_, '_>, name: &str) -> Result<String, NotKnown> {
    match subject.snapshot.named(kind::SUBNET, name, subject.region()) {
        Some(resource) => Ok(subnet(resource)?.availability_zone),
        None => Err(NotKnown(format!("its subnet {} is not in the snapshot", model::sanitize(name, 60)))),
    }
}

/// The zones of the subnets that a table is for; the main one is for all that have none of their own.
fn zones_of(subject: &Subject<'_, '_>, resource: &Resource<'_>) -> Result<BTreeSet<String>, NotKnown> {
    let own = table(resource)?;
    let mut zones = BTreeSet::new();
    for name in own.associations.iter().filter_map(|one| one.subnet_id.as_deref()) {
        zones.insert(zone_of(subject, name)?);
    }
    if own.associations.iter().any(|one| one.main) {
        let mut named = BTreeSet::new();
        for other in subject.snapshot.of_kind(kind::ROUTE_TABLE) {
            named.extend(table(other)?.associations.into_iter().filter_map(|one| one.subnet_id));
        }
        for resource in subject.snapshot.of_kind(kind::SUBNET) {
            let subnet = subnet(resource)?;
            if subnet.vpc_id == own.vpc_id && !named.contains(resource.name.as_str()) {
                zones.insert(subnet.availability_zone);
            }
        }
    }
    Ok(zones)
}

pub(crate) const GROUP_ONE_ZONE: Analyzer = Analyzer {
    name: "group-in-one-zone",
    class: Class::Fault,
    about: "A scaling group with machines in one zone only: where that fails, it can start none elsewhere.",
    kind: kind::GROUP,
    listing: "autoscaling:DescribeAutoScalingGroups",
    against: &[],
    each: &[],
    spared_by: Signs::None,
    judge: group_one_zone,
};

fn group_one_zone(subject: &Subject<'_, '_>) -> Judged {
    let group: ScalingGroup = subject.attributes()?;
    let zones: BTreeSet<&String> = group.availability_zones.iter().collect();
    if group.desired_capacity == 0 || zones.len() != 1 {
        return Ok(Judgement::Fine);
    }
    if is_playground(subject) {
        return spared("a tag says that it is for development");
    }
    let text = format!("its {} machines may stand in one zone only", group.desired_capacity);
    Draft::new("Scaling group in one zone only", text, subject.listed())
        .because("the cloud says so; whether it may fail, only people know")
        .trap("Volumes of one zone cannot be attached in another: what keeps data on its machines does not move.")
        .propose(
            Proposal::Advice("autoscaling:UpdateAutoScalingGroup with subnets of a second zone; which ones, people choose".into()),
            "`VPCZoneIdentifier` with subnets of more than one zone",
        )
        .found()
}

pub(crate) const CLUSTER_ONE_ZONE: Analyzer = Analyzer {
    name: "cluster-in-one-zone",
    class: Class::Fault,
    about: "A cluster of databases whose instances stand in one zone only: a failure of the zone ends it until another one has started.",
    kind: kind::CLUSTER,
    listing: "rds:DescribeDBClusters",
    against: &[],
    each: &[],
    spared_by: Signs::None,
    judge: cluster_one_zone,
};

fn cluster_one_zone(subject: &Subject<'_, '_>) -> Judged {
    let cluster: Cluster = subject.attributes()?;
    if cluster.multi_az {
        return Ok(Judgement::Fine);
    }
    if is_playground(subject) {
        return spared("a tag says that it is for development");
    }
    let text = format!("{}, with instances in one zone only", model::sanitize(&cluster.engine, 40));
    Draft::new("Cluster in one zone only", text, subject.listed())
        .at_most(Level::Medium, "its data lies in several zones; how long it may be without an instance, only people know")
        .trap("Each instance that is added is paid for.")
        .propose(
            Proposal::Advice("rds:CreateDBInstance in the cluster, in another zone: it takes over where the first one fails".into()),
            "a second `AWS::RDS::DBInstance` of the cluster, in another zone",
        )
        .found()
}

pub(crate) const CLUSTER_UNPROTECTED: Analyzer = Analyzer {
    name: "cluster-unprotected",
    class: Class::Fault,
    about: "A cluster of databases whose automated backups reach back one day at most, or that can be deleted without its protection being taken off first.",
    kind: kind::CLUSTER,
    listing: "rds:DescribeDBClusters",
    against: &[],
    each: &[],
    spared_by: Signs::None,
    judge: cluster_unprotected,
};

fn cluster_unprotected(subject: &Subject<'_, '_>) -> Judged {
    let cluster: Cluster = subject.attributes()?;
    let (mut lacks, mut wants) = (Vec::new(), Vec::new());
    if cluster.backup_retention_period <= 1 {
        lacks.push(format!("backups of {} days", cluster.backup_retention_period));
        wants.push("BackupRetentionPeriod 7");
    }
    if !cluster.deletion_protection {
        lacks.push("no deletion protection".to_owned());
        wants.push("DeletionProtection true");
    }
    if lacks.is_empty() {
        return Ok(Judgement::Fine);
    }
    if is_playground(subject) {
        return spared("a tag says that it is for development");
    }
    Draft::new("Cluster without protection", lacks.join(", "), subject.listed())
        .because("the cloud says so")
        .trap("With ApplyImmediately, every other change that waits for the maintenance window is made at once, too.")
        .propose(
            Proposal::Advice(format!("rds:ModifyDBCluster with {}", wants.join(" and "))),
            "`DeletionProtection: true`, `BackupRetentionPeriod: 7`",
        )
        .found()
}
