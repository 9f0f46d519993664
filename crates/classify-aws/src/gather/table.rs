//! The data tables `observe.toml`, `inverse.toml`, `references.toml` and `gone.toml` as types. A table that does not parse is empty:
//! nothing is then observed or undone, which is the severe reading; a test keeps that from ever shipping.

use std::{collections::BTreeMap, sync::LazyLock};

use serde::Deserialize;

pub(super) static OBSERVE: LazyLock<ObserveTable> =
    LazyLock::new(|| toml::from_str(include_str!("../../data/observe.toml")).unwrap_or_default());
pub(super) static INVERSE: LazyLock<InverseTable> =
    LazyLock::new(|| toml::from_str(include_str!("../../data/inverse.toml")).unwrap_or_default());

pub(super) static REFERENCES: LazyLock<ReferenceTable> =
    LazyLock::new(|| toml::from_str(include_str!("../../data/references.toml")).unwrap_or_default());

pub(super) static GONE: LazyLock<GoneTable> =
    LazyLock::new(|| toml::from_str(include_str!("../../data/gone.toml")).unwrap_or_default());

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GoneTable {
    pub(super) gone: Vec<Gone>,
    /// Not used here; a test holds the table whole by it.
    #[serde(default)]
    #[cfg_attr(not(test), expect(dead_code, reason = "a test asks for it"))]
    pub(super) left: Vec<Left>,
}

/// Operations that mean nothing without their target, and how it is looked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Gone {
    pub(super) service: String,
    /// Names apart by blanks.
    pub(super) operations: String,
    #[serde(default)]
    pub(super) when: Vec<String>,
    /// Where it is not the first of the operation's entry in `observe.toml`.
    pub(super) read: Option<ReadSpec>,
    /// Any of them means as much as absence.
    #[serde(default)]
    pub(super) over: Vec<String>,
}

/// Operations that destroy and whose target is not looked for again.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(not(test), expect(dead_code, reason = "a test asks for it"))]
pub(super) struct Left {
    pub(super) service: String,
    pub(super) operations: String,
    pub(super) reason: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReferenceTable {
    pub(super) reference: Vec<Reference>,
}

/// A member that names content elsewhere, and how what stands there is found.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Reference {
    /// `service:Operation`, apart by blanks; `*` stands for any run of characters.
    pub(super) operations: String,
    /// Paths in the request, apart by `|`: any of them makes it a reference.
    pub(super) member: String,
    #[serde(default)]
    pub(super) when: Vec<String>,
    #[serde(default)]
    pub(super) read: Vec<ReadSpec>,
    /// Member of the forwarded request → operand.
    #[serde(default)]
    pub(super) pin: BTreeMap<String, String>,
    /// Why it is not resolved.
    pub(super) unresolved: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ObserveTable {
    pub(super) observe: Vec<Observe>,
}

/// How the targets of `operations` are read. The first entry whose conditions hold is used.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Observe {
    pub(super) service: String,
    /// Names apart by blanks.
    pub(super) operations: String,
    #[serde(default)]
    pub(super) when: Vec<String>,
    pub(super) read: Vec<ReadSpec>,
}

impl Observe {
    pub(super) fn names(&self, service: &str, operation: &str) -> bool {
        self.service == service && self.operations.split_whitespace().any(|name| name == operation)
    }
}

/// One read and what of its answer matters.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReadSpec {
    /// The name that operands use; by default the operation's.
    pub(super) id: Option<String>,
    pub(super) service: Option<String>,
    pub(super) call: String,
    #[serde(default)]
    pub(super) with: toml::Table,
    /// Error codes that mean absence: `Code` or `Code~part of the message`.
    #[serde(default)]
    pub(super) absent: Vec<String>,
    /// The path below which the members lie; nothing there means absence.
    #[serde(default)]
    pub(super) under: String,
    /// Of several things there, only those whose member is the operand's text.
    #[serde(default)]
    pub(super) only: BTreeMap<String, String>,
    /// Shown and fingerprinted.
    #[serde(default)]
    pub(super) keep: Vec<String>,
    /// Fingerprinted, never shown.
    #[serde(default)]
    pub(super) seal: Vec<String>,
    #[serde(default)]
    pub(super) when: Vec<String>,
}

impl ReadSpec {
    pub(super) fn name(&self) -> &str {
        self.id.as_deref().unwrap_or(&self.call)
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct InverseTable {
    pub(super) inverse: Vec<Inverse>,
    pub(super) tags: Vec<Tags>,
    pub(super) additive: Vec<Listed>,
    pub(super) lowers: Vec<Lowers>,
}

/// How `operations` are undone: read first, then the first case whose conditions hold.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Inverse {
    pub(super) service: String,
    pub(super) operations: String,
    #[serde(default)]
    pub(super) read: Vec<ReadSpec>,
    pub(super) case: Vec<Case>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Case {
    #[serde(default)]
    pub(super) when: Vec<String>,
    /// Where any stand here, the request gives no others.
    #[serde(default)]
    pub(super) exactly: Vec<String>,
    pub(super) call: String,
    #[serde(default)]
    pub(super) with: toml::Table,
    #[serde(default)]
    pub(super) removes_created: bool,
    pub(super) restore: Option<Restore>,
    pub(super) pairs: Option<Pairs>,
}

/// Puts back every member that the request gives, from what was read before.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Restore {
    pub(super) from: String,
    /// Where the member lies in the request and in the undo, relative to the whole; by default at the top.
    #[serde(default)]
    pub(super) given: String,
    #[serde(default)]
    pub(super) put: String,
    /// Names that are alike in request, answer and undo.
    #[serde(default)]
    pub(super) members: Vec<String>,
    /// Request and undo name → path in the answer.
    #[serde(default)]
    pub(super) renamed: BTreeMap<String, String>,
    /// What stands where nothing was set.
    #[serde(default)]
    pub(super) default: toml::Table,
    /// Members of the request that identify and do not change.
    #[serde(default)]
    pub(super) ignore: Vec<String>,
}

/// Puts back the value of every name that a list of the request gives: `[{"Key": "a", "Value": "1"}]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Pairs {
    /// The list before.
    pub(super) from: String,
    /// Where the list lies in the request and in the undo.
    pub(super) given: String,
    #[serde(default = "key")]
    pub(super) key: String,
    #[serde(default = "value")]
    pub(super) value: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum TagShape {
    /// `{"name": "value"}`
    Map,
    /// `[{"Key": "name", "Value": "value"}]`
    List,
}

/// A service's tagging pair. Adding new keys is undone by removing them, replacing values by putting them back;
/// a request that does both has no single undo.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tags {
    pub(super) service: String,
    pub(super) tag: String,
    pub(super) untag: String,
    /// Members that name the resource, in read, tag and untag alike: place in the call → operand.
    pub(super) id: toml::Table,
    pub(super) read: ReadSpec,
    /// Where the tags are in the answer.
    pub(super) current: String,
    pub(super) shape: TagShape,
    /// The shape of the answer, where it differs from the request's.
    pub(super) current_shape: Option<TagShape>,
    /// Where the tags are in the request, and where they go in the undo.
    pub(super) given: String,
    pub(super) put: Option<String>,
    /// Where the keys are in the untag request, and where they go.
    pub(super) keys: String,
    pub(super) put_keys: Option<String>,
    /// Untagging names its keys in a list of `{Key}`.
    #[serde(default)]
    pub(super) keys_as_items: bool,
    #[serde(default = "key")]
    pub(super) key: String,
    #[serde(default = "value")]
    pub(super) value: String,
    /// The names in the answer, where they differ.
    pub(super) current_key: Option<String>,
    pub(super) current_value: Option<String>,
}

fn key() -> String {
    "Key".to_owned()
}

fn value() -> String {
    "Value".to_owned()
}

/// Operations of one service, names apart by blanks.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Listed {
    pub(super) service: String,
    pub(super) operations: String,
}

/// Operations that lower a protection where any of the conditions holds, or always where there is none.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Lowers {
    pub(super) service: String,
    pub(super) operations: String,
    pub(super) when: Vec<String>,
}

pub(super) fn lists(operations: &str, operation: &str) -> bool {
    operations.split_whitespace().any(|name| name == operation)
}
