//! What people and rules call a resource (`data/kinds.toml`): the noun of an operation, a member or an ARN → kind.

use std::{collections::HashMap, sync::LazyLock};

use model::Kind;
use serde::Deserialize;

static KINDS: LazyLock<Kinds> = LazyLock::new(|| toml::from_str(TEXT).unwrap_or_default());
const TEXT: &str = include_str!("../data/kinds.toml");

/// Which noun is of which kind; a pinned table has its own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Kinds {
    pub(crate) nouns: HashMap<String, Kind>,
    pub(crate) services: HashMap<String, HashMap<String, Kind>>,
}

impl Kinds {
    pub(crate) fn shared() -> &'static Self {
        &KINDS
    }

    /// The kind of `noun` (`DBInstance`, `log-group`, `Tables`) within `service`; a noun of no table names itself
    /// (`maintenance-window`), and an empty one is unknown.
    pub(crate) fn of(&self, service: &str, noun: &str) -> Kind {
        let folded = fold(noun);
        let single = singular(&folded);
        let own = self.services.get(service);
        let look =
            |map: &HashMap<String, Kind>| map.get(&folded).or_else(|| map.get(single.as_str())).cloned();
        own.and_then(look)
            .or_else(|| own.and_then(|map| map.get("*").cloned()))
            .or_else(|| look(&self.nouns))
            .unwrap_or_else(|| {
                words(noun).join("-").to_ascii_lowercase().parse().unwrap_or_else(|_| Kind::unknown())
            })
    }

    /// Whether a table (rather than the noun itself) says what `noun` is within `service`.
    pub(crate) fn lists(&self, service: &str, noun: &str) -> bool {
        let folded = fold(noun);
        let single = singular(&folded);
        let has =
            |map: &HashMap<String, Kind>| map.contains_key(&folded) || map.contains_key(single.as_str());
        self.services.get(service).is_some_and(has) || has(&self.nouns)
    }
}

/// The kind of `noun` within `service`, by our own table.
pub fn kind(service: &str, noun: &str) -> Kind {
    KINDS.of(service, noun)
}

/// What a call to `service` is about that names nothing, where there is only one such thing.
pub fn of_the_whole(service: &str) -> Option<Kind> {
    KINDS.services.get(service)?.get("").cloned()
}

/// `DBInstance` → `DB`, `Instance`; `log-group` → `log`, `group`; `S3AccessPoint` → `S3`, `Access`, `Point`.
pub fn words(name: &str) -> Vec<&str> {
    let mut out = Vec::new();
    let mut start = 0;
    let bytes = name.as_bytes();
    for (at, byte) in bytes.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|before| bytes.get(before));
        let after = bytes.get(at + 1);
        let upper = byte.is_ascii_uppercase();
        let starts = upper
            && before.is_some_and(|before| before.is_ascii_lowercase() || before.is_ascii_digit())
            || upper
                && before.is_some_and(u8::is_ascii_uppercase)
                && after.is_some_and(u8::is_ascii_lowercase)
                && !(after == Some(&b's') && bytes.get(at + 2).is_none_or(u8::is_ascii_uppercase));
        if starts || matches!(byte, b'-' | b'_' | b' ' | b'.') {
            out.extend(name.get(start..at));
            start = if starts { at } else { at + 1 };
        }
    }
    out.extend(name.get(start..));
    out.retain(|word| !word.is_empty());
    out
}

fn fold(noun: &str) -> String {
    noun.chars()
        .filter(|character| !matches!(character, '-' | '_' | ' '))
        .collect::<String>()
        .to_ascii_lowercase()
}

fn singular(noun: &str) -> String {
    match noun.strip_suffix("ies") {
        Some(stem) => format!("{stem}y"),
        None => match noun.strip_suffix("sses").or_else(|| noun.strip_suffix("xes")) {
            Some(_) => noun.strip_suffix("es").unwrap_or(noun).to_owned(),
            None => noun.strip_suffix('s').unwrap_or(noun).to_owned(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::Table;

    #[test]
    fn nouns_become_kinds() {
        let kinds: Kinds = toml::from_str(TEXT).unwrap();
        for service in kinds.services.keys() {
            assert!(Table::shared().service(service).is_some(), "{service}");
        }
        for (service, noun, expected) in [
            ("rds", "DBInstance", "database"),
            ("rds", "db", "database"),
            ("rds", "DBSnapshots", "snapshot"),
            ("rds", "SomethingNew", "database"),
            ("ec2", "Instances", "instance"),
            ("cloudformation", "Stack", "stack"),
            ("ssm", "MaintenanceWindow", "maintenance-window"),
            ("iam", "Policies", "policy"),
            ("ec2", "Addresses", "network"),
            ("s3", "Key", "object"),
            ("x", "", "unknown"),
        ] {
            assert_eq!(kind(service, noun).as_str(), expected, "{service} {noun}");
        }
    }

    #[test]
    fn names_split_into_words() {
        for (name, expected) in [
            ("DBInstance", "DB Instance"),
            ("S3AccessPoint", "S3 Access Point"),
            ("VpcEndpointIDs", "Vpc Endpoint IDs"),
            ("HTTPNamespace", "HTTP Namespace"),
            ("log-group", "log group"),
        ] {
            assert_eq!(words(name).join(" "), expected);
        }
    }
}
