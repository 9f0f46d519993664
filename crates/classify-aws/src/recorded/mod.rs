//! A call as the cloud's own trail (CloudTrail) tells of it, classified like a received one: the same tables and rules,
//! with the trail's names and shapes turned back into those of the wire. The trail tells less than a request does; what
//! it leaves out counts as what it could have been at worst.

mod members;
mod name;

use model::{ActionParts, Marks, Operation, Partition, Region, Value, sanitize};

use crate::{
    classify::{Given, Known, Target, Terms, Told, mean, parameters},
    route::{Routed, strictest},
    table::{Class, Row},
};

pub use name::operations;

/// The members of one record that say what was asked for.
#[derive(Clone, Copy, Debug)]
pub struct Recorded<'a> {
    /// `ec2.amazonaws.com`.
    pub source: &'a str,
    pub name: &'a str,
    pub api_version: &'a str,
    pub region: &'a str,
    /// `requestParameters`.
    pub parameters: &'a serde_json::Value,
    /// The record says of itself that something was left out.
    pub omitted: bool,
}

#[derive(Clone, Debug)]
pub struct Understood {
    pub parts: ActionParts,
    pub marks: Marks,
    /// Whether parameters were left out that decide what it does; then it counts as the worst that they could say.
    pub left_out: bool,
}

/// An operation that is in no table and no override, or that cannot be judged ahead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{operation}` {why}")]
pub struct Unjudged {
    /// As an override of the bundle would name it; its text is the trail's.
    pub operation: Operation,
    pub why: &'static str,
}

/// What the call that `recorded` tells of would be in `target`.
///
/// # Errors
/// Where the gateway would refuse every call of the operation, whatever its parameters.
pub fn classify(recorded: &Recorded<'_>, target: &Target, terms: &Terms) -> Result<Understood, Unjudged> {
    let routed = routed(recorded);
    let operation = routed
        .as_ref()
        .map_or_else(|| Operation::new(name::prefix_of(recorded.source), recorded.name), Routed::operation);
    let unjudged = |why| Err(Unjudged { operation: operation.clone(), why });
    let Some(routed) = routed else { return unjudged("is of a service that is in no table") };
    match terms.known(&routed) {
        Known::Yes => {}
        Known::No => return unjudged("is not in the operation table"),
        Known::NotPinned => return unjudged("is not in the pinned operation table"),
        Known::Events => return unjudged("sends a stream of events, which cannot be judged ahead"),
    }
    let read = members::read(&routed, recorded.parameters);
    let nothing = recorded.parameters.is_null() && needs_parameters(&routed);
    let left_out = recorded.omitted || nothing || read.left_out || lacks_its_body(&routed, &read.params);
    let told = if left_out { Told::InPart } else { Told::Whole };
    let given = Given { params: &read.params, body: &[], told };
    let (mut parts, marks) = mean(&routed, &given, Region(recorded.region.to_owned()), target, terms);
    if left_out {
        parts.unknowns.push("parameters that the trail leaves out".to_owned());
    }
    Ok(Understood { parts, marks, left_out })
}

/// From the region, as every name of one begins: `cn-north-1`, `us-gov-west-1`.
pub fn partition_of(region: &str) -> Partition {
    let named = [("cn-", "aws-cn"), ("us-gov-", "aws-us-gov")];
    let found = named.into_iter().find(|(beginning, _)| region.starts_with(beginning));
    Partition(found.map_or("aws", |(_, partition)| partition).to_owned())
}

fn routed(recorded: &Recorded<'_>) -> Option<Routed<'static>> {
    let found = operations(recorded.source, recorded.name, recorded.api_version);
    let protocol = found.first().map(|(service, _)| service.protocol());
    if let Some(protocol) = protocol {
        return strictest(found, name::prefix_of(recorded.source), protocol);
    }
    let service = name::services(recorded.source).next()?;
    let operation = sanitize(name::unversioned(recorded.name), 128);
    Some(Routed { service, operation, row: None, protocol: service.protocol(), also: Vec::new() })
}

/// Whether a call without parameters would mean nothing: then the trail has left them out. (It does so for many reads.)
fn needs_parameters(routed: &Routed<'_>) -> bool {
    let reads = |row: &Row| crate::classify::effects::of(row).effects.is_plain_read();
    routed.row.is_none_or(|row| {
        !reads(row)
            || row.identifiers().any(|member| member.required)
            || parameters::names_in_full(&[routed.operation()])
    })
}

/// A delete that lists its targets in its body (`s3:DeleteObjects`), of which the trail tells nothing.
fn lacks_its_body(routed: &Routed<'_>, params: &Value) -> bool {
    let listed = routed.row.filter(|row| row.class == Class::Delete);
    let Some((name, "structure")) = listed.and_then(|row| row.payload.split_once(':')) else { return false };
    let body = params.get("$body");
    !matches!(body.and_then(|body| body.get(name)).or(body), Some(Value::Map(map)) if !map.contains_key(name))
}

/// For tests of what reads a parse: the members as the tables name them.
#[cfg(test)]
fn params_of(recorded: &Recorded<'_>) -> Value {
    routed(recorded).map_or(Value::Null, |routed| members::read(&routed, recorded.parameters).params)
}

#[cfg(test)]
mod tests;
