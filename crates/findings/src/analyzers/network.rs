//! Addresses, gateways and load balancers: idle, or in one place only.

use std::collections::BTreeSet;

use serde_json::json;
use snapshot::EdgeKind;

use super::in_use;
use crate::{
    Class, Level,
    analyzer::Analyzer,
    draft::{Draft, Judged, Judgement, Proposal, StepDraft, spared},
    kind,
    rhythm::{self, Metric, day},
    signs::Signs,
    subject::Subject,
    views::{Address, LoadBalancer, NatGateway},
};

pub(crate) const ADDRESS_IDLE: Analyzer = Analyzer {
    name: "address-idle",
    class: Class::Waste,
    about: "An elastic address that belongs to nothing, and that no DNS record names.",
    kind: kind::ADDRESS,
    listing: "ec2:DescribeAddresses",
    against: &["ec2:DescribeNetworkInterfaces", "route53:ListResourceRecordSets"],
    each: &[],
    spared_by: Signs::All,
    judge: address_idle,
};

fn address_idle(subject: &Subject<'_, '_>) -> Judged {
    let address: Address = subject.attributes()?;
    let attached = address.association_id.is_some() || address.network_interface_id.is_some();
    if attached
        || subject
            .leads_to(EdgeKind::AttachedTo)
            .any(|edge| subject.snapshot.resource(edge.to.as_str()).is_some())
    {
        return Ok(Judgement::Fine);
    }
    if let Some(edge) = subject.led_to_by(EdgeKind::RefersTo).next() {
        let from = model::sanitize(edge.from.as_str(), 200);
        return spared(format!(
            "{from} names it: released, the name would lead to whoever gets the address next"
        ));
    }
    let records = subject.whole("route53:ListResourceRecordSets")?;
    Draft::new(
        "Address that belongs to nothing",
        format!("{} is associated with nothing", model::sanitize(&address.public_ip, 45)),
        subject.listed(),
    )
    .fact("no DNS record of this account names it", records)
    .at_most(Level::Medium, "others may have it in an allow-list; no read of this account tells")
    .saving(subject.whole_cost())
    .trap("A released address is gone: somebody else gets it.")
    .trap("Partners' allow-lists and DNS records of other accounts may name it.")
    .propose(
        Proposal::Retire(vec![StepDraft::new(
            "ec2:ReleaseAddress",
            json!({ "AllocationId": subject.name() }),
            "gives it back for good",
        )]),
        "take the address out of the template",
    )
    .found()
}

pub(crate) const NAT_GATEWAY_IDLE: Analyzer = Analyzer {
    name: "nat-gateway-idle",
    class: Class::Waste,
    about: "A NAT gateway through which nothing went out for `idle_days`.",
    kind: kind::NAT_GATEWAY,
    listing: "ec2:DescribeNatGateways",
    against: &["ec2:DescribeRouteTables"],
    each: &["cloudwatch:GetMetricData"],
    spared_by: Signs::All,
    judge: nat_gateway_idle,
};

const NAT_USE: [Metric; 2] = [
    Metric { namespace: "AWS/NATGateway", name: "BytesOutToDestination", statistic: "Sum", above: 0.0 },
    Metric { namespace: "AWS/NATGateway", name: "ActiveConnectionCount", statistic: "Maximum", above: 0.0 },
];

fn nat_gateway_idle(subject: &Subject<'_, '_>) -> Judged {
    let gateway: NatGateway = subject.attributes()?;
    if gateway.state != "available"
        || subject.days_since(gateway.create_time) < i64::from(subject.parameters.idle_days)
    {
        return Ok(Judgement::Fine);
    }
    let rhythm = rhythm::of(subject, Some(gateway.create_time), &NAT_USE)?;
    if let Some(stands) = in_use(subject, &rhythm)? {
        return Ok(stands);
    }
    let tables = subject.whole("ec2:DescribeRouteTables")?;
    let routes: Vec<_> = subject.led_to_by(EdgeKind::RoutesTo).collect();
    let draft = Draft::new(
        "Gateway that nothing goes through",
        format!("made on {}", day(gateway.create_time)),
        subject.listed(),
    )
    .fact(rhythm.tells(), rhythm.reads.clone())
    .fact(format!("{} route tables lead to it", routes.len()), tables)
    .saving(subject.whole_cost())
    .trap("Whatever runs rarely in its subnets has no way out once it is gone, and fails quietly.")
    .trap("A new gateway has another address unless the old one's elastic address is kept.");
    let draft = if routes.is_empty() {
        draft
    } else {
        draft.at_most(Level::Medium, "subnets still have their way out through it")
    };
    let delete = StepDraft::new(
        "ec2:DeleteNatGateway",
        json!({ "NatGatewayId": subject.name() }),
        "ends what is paid for it by the hour",
    );
    rhythm
        .sure(draft, subject.parameters)
        .propose(Proposal::Retire(vec![delete]), "take the gateway and the routes to it out of the template")
        .found()
}

pub(crate) const LOAD_BALANCER_IDLE: Analyzer = Analyzer {
    name: "load-balancer-idle",
    class: Class::Waste,
    about: "A load balancer with at most `idle_requests` requests (application) or new flows (network) a day for `idle_days`.",
    kind: kind::LOAD_BALANCER,
    listing: "elbv2:DescribeLoadBalancers",
    against: &["elbv2:DescribeTargetGroups", "route53:ListResourceRecordSets"],
    each: &["cloudwatch:GetMetricData"],
    spared_by: Signs::All,
    judge: load_balancer_idle,
};

fn load_balancer_idle(subject: &Subject<'_, '_>) -> Judged {
    let balancer: LoadBalancer = subject.attributes()?;
    let above = subject.parameters.idle_requests;
    let metric = match balancer.r#type.as_str() {
        "application" => {
            Metric { namespace: "AWS/ApplicationELB", name: "RequestCount", statistic: "Sum", above }
        }
        "network" => Metric { namespace: "AWS/NetworkELB", name: "NewFlowCount", statistic: "Sum", above },
        _ => return Ok(Judgement::Fine),
    };
    if subject.days_since(balancer.created_time) < i64::from(subject.parameters.idle_days) {
        return Ok(Judgement::Fine);
    }
    let rhythm = rhythm::of(subject, Some(balancer.created_time), &[metric])?;
    if let Some(stands) = in_use(subject, &rhythm)? {
        return Ok(stands);
    }
    if let Some(edge) =
        subject.led_to_by(EdgeKind::RefersTo).find(|edge| edge.from.as_str().contains("failover"))
    {
        return spared(format!(
            "{} leads to it when something fails",
            model::sanitize(edge.from.as_str(), 200)
        ));
    }
    let records = subject.whole("route53:ListResourceRecordSets")?;
    let names = subject.led_to_by(EdgeKind::RefersTo).count();
    let draft = Draft::new(
        "Load balancer without traffic",
        format!("{}, made on {}", model::sanitize(&balancer.r#type, 20), day(balancer.created_time)),
        subject.listed(),
    )
    .fact(rhythm.tells(), rhythm.reads.clone())
    .fact(format!("{names} DNS records lead to it"), records)
    .saving(subject.whole_cost())
    .trap("Its own DNS name never comes back; whoever has it in a configuration is cut off.")
    .trap("Listeners, rules, certificates and a firewall's association go with it.");
    let draft =
        if names > 0 { draft.at_most(Level::Medium, "a DNS record still leads to it") } else { draft };
    let delete = StepDraft::new(
        "elbv2:DeleteLoadBalancer",
        json!({ "LoadBalancerArn": subject.id() }),
        "ends what is paid for it by the hour",
    );
    rhythm
        .sure(draft, subject.parameters)
        .propose(Proposal::Retire(vec![delete]), "take the load balancer out of the template")
        .found()
}

pub(crate) const LOAD_BALANCER_ONE_ZONE: Analyzer = Analyzer {
    name: "targets-in-one-zone",
    class: Class::Fault,
    about: "A load balancer whose zones are one, or whose machines all stand in one zone: a failure of the zone ends the service.",
    kind: kind::LOAD_BALANCER,
    listing: "elbv2:DescribeLoadBalancers",
    against: &["elbv2:DescribeTargetGroups", "ec2:DescribeInstances"],
    each: &[],
    spared_by: Signs::None,
    judge: load_balancer_one_zone,
};

fn load_balancer_one_zone(subject: &Subject<'_, '_>) -> Judged {
    let balancer: LoadBalancer = subject.attributes()?;
    let zones: BTreeSet<&str> =
        balancer.availability_zones.iter().map(|zone| zone.zone_name.as_str()).collect();
    let groups = subject.leads_to(EdgeKind::Targets).map(|edge| edge.to.as_str());
    let machines: Vec<_> = groups
        .flat_map(|group| subject.snapshot.edges_from(group))
        .filter(|edge| edge.kind == EdgeKind::Targets)
        .filter_map(|edge| subject.snapshot.resource(edge.to.as_str()))
        .filter(|machine| machine.kind.as_str() == kind::INSTANCE)
        .collect();
    let mut stand = BTreeSet::new();
    for machine in &machines {
        let placed = machine.views.first().and_then(|view| view.parse::<Placed>().ok());
        let Some(placed) = placed else {
            return Err(crate::draft::NotKnown("where its machines stand is not understood".into()));
        };
        stand.insert(placed.placement.availability_zone);
    }
    let text = match (zones.len(), stand.len()) {
        (1, _) => "it stands in one zone only".to_owned(),
        (_, 1) => format!("its {} machines all stand in one zone", machines.len()),
        _ => return Ok(Judgement::Fine),
    };
    let reads = [subject.listed(), subject.whole("ec2:DescribeInstances")?].concat();
    Draft::new("Service in one zone only", text, reads)
        .because("the cloud says where they stand; whether the service may fail, only people know")
        .trap("Traffic between zones is paid for.")
        .propose(
            Proposal::Advice("a second zone: subnets, then machines there, then the load balancer's subnets; which ones, people choose".into()),
            "subnets of a second zone, for the load balancer and for its machines",
        )
        .found()
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Placed {
    placement: Placement,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Placement {
    availability_zone: String,
}
