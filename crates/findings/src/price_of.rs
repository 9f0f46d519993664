//! What is paid for a resource a month, as far as its attributes and the price table tell. Requests and traffic are not in it.

use serde::Serialize;
use snapshot::{Resource, Snapshot};

use crate::{
    kind,
    money::Micros,
    prices::{Prices, Shared},
    views::{
        Database, DescribedTaskDefinition, DiskSnapshot, Instance, LoadBalancer, LogGroup, Service, Table,
        Volume,
    },
};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Cost {
    Known(Amount),
    NotKnown(String),
    /// Nothing that a price list has is paid for being there.
    None,
}

/// Money a month, and what it is made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Amount {
    pub micros: Micros,
    pub currency: Shared,
    pub bound: Bound,
    /// Some of its prices are not held against the price list.
    pub approximate: bool,
    pub source: Shared,
    pub as_of: Shared,
    pub parts: Vec<Part>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Bound {
    Exact,
    /// What is really stored may be less.
    AtMost,
}

/// One price of the table, and how much of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Part {
    pub price: String,
    /// In millionths of the price's unit.
    pub micro_units: u64,
    pub micros: Micros,
}

/// What is bought: a price's name and how much of it, in millionths.
pub(crate) type Bought = (String, u64);

const UNIT: u64 = 1_000_000;

pub(crate) fn cost(snapshot: &Snapshot<'_>, resource: &Resource<'_>, prices: &Prices) -> Cost {
    let bought = match bought(snapshot, resource) {
        Ok(Some(bought)) => bought,
        Ok(None) => return Cost::None,
        Err(why) => return Cost::NotKnown(why),
    };
    match amount(&bought.0, bought.1, resource.region.as_str(), prices) {
        Ok(amount) => Cost::Known(amount),
        Err(why) => Cost::NotKnown(why),
    }
}

/// What all of it costs in `region`.
pub(crate) fn amount(
    bought: &[Bought],
    bound: Bound,
    region: &str,
    prices: &Prices,
) -> Result<Amount, String> {
    if region != prices.region {
        return Err(format!("the price table has no prices of {region}"));
    }
    let (mut parts, mut approximate) = (Vec::new(), false);
    for (name, micro_units) in bought {
        let Some(row) = prices.row(name) else { return Err(format!("the price table has no `{name}`")) };
        let month = Micros(row.micros.0.saturating_mul(row.unit.a_month()));
        approximate |= row.approximate;
        parts.push(Part {
            price: name.clone(),
            micro_units: *micro_units,
            micros: month.times(*micro_units, UNIT),
        });
    }
    Ok(Amount {
        micros: parts.iter().map(|part| part.micros).sum(),
        currency: prices.currency.clone(),
        bound,
        approximate,
        source: prices.source.clone(),
        as_of: prices.as_of.clone(),
        parts,
    })
}

/// `Ok(None)`: nothing is paid for it. The error says what is not known.
fn bought(snapshot: &Snapshot<'_>, resource: &Resource<'_>) -> Result<Option<(Vec<Bought>, Bound)>, String> {
    let view = resource.views.first().ok_or("it has no attributes")?;
    let unclear = |err: serde_json::Error| {
        let text = err.to_string();
        format!(
            "its attributes are not understood: {}",
            model::sanitize(text.split(" at line ").next().unwrap_or_default(), 120)
        )
    };
    let exactly = |bought| Ok(Some((bought, Bound::Exact)));
    match resource.kind.as_str() {
        kind::VOLUME => exactly(volume(&view.parse().map_err(unclear)?)),
        kind::SNAPSHOT => {
            let disk: DiskSnapshot = view.parse().map_err(unclear)?;
            let name = if disk.storage_tier == "archive" { "ebs:snapshot-archive" } else { "ebs:snapshot" };
            Ok(Some((vec![(name.to_owned(), disk.volume_size.saturating_mul(UNIT))], Bound::AtMost)))
        }
        kind::ADDRESS => exactly(vec![("ec2:public-ipv4".to_owned(), UNIT)]),
        kind::NAT_GATEWAY => exactly(vec![("ec2:nat-gateway".to_owned(), UNIT)]),
        kind::LOAD_BALANCER => {
            let balancer: LoadBalancer = view.parse().map_err(unclear)?;
            exactly(vec![(format!("elbv2:{}", balancer.r#type), UNIT)])
        }
        kind::INSTANCE => {
            let instance: Instance = view.parse().map_err(unclear)?;
            match (instance.state.name.as_str(), &instance.instance_lifecycle) {
                ("running", None) => exactly(vec![(format!("ec2:{}", instance.instance_type), UNIT)]),
                ("running", Some(_)) => Err("it is not paid for on demand".into()),
                // Its volumes are paid for, each as what it is.
                _ => Ok(None),
            }
        }
        kind::DATABASE => exactly(database(&view.parse().map_err(unclear)?)?),
        kind::LOG_GROUP => {
            let group: LogGroup = view.parse().map_err(unclear)?;
            exactly(vec![("logs:stored".to_owned(), group.stored_bytes / 1_000)])
        }
        kind::SERVICE => {
            let described = snapshot.view(resource, "ecs:DescribeServices").ok_or("it was not described")?;
            let service: Service = described.parse().map_err(unclear)?;
            if service.launch_type != "FARGATE" {
                return Ok(None);
            }
            let definition = snapshot
                .view(resource, "ecs:DescribeTaskDefinition")
                .ok_or("its task definition was not read")?;
            let definition: DescribedTaskDefinition = definition.parse().map_err(unclear)?;
            let sizes = definition.task_definition;
            exactly(fargate(number(&sizes.cpu)?, number(&sizes.memory)?, service.desired_count))
        }
        kind::TABLE => {
            let described =
                snapshot.view(resource, "dynamodb:DescribeTable").ok_or("it was not described")?;
            let table: Table = described.parse().map_err(unclear)?;
            let units = &table.provisioned_throughput;
            match table.is_provisioned() {
                true => exactly(capacity(units.read_capacity_units, units.write_capacity_units)),
                false => Err("not priced: it is paid for by the request, and by what it holds".into()),
            }
        }
        kind::BUCKET | kind::REPOSITORY => Err("not priced: how much it holds was not read".into()),
        kind::FUNCTION => Err("not priced: it is paid for by the call".into()),
        free if FREE.contains(&free) => Ok(None),
        _ => Err("not priced: the price table has nothing of its kind".into()),
    }
}

/// What costs nothing by being there; what it is made of does, and is counted as what it is.
const FREE: [&str; 14] = [
    kind::CERTIFICATE,
    kind::GROUP,
    kind::IMAGE,
    kind::MODIFICATION,
    kind::ROUTE_TABLE,
    kind::SECURITY_GROUP,
    kind::STACK,
    kind::SUBNET,
    kind::TARGET_GROUP,
    "ec2:internet-gateway",
    "ec2:network-interface",
    "ec2:vpc",
    "ecs:cluster",
    "events:rule",
];

pub(crate) fn volume(volume: &Volume) -> Vec<Bought> {
    let kind = volume.volume_type.as_str();
    let mut bought = vec![(format!("ebs:{kind}"), volume.size.saturating_mul(UNIT))];
    let mut more = |name: &str, units: u64| {
        if units > 0 {
            bought.push((format!("ebs:{kind}:{name}"), units.saturating_mul(UNIT)));
        }
    };
    match kind {
        "gp3" => {
            more("iops", volume.iops.saturating_sub(3000));
            more("throughput", volume.throughput.saturating_sub(125));
        }
        "io1" | "io2" => more("iops", volume.iops),
        _ => {}
    }
    bought
}

fn database(database: &Database) -> Result<Vec<Bought>, String> {
    if database.cluster.is_some() {
        return Err("it is a member of a cluster".into());
    }
    let zones = if database.multi_az { 2 } else { 1 };
    let storage = if database.storage_type.is_empty() { "gp2" } else { &database.storage_type };
    let mut bought = vec![(
        format!("rds:{storage}"),
        database.allocated_storage.saturating_mul(UNIT).saturating_mul(zones),
    )];
    // A stopped one costs its storage.
    if database.status != "stopped" {
        bought.extend(running(database));
    }
    Ok(bought)
}

/// What is paid for it only while it runs.
pub(crate) fn running(database: &Database) -> Vec<Bought> {
    let zones = if database.multi_az { 2 } else { 1 };
    vec![(format!("rds:{}:{}", database.engine, database.class), zones * UNIT)]
}

/// `cpu` in 1024ths, `memory` in MiB, as task definitions have them.
pub(crate) fn fargate(cpu: u64, memory: u64, tasks: u64) -> Vec<Bought> {
    let of = |amount: u64| amount.saturating_mul(tasks).saturating_mul(UNIT) / 1024;
    vec![("fargate:vcpu".to_owned(), of(cpu)), ("fargate:memory".to_owned(), of(memory))]
}

pub(crate) fn capacity(read: u64, write: u64) -> Vec<Bought> {
    vec![
        ("dynamodb:read-unit".to_owned(), read.saturating_mul(UNIT)),
        ("dynamodb:write-unit".to_owned(), write.saturating_mul(UNIT)),
    ]
}

pub(crate) fn number(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| "its task definition gives no sizes".to_owned())
}
