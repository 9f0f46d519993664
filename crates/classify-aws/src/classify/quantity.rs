//! How much a request asks for at once (`data/quantities.toml`, whose head says how a row is written): what budgets
//! count. What cannot be told is beyond any budget.

use std::{collections::HashMap, sync::LazyLock};

use model::{Operation, Quantity, Value};
use serde::Deserialize;

use super::parameters::{self, Path};
use crate::gather;

const TEXT: &str = include_str!("../../data/quantities.toml");

static ROWS: LazyLock<Result<HashMap<String, Row>, String>> = LazyLock::new(|| parse(TEXT));

#[derive(Debug, Default)]
struct Row {
    count: Vec<Path>,
    times: Vec<Path>,
    size: Vec<Path>,
    unsized_: bool,
    untold: bool,
}

/// Of what the request can be read as; where it can be read in several ways, nothing is certain.
pub(super) fn of(operations: &[Operation], params: &Value) -> Quantity {
    let Ok(rows) = &*ROWS else { return Quantity::unknown() };
    let [operation] = operations else { return Quantity::unknown() };
    let Some(row) = rows.get(&operation.to_string()) else { return Quantity::one() };
    let views = parameters::views(params);
    Quantity { units: row.units(&views), sizes: row.sizes(&views) }
}

/// What the file says of single operations, for a table to be pinned with: values that can only be the same or not.
#[derive(Debug)]
pub(crate) struct Pins(HashMap<String, Value>);

impl Pins {
    pub(crate) fn read() -> Self {
        let root: toml::Table = TEXT.parse().unwrap_or_default();
        let entries = root.get("quantity").and_then(toml::Value::as_array).cloned().unwrap_or_default();
        let mut pins = HashMap::new();
        for mut entry in entries.into_iter().filter_map(|entry| entry.try_into::<toml::Table>().ok()) {
            entry.remove("yes");
            let operations = entry.remove("operations");
            let value = gather::literal(&toml::Value::Table(entry));
            let names = operations.as_ref().and_then(toml::Value::as_str).unwrap_or_default();
            pins.extend(names.split_whitespace().map(|name| (name.to_owned(), value.clone())));
        }
        Self(pins)
    }

    pub(crate) fn of(&self, operation: &Operation) -> Option<Value> {
        self.0.get(&operation.to_string()).cloned()
    }
}

impl Row {
    fn units(&self, views: &[Value]) -> Option<u64> {
        if self.untold {
            return None;
        }
        let entries: usize = self.count.iter().map(|path| path.values(views).len()).sum();
        let counted = match (self.count.as_slice(), entries) {
            ([], _) => 1,
            // Spelt in a way that we do not know, perhaps.
            ([_, ..], 0) => return None,
            ([_, ..], entries) => u64::try_from(entries).ok()?,
        };
        let times = self.times.iter().flat_map(|path| path.values(views));
        times.map(number).try_fold(counted, |product, number| product.checked_mul(number?))
    }

    fn sizes(&self, views: &[Value]) -> Vec<String> {
        let unknown = || Quantity::UNKNOWN.to_owned();
        let given = self.size.iter().flat_map(|path| path.values(views));
        let mut sizes: Vec<String> = given
            .map(|value| {
                value.as_text().filter(|text| text.len() <= MAX_SIZE).map_or_else(unknown, str::to_owned)
            })
            .collect();
        sizes.sort();
        sizes.dedup();
        if sizes.is_empty() && (self.unsized_ || !self.size.is_empty()) {
            sizes.push(unknown());
        }
        sizes
    }
}

const MAX_SIZE: usize = 64;

/// As whichever protocol writes it.
fn number(value: &Value) -> Option<u64> {
    match value {
        Value::Int(number) => u64::try_from(*number).ok(),
        Value::Number(text) | Value::Text(text) => text.trim().parse().ok(),
        Value::Null | Value::Bool(_) | Value::Bytes(_) | Value::List(_) | Value::Map(_) => None,
    }
}

fn parse(text: &str) -> Result<HashMap<String, Row>, String> {
    let file: File = toml::from_str(text).map_err(|err| err.to_string())?;
    let mut rows = HashMap::new();
    let paths = |names: &[String]| names.iter().map(|name| Path::parse(name)).collect::<Vec<_>>();
    for entry in file.quantity {
        for operation in entry.operations.split_whitespace() {
            let row = Row {
                count: paths(&entry.count),
                times: paths(&entry.times),
                size: paths(&entry.size),
                unsized_: entry.unsized_,
                untold: entry.untold,
            };
            if rows.insert(operation.to_owned(), row).is_some() {
                return Err(format!("{operation} stands twice"));
            }
        }
    }
    Ok(rows)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    quantity: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    operations: String,
    #[serde(default)]
    count: Vec<String>,
    #[serde(default)]
    times: Vec<String>,
    #[serde(default)]
    size: Vec<String>,
    #[serde(default, rename = "unsized")]
    unsized_: bool,
    #[serde(default)]
    untold: bool,
    #[cfg_attr(not(test), expect(dead_code, reason = "for the reader, and for the test"))]
    yes: Vec<toml::Table>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        classify::{effects, parameters::tests::classified},
        table::Table,
    };

    #[test]
    fn every_row_comes_to_what_its_cases_say() {
        let file: File = toml::from_str(TEXT).unwrap();
        for entry in file.quantity {
            let operations: Vec<&str> = entry.operations.split_whitespace().collect();
            for operation in &operations {
                let (service, name) = operation.split_once(':').unwrap();
                let row = Table::shared().get(service, name).unwrap_or_else(|| panic!("{operation}"));
                let spends_or_sends = effects::of(row)
                    .effects
                    .iter()
                    .any(|effect| matches!(effect, model::Effect::Emit | model::Effect::Spend));
                let by_parameter = [
                    "rds:ModifyDBInstance",
                    "elasticache:IncreaseReplicaCount",
                    "dynamodb:UpdateTable",
                    "kinesis:UpdateShardCount",
                    "ec2:ModifyVolume",
                ];
                assert!(
                    spends_or_sends || by_parameter.contains(operation),
                    "{operation}: no budget counts it"
                );
            }
            assert!(!entry.yes.is_empty(), "{}", entry.operations);
            for mut case in entry.yes {
                let operation = case.remove("_").map(|it| it.as_str().unwrap().to_owned());
                let operation = operation.unwrap_or_else(|| operations[0].to_owned());
                let units = case.remove("_units").map(|it| u64::try_from(it.as_integer().unwrap()).unwrap());
                let sizes: Vec<String> =
                    case.remove("_sizes").map_or_else(Vec::new, |it| it.try_into().unwrap());
                let found = classified(&operation, case.clone()).unwrap();
                assert_eq!(found.action.parts().quantity, Quantity { units, sizes }, "{operation} {case}");
            }
        }
    }

    #[test]
    fn what_cannot_be_told_is_not_one() {
        let operation = Operation::new("ec2", "RunInstances");
        for (given, expected) in [
            ("MaxCount = 'many'", None),
            ("MaxCount = -1", None),
            ("MaxCount = 9223372036854775807", Some(i64::MAX.unsigned_abs())),
            ("ImageId = 'i'", Some(1)),
        ] {
            let params = gather::literal(&toml::Value::Table(given.parse().unwrap()));
            assert_eq!(of(std::slice::from_ref(&operation), &params).units, expected, "{given}");
        }
        let batch = Operation::new("sqs", "SendMessageBatch");
        let none = gather::literal(&toml::Value::Table("QueueUrl = 'q'".parse().unwrap()));
        assert_eq!(of(std::slice::from_ref(&batch), &none).units, None);
        assert_eq!(of(&[batch, operation], &none), Quantity::unknown());
    }
}
