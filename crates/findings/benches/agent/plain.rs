//! The peer: one threshold a rule, over the last two weeks, and the obvious remedy at once, as such rules are usually written. It reads
//! the same snapshot as plain JSON.

use std::collections::BTreeMap;

use anyhow::Result;
use serde_json::Value;

use super::Told;

const DAYS: usize = 14;

pub(super) fn told(text: &str) -> Result<Told> {
    let document: Value = serde_json::from_str(text)?;
    let mut metrics: BTreeMap<(&str, &str), f64> = BTreeMap::new();
    for series in listed(&document, "metrics") {
        let values = listed(series, "values");
        let last = values.iter().rev().take(DAYS).filter_map(Value::as_f64);
        let most = last.fold(0.0, f64::max);
        metrics.insert((text_of(of(series, "resource")), text_of(of(series, "metric"))), most);
    }
    let volumes: Vec<&str> = named(&document, "ec2:volume");
    let mut told = Told::default();
    for resource in listed(&document, "resources") {
        let (id, has) = (text_of(of(resource, "id")), of(resource, "attributes"));
        let most = |metric| metrics.get(&(id, metric)).copied().unwrap_or(0.0);
        let (found, destroys) = match text_of(of(resource, "kind")) {
            "ec2:volume" => match (text_of(of(has, "State")), text_of(of(has, "VolumeType"))) {
                ("available", _) => (true, true),
                (_, "gp2") => (true, false),
                _ => (false, false),
            },
            "ec2:instance" => match most("CPUUtilization") {
                cpu if cpu <= 10.0 => (true, true),
                cpu if cpu <= 40.0 => (true, false),
                _ => (false, false),
            },
            "ec2:elastic-ip" => same(of(has, "AssociationId").is_null()),
            "ec2:nat-gateway" => same(most("BytesOutToDestination") == 0.0),
            "elbv2:load-balancer" => same(most("RequestCount") < 100.0),
            "ec2:snapshot" => same(!volumes.contains(&text_of(of(has, "VolumeId")))),
            // Ninety days since it was made.
            "ec2:image" => same(text_of(of(has, "CreationDate")) < "2026-08-31"),
            "rds:db-instance" => same(most("DatabaseConnections") == 0.0),
            "lambda:function" => same(most("Invocations") == 0.0),
            "logs:log-group" => same(of(has, "retentionInDays").is_null()),
            "elbv2:target-group" => (of(resource, "more").to_string().contains("unhealthy"), false),
            "cloudformation:stack" => (text_of(of(has, "StackStatus")).ends_with("_FAILED"), false),
            "acm:certificate" => (text_of(of(has, "NotAfter")) < "2026-12-29", false),
            "ec2:security-group" => same(has.to_string().contains("0.0.0.0/0")),
            "dynamodb:table" => {
                (of(resource, "more").to_string().contains("\"DeletionProtectionEnabled\":false"), false)
            }
            // No rule is usually written for uploads: the lifecycle as such is looked at.
            "s3:bucket" => (true, false),
            _ => (false, false),
        };
        if found {
            told.found.insert(id.to_owned());
        }
        if destroys {
            // The obvious remedy takes the thing away, but for what is a setting of it.
            let operation = match text_of(of(resource, "kind")) {
                "ec2:security-group" => "ec2:RevokeSecurityGroupIngress",
                _ => "delete",
            };
            told.destroys.entry(id.to_owned()).or_default().insert(operation.to_owned());
        }
    }
    Ok(told)
}

const fn same(found: bool) -> (bool, bool) {
    (found, found)
}

fn named<'d>(document: &'d Value, kind: &str) -> Vec<&'d str> {
    let all = listed(document, "resources").iter();
    all.filter(|resource| text_of(of(resource, "kind")) == kind)
        .map(|resource| text_of(of(resource, "name")))
        .collect()
}

fn listed<'d>(document: &'d Value, name: &str) -> &'d [Value] {
    of(document, name).as_array().map_or(&[], Vec::as_slice)
}

fn of<'d>(value: &'d Value, name: &str) -> &'d Value {
    value.get(name).unwrap_or(&Value::Null)
}

fn text_of(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
