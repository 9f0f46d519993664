//! The inner actions: one for each resource that a stack would create, change or delete.

use model::{Effect, EffectSet, InnerAction, Resource as Target, Value, sanitize};

use super::{
    diff::Difference,
    kinds::{self, Way},
    template::Template,
};
use crate::gather::path;

/// A resource of a stack as `ListStackResources` shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Resource {
    pub(super) logical: String,
    pub(super) physical: String,
    pub(super) kind: String,
    pub(super) status: String,
}

impl Resource {
    pub(super) fn of(item: &Value) -> Option<Self> {
        let logical = path::text(item, "LogicalResourceId")?;
        Some(Self {
            physical: path::text(item, "PhysicalResourceId").unwrap_or_else(|| logical.clone()),
            kind: path::text(item, "ResourceType")?,
            status: path::text(item, "ResourceStatus").unwrap_or_default(),
            logical,
        })
    }
}

/// What becomes of a resource when its stack goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Policy {
    Delete,
    Snapshot,
    Retain,
}

/// What the template says in plain words; where it says nothing, what CloudFormation does by itself.
pub(super) fn deletion_policy(template: &Template, resource: &Resource) -> Option<Policy> {
    let definition = template.resources.get(&resource.logical)?;
    Some(match definition.deletion_policy() {
        Some("Retain" | "RetainExceptOnCreate") => Policy::Retain,
        Some("Snapshot") => Policy::Snapshot,
        Some(_) => Policy::Delete,
        None if definition.attributes.contains_key("DeletionPolicy") => Policy::Delete,
        None => match resource.kind.as_str() {
            "AWS::RDS::DBCluster" => Policy::Snapshot,
            "AWS::RDS::DBInstance" if !definition.properties.contains_key("DBClusterIdentifier") => {
                Policy::Snapshot
            }
            _ => Policy::Delete,
        },
    })
}

/// `None`: the resource stays.
pub(super) fn deleted(resource: &Resource, policy: Option<Policy>) -> Option<InnerAction> {
    let after = match policy {
        Some(Policy::Retain) => return None,
        Some(Policy::Snapshot) => " after a last snapshot",
        Some(Policy::Delete) | None => "",
    };
    let mut effects = EffectSet::of(Effect::Destroy);
    if kinds::is_privileged(&resource.kind) {
        effects = effects.with(Effect::Privilege);
    }
    if kinds::is_opaque(&resource.kind) {
        effects = effects.with(Effect::Execute);
    }
    Some(action(
        &resource.kind,
        Way::Delete,
        &resource.logical,
        &resource.physical,
        effects,
        &format!("delete{after}"),
    ))
}

pub(super) fn created(logical: &str, kind: &str, properties: Option<&[&str]>) -> InnerAction {
    action(kind, Way::Create, logical, logical, kinds::added(kind, properties), "create")
}

/// A change as `DescribeChangeSet` shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) logical: String,
    physical: String,
    pub(super) kind: String,
    verb: Verb,
    policy: String,
    replacement: Option<String>,
    details: Vec<Detail>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verb {
    Add,
    Modify,
    Remove,
    Import,
    /// What happens is only known when it runs, or the word is new.
    Dynamic,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Detail {
    attribute: String,
    name: String,
    recreation: String,
}

impl Change {
    pub(super) fn of(item: &Value) -> Option<Self> {
        let change = item.get("ResourceChange")?;
        let logical = path::text(change, "LogicalResourceId")?;
        let details =
            path::select(change, "Details").into_iter().flat_map(path::items).map(|detail| Detail {
                attribute: path::text(detail, "Target.Attribute").unwrap_or_default(),
                name: path::text(detail, "Target.Name").unwrap_or_default(),
                recreation: path::text(detail, "Target.RequiresRecreation").unwrap_or_default(),
            });
        Some(Self {
            physical: path::text(change, "PhysicalResourceId").unwrap_or_else(|| logical.clone()),
            kind: path::text(change, "ResourceType")?,
            verb: match path::text(change, "Action")?.as_str() {
                "Add" => Verb::Add,
                "Modify" => Verb::Modify,
                "Remove" => Verb::Remove,
                "Import" => Verb::Import,
                _ => Verb::Dynamic,
            },
            policy: path::text(change, "PolicyAction").unwrap_or_default(),
            replacement: path::text(change, "Replacement"),
            details: details.collect(),
            logical,
        })
    }
}

/// `properties`: of the resource as the new template defines it.
pub(super) fn changed(
    change: &Change,
    difference: Option<&Difference>,
    properties: Option<&[String]>,
) -> InnerAction {
    let act = |way, effects, what: &str| {
        action(&change.kind, way, &change.logical, &change.physical, effects, what)
    };
    match change.verb {
        Verb::Add => {
            let names: Option<Vec<&str>> = properties.map(|names| names.iter().map(String::as_str).collect());
            act(Way::Create, kinds::added(&change.kind, names.as_deref()), "create")
        }
        Verb::Import => act(Way::Update, EffectSet::of(Effect::Write), "take under the stack's control"),
        Verb::Remove if change.policy == "Retain" => {
            act(Way::Update, EffectSet::of(Effect::Write), "release, not delete")
        }
        Verb::Remove => act(Way::Delete, removal(&change.kind), "delete"),
        Verb::Dynamic => act(Way::Update, destroying(&change.kind), "change, how is only known when it runs"),
        Verb::Modify => match change.replacement.as_deref() {
            Some("False") => told_in_place(change, difference),
            Some("True") => act(Way::Delete, destroying(&change.kind), "replace (delete and create anew)"),
            Some(_) => act(Way::Delete, destroying(&change.kind), "perhaps replace (delete and create anew)"),
            None => match difference {
                Some(difference) => differs(&change.logical, &change.kind, &change.physical, difference),
                None => act(
                    Way::Delete,
                    destroying(&change.kind),
                    "change, perhaps replace: what changes is not shown",
                ),
            },
        },
    }
}

/// The change set says that the resource stays, and names what changes.
fn told_in_place(change: &Change, difference: Option<&Difference>) -> InnerAction {
    let act = |effects, what: &str| {
        action(&change.kind, Way::Update, &change.logical, &change.physical, effects, what)
    };
    let mut names: Vec<&str> = Vec::new();
    let mut is_plain = true;
    for detail in &change.details {
        match (detail.attribute.as_str(), detail.recreation.as_str()) {
            (_, "Always" | "Conditionally") => is_plain = false,
            ("Properties", _) if !detail.name.is_empty() => names.push(&detail.name),
            ("Tags", _) => names.push("Tags"),
            ("DeletionPolicy" | "UpdateReplacePolicy", _) => {}
            _ => is_plain = false,
        }
    }
    names.sort_unstable();
    names.dedup();
    if names.is_empty() || !is_plain {
        return act(destroying(&change.kind), "change in place, may interrupt");
    }
    let raised: Vec<&str> = match difference {
        Some(Difference::Modified { raised, .. }) => raised.iter().map(String::as_str).collect(),
        Some(Difference::Added | Difference::Removed) | None => Vec::new(),
    };
    let effects = kinds::modified(&change.kind, &names, &raised);
    act(effects, &in_place(&names, effects))
}

/// What comparing the templates shows.
pub(super) fn differs(logical: &str, kind: &str, physical: &str, difference: &Difference) -> InnerAction {
    let act = |way, effects, what: &str| action(kind, way, logical, physical, effects, what);
    match difference {
        Difference::Added => act(Way::Create, kinds::added(kind, None), "create"),
        Difference::Removed => act(Way::Delete, removal(kind), "delete"),
        Difference::Modified { replaced: true, .. } => {
            act(Way::Delete, destroying(kind), "replace (delete and create anew)")
        }
        Difference::Modified { properties, attributes, raised, replaced: false } => {
            let names: Vec<&str> = properties.iter().map(String::as_str).collect();
            let raised: Vec<&str> = raised.iter().map(String::as_str).collect();
            let mut effects = kinds::modified(kind, &names, &raised);
            if !attributes.is_empty() {
                effects = effects.with(Effect::Destroy);
            }
            act(Way::Update, effects, &in_place(&names, effects))
        }
    }
}

fn in_place(names: &[&str], effects: EffectSet) -> String {
    let interrupts = if effects.contains(Effect::Destroy) { ", may interrupt" } else { "" };
    format!("change {} in place{interrupts}", names.join(", "))
}

fn removal(kind: &str) -> EffectSet {
    let effects = destroying(kind);
    if kinds::is_opaque(kind) { effects.with(Effect::Execute) } else { effects }
}

fn destroying(kind: &str) -> EffectSet {
    let effects = EffectSet::of(Effect::Destroy);
    if kinds::is_privileged(kind) { effects.with(Effect::Privilege) } else { effects }
}

fn action(
    kind: &str,
    way: Way,
    logical: &str,
    physical: &str,
    effects: EffectSet,
    what: &str,
) -> InnerAction {
    let operation = kinds::operation(kind, way);
    let target =
        Target { service: operation.service.clone(), kind: kinds::kind(kind), name: physical.to_owned() };
    let named = if physical == logical {
        sanitize(logical, 120)
    } else {
        format!("{} ({})", sanitize(logical, 120), sanitize(physical, 200))
    };
    InnerAction {
        operation,
        effects,
        resources: vec![target],
        summary: sanitize(&format!("{what}: {} {named}", sanitize(kind, 120)), 600),
    }
}
