//! The price table: data with its source and its date (`data/prices.toml`), or a file of one's own. What is not in it is not known.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, LazyLock},
};

use model::sanitize;
use serde::{Deserialize, Serialize};

use crate::money::{HOURS, Micros};

static SHIPPED: LazyLock<Option<Prices>> =
    LazyLock::new(|| Prices::parse(include_str!("../data/prices.toml")).ok());

#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Prices {
    pub currency: Shared,
    pub region: String,
    pub source: Shared,
    pub as_of: Shared,
    rows: BTreeMap<String, Row>,
}

/// Text that stands in every finding, and is there once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shared(Arc<str>);

impl Default for Shared {
    fn default() -> Self {
        Self(Arc::from(""))
    }
}

impl fmt::Display for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Shared {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// What one unit of a thing costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) unit: Unit,
    pub(crate) micros: Micros,
    pub(crate) approximate: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Unit {
    #[serde(rename = "GB-month")]
    GbMonth,
    #[serde(rename = "IOPS-month")]
    IopsMonth,
    #[serde(rename = "MBps-month")]
    MbpsMonth,
    #[serde(rename = "hour")]
    Hour,
    #[serde(rename = "vCPU-hour")]
    VcpuHour,
    #[serde(rename = "GB-hour")]
    GbHour,
    #[serde(rename = "unit-hour")]
    CapacityHour,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the price table: {0}")]
pub struct PricesError(String);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    currency: String,
    region: String,
    source: String,
    as_of: String,
    price: Vec<Group>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Group {
    unit: Unit,
    #[serde(default)]
    approximate: bool,
    of: BTreeMap<String, i64>,
}

impl Prices {
    /// The table that this version was built with; without one, nothing has a price.
    pub fn shipped() -> Self {
        SHIPPED.clone().unwrap_or_default()
    }

    /// # Errors
    /// Where it has another form, a thing stands there twice, or a price is below nothing.
    pub fn parse(text: &str) -> Result<Self, PricesError> {
        let file: File = toml::from_str(text).map_err(|err| PricesError(sanitize(err.message(), 300)))?;
        let mut rows = BTreeMap::new();
        for group in file.price {
            for (name, micros) in group.of {
                let row = Row { unit: group.unit, micros: Micros(micros), approximate: group.approximate };
                if micros < 0 {
                    return Err(PricesError(format!("`{}` costs less than nothing", sanitize(&name, 80))));
                }
                if rows.insert(name.clone(), row).is_some() {
                    return Err(PricesError(format!("`{}` stands there twice", sanitize(&name, 80))));
                }
            }
        }
        let shared = |text: String| Shared(Arc::from(sanitize(&text, 200)));
        Ok(Self {
            currency: shared(file.currency),
            region: file.region,
            source: shared(file.source),
            as_of: shared(file.as_of),
            rows,
        })
    }

    pub(crate) fn row(&self, name: &str) -> Option<Row> {
        self.rows.get(name).copied()
    }

    /// The sizes of `family` that have a price, smallest first.
    pub(crate) fn sizes(&self, family: &str) -> Vec<(&str, Micros)> {
        let start = format!("ec2:{family}.");
        let mut sizes: Vec<_> = self
            .rows
            .iter()
            .filter_map(|(name, row)| Some((name.strip_prefix(&start)?, row.micros)))
            .collect();
        sizes.sort_by_key(|(_, micros)| *micros);
        sizes
    }
}

impl Unit {
    /// How many of it a month has.
    pub(crate) const fn a_month(self) -> i64 {
        match self {
            Self::GbMonth | Self::IopsMonth | Self::MbpsMonth => 1,
            Self::Hour | Self::VcpuHour | Self::GbHour | Self::CapacityHour => HOURS,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_table_is_read_and_says_what_it_is() {
        let prices = Prices::parse(include_str!("../data/prices.toml")).unwrap();
        assert_eq!(prices, Prices::shipped());
        assert!(prices.rows.len() > 50 && prices.rows.values().all(|row| row.approximate));
        assert_eq!(prices.row("ebs:gp2").unwrap().micros, Micros(100_000));
        assert_eq!(
            prices.sizes("m5").iter().map(|(size, _)| *size).collect::<Vec<_>>(),
            ["large", "xlarge", "2xlarge", "4xlarge"]
        );
        assert!(prices.row("ec2:u-24tb1.metal").is_none());
    }

    #[test]
    fn a_table_that_cannot_be_right_is_refused() {
        let head = "currency='USD'\nregion='r'\nsource='s'\nas_of='2026-01-01'\n";
        let check = |rest: &str, why: &str| {
            let err = Prices::parse(&format!("{head}{rest}")).unwrap_err().to_string();
            assert!(err.contains(why), "{err}");
        };
        check("[[price]]\nunit='hour'\nof={a=-1}", "`a` costs less than nothing");
        check("[[price]]\nunit='hour'\nof={a=1}\n[[price]]\nunit='hour'\nof={a=2}", "`a` stands there twice");
        check("[[price]]\nunit='week'\nof={a=1}", "unknown variant `week`");
    }
}
