//! The hand-written judgement of `data/overrides.toml`, which wins over the generated table. What a bundle overrides
//! comes later still, and is handed to `classify`.

use std::{collections::HashMap, sync::LazyLock};

use model::{Effect, EffectSet};
use serde::Deserialize;

static OVERRIDES: LazyLock<Option<Overrides>> = LazyLock::new(|| Overrides::parse(TEXT).ok());
const TEXT: &str = include_str!("../data/overrides.toml");

/// Judgement by operation, `service:Operation`, and by service.
#[derive(Debug)]
pub struct Overrides {
    /// By service, then by operation.
    operations: HashMap<String, HashMap<String, Vec<Judgement>>>,
    services: HashMap<String, EffectSet>,
}

/// One group's say over an operation; they apply in the order of the file.
#[derive(Clone, Debug)]
pub struct Judgement {
    pub effects: Option<EffectSet>,
    pub add: Option<EffectSet>,
    pub exposure: Vec<Shows>,
    pub additive: bool,
    pub identifiers: Option<String>,
    pub reveal: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shows {
    None,
    Data,
    Credentials,
}

impl Overrides {
    /// `None` where the committed file cannot be read: every operation then counts as the worst (`classify::effects`).
    pub fn shared() -> Option<&'static Self> {
        OVERRIDES.as_ref()
    }

    pub fn of(&self, service: &str, operation: &str) -> &[Judgement] {
        self.operations.get(service).and_then(|own| own.get(operation)).map_or(&[], Vec::as_slice)
    }

    /// What every operation of `service` that is no plain read has in addition.
    pub fn added_by_service(&self, service: &str) -> Option<EffectSet> {
        self.services.get(service).copied()
    }

    /// The last word on identifiers, in the table's notation.
    pub fn identifiers(&self, service: &str, operation: &str) -> Option<&str> {
        self.of(service, operation).iter().rev().find_map(|judgement| judgement.identifiers.as_deref())
    }

    /// Members that are shown although the model calls them sensitive.
    pub fn revealed<'a>(&'a self, service: &str, operation: &str) -> impl Iterator<Item = &'a str> {
        self.of(service, operation).iter().flat_map(|judgement| &judgement.reveal).map(String::as_str)
    }

    fn parse(text: &str) -> Result<Self, toml::de::Error> {
        let file: File = toml::from_str(text)?;
        let mut operations: HashMap<String, HashMap<String, Vec<Judgement>>> = HashMap::new();
        for group in file.group {
            let judgement = Judgement {
                effects: group.effects,
                add: group.add,
                exposure: group.exposure,
                additive: group.additive,
                identifiers: group.identifiers,
                reveal: group.reveal,
            };
            for operation in group.operations {
                // A name of another form is found by a test: none of the tables has it.
                let (service, operation) = operation.split_once(':').unwrap_or((&operation, ""));
                let own = operations.entry(service.to_owned()).or_default();
                own.entry(operation.to_owned()).or_default().push(judgement.clone());
            }
        }
        let mut services: HashMap<String, EffectSet> = HashMap::new();
        for service in file.service {
            for name in service.names {
                services.entry(name).and_modify(|set| *set = set.union(service.add)).or_insert(service.add);
            }
        }
        Ok(Self { operations, services })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    service: Vec<ServiceGroup>,
    group: Vec<Group>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ServiceGroup {
    names: Vec<String>,
    add: EffectSet,
    #[serde(rename = "reason")]
    _reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Group {
    operations: Vec<String>,
    effects: Option<EffectSet>,
    add: Option<EffectSet>,
    #[serde(default)]
    exposure: Vec<Shows>,
    #[serde(default)]
    additive: bool,
    identifiers: Option<String>,
    #[serde(default)]
    reveal: Vec<String>,
    #[serde(rename = "reason")]
    _reason: String,
}

/// The set that a file which cannot be read stands for.
pub fn worst() -> EffectSet {
    Effect::ALL.into_iter().fold(EffectSet::of(Effect::Destroy), EffectSet::with)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::{Table, members};

    #[test]
    fn every_name_in_the_file_is_an_operation_of_the_table() {
        let overrides = Overrides::parse(TEXT).unwrap();
        let all = overrides.operations.iter().flat_map(|(service, own)| {
            own.iter().map(move |(operation, judgements)| (service, operation, judgements))
        });
        for (service, operation, judgements) in all {
            assert!(Table::shared().get(service, operation).is_some(), "{service}:{operation}");
            for text in judgements.iter().filter_map(|judgement| judgement.identifiers.as_deref()) {
                assert_eq!(members(text).count(), text.split(',').count(), "{service}:{operation}: {text}");
            }
        }
        for service in overrides.services.keys() {
            assert!(Table::shared().service(service).is_some(), "{service}");
        }
    }
}
