//! What creating, changing and deleting a resource of each CloudFormation type amounts to. Two tables: ours
//! (`data/cfn_types.tsv`: operations, kinds, effects, and the properties that change without interrupting) and a
//! generated one (`data/cfn_properties.tsv`: which properties can change in place at all).

use std::{collections::HashMap, sync::LazyLock};

use model::{Effect, EffectSet, Kind, Operation};

static TYPES: LazyLock<HashMap<&'static str, Row>> =
    LazyLock::new(|| rows(include_str!("../../../data/cfn_types.tsv")).filter_map(Row::parse).collect());
static PROPERTIES: LazyLock<HashMap<&'static str, Properties>> = LazyLock::new(|| {
    rows(include_str!("../../../data/cfn_properties.tsv")).filter_map(Properties::parse).collect()
});

fn rows(text: &'static str) -> impl Iterator<Item = Vec<&'static str>> {
    text.lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .map(|line| line.split('\t').collect())
}

#[derive(Debug)]
struct Row {
    service: &'static str,
    create: &'static str,
    update: &'static str,
    delete: &'static str,
    adds: EffectSet,
    /// Properties whose change neither interrupts nor loses anything, and can be put back.
    gentle: Vec<&'static str>,
    /// Numbers that may be raised, not lowered.
    raisable: Vec<&'static str>,
}

impl Row {
    fn parse(cells: Vec<&'static str>) -> Option<(&'static str, Self)> {
        let [name, service, create, update, delete, adds, gentle, raisable] = cells.as_slice() else {
            return None;
        };
        let adds = adds.chars().try_fold(EffectSet::of(Effect::Write), |set, letter| {
            Some(match letter {
                'x' => set.with(Effect::Execute),
                'p' => set.with(Effect::Privilege),
                's' => set.with(Effect::Spend),
                '-' => set,
                _ => return None,
            })
        })?;
        let list =
            |cell: &'static str| cell.split(' ').filter(|name| !name.is_empty() && *name != "-").collect();
        Some((
            name,
            Self { service, create, update, delete, adds, gentle: list(gentle), raisable: list(raisable) },
        ))
    }
}

#[derive(Debug)]
struct Properties {
    in_place: Vec<&'static str>,
}

impl Properties {
    fn parse(cells: Vec<&'static str>) -> Option<(&'static str, Self)> {
        let [name, in_place, _create_only, _conditional, _read_only] = cells.as_slice() else { return None };
        Some((name, Self { in_place: in_place.split(' ').filter(|name| !name.is_empty()).collect() }))
    }
}

/// What a stack does to one of its resources.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Create,
    Update,
    Delete,
}

/// The operation that CloudFormation calls, as far as it is known; for types without a row, what the name suggests.
pub(super) fn operation(resource_type: &str, way: Way) -> Operation {
    if let Some(row) = TYPES.get(resource_type) {
        let name = match way {
            Way::Create => row.create,
            Way::Update => row.update,
            Way::Delete => row.delete,
        };
        return Operation::new(row.service, name);
    }
    let mut parts = resource_type.splitn(3, "::").skip(1);
    let service = parts.next().unwrap_or("cloudformation").to_ascii_lowercase();
    let noun: String =
        parts.next().unwrap_or(resource_type).chars().filter(char::is_ascii_alphanumeric).collect();
    let verb = match way {
        Way::Create => "Create",
        Way::Update => "Update",
        Way::Delete => "Delete",
    };
    let service: String = service.chars().filter(char::is_ascii_alphanumeric).take(64).collect();
    Operation::new(service, format!("{verb}{}", noun.chars().take(64).collect::<String>()))
}

pub(super) fn kind(resource_type: &str) -> Kind {
    let service = operation(resource_type, Way::Delete).service;
    let noun = resource_type.rsplit("::").next().unwrap_or_default();
    crate::kinds::kind(&service, noun.get(..64).unwrap_or(noun))
}

/// Grants something to someone, or is part of how that is done.
pub(super) fn is_privileged(resource_type: &str) -> bool {
    resource_type.starts_with("AWS::IAM::")
        || resource_type.starts_with("AWS::SSO::")
        || resource_type.starts_with("AWS::Organizations::")
        || resource_type.ends_with("Policy") && !resource_type.ends_with("ScalingPolicy")
        || resource_type.ends_with("Permission")
        || TYPES.get(resource_type).is_some_and(|row| row.adds.contains(Effect::Privilege))
}

/// What is made outside CloudFormation's own knowledge: custom resources, macros, third-party and nested content.
pub(super) fn is_opaque(resource_type: &str) -> bool {
    resource_type.starts_with("Custom::")
        || resource_type.starts_with("AWS::CloudFormation::")
        || !resource_type.starts_with("AWS::")
}

/// The effects of creating one. A type that neither table knows may run anything.
pub(super) fn added(resource_type: &str, properties: Option<&[&str]>) -> EffectSet {
    let mut effects = EffectSet::of(Effect::Write);
    if let Some(row) = TYPES.get(resource_type) {
        effects = row.adds;
    } else if is_opaque(resource_type) || !PROPERTIES.contains_key(resource_type) {
        effects = effects.with(Effect::Execute);
    }
    let grants = properties.is_none_or(|names| names.iter().any(|name| is_privileged_property(name)));
    if is_privileged(resource_type) || grants {
        effects = effects.with(Effect::Privilege);
    }
    effects
}

/// The effects of changing `properties` in place; `raised` are those whose number is known to have grown.
pub(super) fn modified(resource_type: &str, properties: &[&str], raised: &[&str]) -> EffectSet {
    let row = TYPES.get(resource_type);
    let is_gentle = |name: &&str| {
        row.is_some_and(|row| {
            row.gentle.contains(name) || row.raisable.contains(name) && raised.contains(name)
        })
    };
    let mut effects = EffectSet::of(Effect::Write);
    if !properties.iter().all(is_gentle) || properties.is_empty() {
        effects = effects.with(Effect::Destroy);
    }
    if is_privileged(resource_type) || properties.iter().any(|name| is_privileged_property(name)) {
        effects = effects.with(Effect::Privilege);
    }
    if is_opaque(resource_type) || properties.iter().any(|name| runs_code(name)) {
        effects = effects.with(Effect::Execute);
    }
    effects
}

/// Whether changing `property` keeps the resource. Create-only, conditional and unlisted properties do not.
pub(super) fn stays_in_place(resource_type: &str, property: &str) -> bool {
    PROPERTIES.get(resource_type).is_some_and(|row| row.in_place.contains(&property))
}

fn is_privileged_property(name: &str) -> bool {
    name.ends_with("Role")
        || name.ends_with("RoleArn")
        || name.ends_with("RoleARN")
        || name.ends_with("PolicyDocument")
        || name.ends_with("ManagedPolicyArns")
        || name.ends_with("PermissionsBoundary")
        || matches!(
            name,
            "IamInstanceProfile"
                | "IamRoles"
                | "Policies"
                | "Policy"
                | "KeyPolicy"
                | "ResourcePolicy"
                | "MasterUserPassword"
                | "PublicAccessBlockConfiguration"
                | "AccessControl"
                | "PubliclyAccessible"
        )
}

fn runs_code(name: &str) -> bool {
    matches!(
        name,
        "Code"
            | "CodeUri"
            | "Command"
            | "ContainerDefinitions"
            | "Definition"
            | "DefinitionBody"
            | "DefinitionString"
            | "Handler"
            | "ImageConfig"
            | "Layers"
            | "Runtime"
            | "TaskDefinition"
            | "Targets"
            | "UserData"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_hold_what_they_should() {
        let text = include_str!("../../../data/cfn_types.tsv");
        assert_eq!(rows(text).count(), TYPES.len(), "a row does not parse, or a type stands twice");
        assert!(PROPERTIES.len() > 1000, "{}", PROPERTIES.len());
        for (name, row) in TYPES.iter() {
            for operation in [row.create, row.update, row.delete] {
                let known = crate::table::Table::shared().get(row.service, operation);
                assert!(known.is_some(), "{name}: {}:{operation}", row.service);
            }
            if name.starts_with("Custom::") || is_opaque(name) {
                continue;
            }
            for property in row.gentle.iter().chain(&row.raisable) {
                assert!(stays_in_place(name, property), "{name}.{property} cannot change in place");
            }
        }
    }

    #[test]
    fn effects_of_changes() {
        let modify =
            |kind, properties: &[&str], raised: &[&str]| modified(kind, properties, raised).to_string();
        assert_eq!(modify("AWS::SSM::Parameter", &["Value"], &[]), "write");
        assert_eq!(modify("AWS::SQS::Queue", &["VisibilityTimeout", "Tags"], &[]), "write");
        assert_eq!(modify("AWS::SQS::Queue", &["MessageRetentionPeriod"], &[]), "write, destroy");
        assert_eq!(
            modify("AWS::SQS::Queue", &["MessageRetentionPeriod"], &["MessageRetentionPeriod"]),
            "write"
        );
        assert_eq!(modify("AWS::Lambda::Function", &["Timeout"], &[]), "write");
        assert_eq!(modify("AWS::Lambda::Function", &["Code"], &[]), "write, execute, destroy");
        assert_eq!(modify("AWS::Lambda::Function", &["Role"], &[]), "write, privilege, destroy");
        assert_eq!(modify("AWS::ECS::Service", &["DesiredCount"], &[]), "write, destroy");
        assert_eq!(modify("AWS::ECS::Service", &["DesiredCount"], &["DesiredCount"]), "write");
        assert_eq!(modify("AWS::ECS::Service", &["TaskDefinition"], &[]), "write, execute, destroy");
        assert_eq!(modify("AWS::RDS::DBInstance", &["AllocatedStorage"], &[]), "write, destroy");
        assert_eq!(modify("AWS::IAM::Role", &["Tags"], &[]), "write, privilege, destroy");
        assert_eq!(modify("AWS::SSM::Parameter", &[], &[]), "write, destroy");
        assert_eq!(modify("Custom::Thing", &["A"], &[]), "write, execute, destroy");
        assert_eq!(added("AWS::SQS::Queue", Some(&["QueueName"])).to_string(), "write");
        assert_eq!(added("AWS::IAM::Role", Some(&[])).to_string(), "write, privilege");
        assert_eq!(added("Custom::Thing", Some(&[])).to_string(), "write, execute");
        assert_eq!(added("AWS::New::Thing", Some(&[])).to_string(), "write, execute");
        assert_eq!(added("AWS::SQS::QueuePolicy", Some(&[])).to_string(), "write, privilege");
    }

    #[test]
    fn replacement_is_the_default() {
        assert!(stays_in_place("AWS::SQS::Queue", "VisibilityTimeout"));
        for (kind, property) in [
            ("AWS::SQS::Queue", "QueueName"),
            ("AWS::RDS::DBInstance", "AvailabilityZone"),
            ("AWS::SQS::Queue", "Unheard"),
            ("AWS::New::Thing", "Name"),
            ("Custom::Thing", "Name"),
        ] {
            assert!(!stays_in_place(kind, property), "{kind}.{property}");
        }
    }
}
