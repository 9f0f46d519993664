//! The tables: what is to be looked at around each operation, what it stops, how it is taken back where the engine captures no inverse
//! (`data/steps.toml`), and which settings can be put back (`data/settings.toml`). No operation has code of its own.

mod fill;

use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::Value;

pub(crate) use fill::{Filling, at, attribute, text};

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Table {
    #[serde(rename = "look")]
    pub(crate) looks: Vec<Look>,
    #[serde(rename = "step")]
    pub(crate) steps: Vec<Row>,
}

/// How a resource of a kind is looked at again.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Look {
    pub(crate) kind: String,
    pub(crate) read: String,
    pub(crate) with: toml::Table,
    /// Where it stands in the answer.
    pub(crate) under: String,
    /// Where its tags' keys stand: below `under`, or in the answer of `tags_read`.
    #[serde(default)]
    pub(crate) tags: Option<String>,
    /// As members by their keys, and no list.
    #[serde(default)]
    pub(crate) tags_by_key: bool,
    #[serde(default)]
    pub(crate) tags_read: Option<String>,
    #[serde(default)]
    pub(crate) tags_with: toml::Table,
    /// What the cloud says where it is not there.
    #[serde(default)]
    pub(crate) absent: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Row {
    pub(crate) calls: Vec<String>,
    #[serde(default)]
    pub(crate) interrupts: Option<String>,
    /// Parameters, each with what it was: where the call makes one of them less, the engine captures no inverse of it.
    #[serde(default)]
    pub(crate) lowers: Vec<(String, String)>,
    /// The first that can be filled.
    #[serde(default)]
    pub(crate) undo: Vec<UndoRow>,
    /// Why there is none.
    #[serde(default)]
    pub(crate) impossible: Option<String>,
    #[serde(default)]
    pub(crate) before: Vec<CheckRow>,
    #[serde(default)]
    pub(crate) after: Vec<CheckRow>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct UndoRow {
    pub(crate) call: String,
    #[serde(default)]
    pub(crate) needs: Option<String>,
    pub(crate) with: toml::Table,
    /// It takes back all of the call, whatever else was given: it is offered also where `with` does not name every member.
    #[serde(default)]
    pub(crate) whole: bool,
}

/// A read, by itself or by how the resource is looked at, and what it must find.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CheckRow {
    pub(crate) verifies: String,
    #[serde(default)]
    pub(crate) needs: Option<String>,
    /// Only where an operand is this.
    #[serde(default)]
    pub(crate) only: Option<(String, toml::Value)>,
    #[serde(default)]
    pub(crate) unless: Option<(String, toml::Value)>,
    /// Only where the step answers a finding whose way leads over a mark: at the end of its grace.
    #[serde(default)]
    pub(crate) after_grace: bool,
    /// A parameter: one check for each of its parts, whose words are `^`, and that compares with it.
    #[serde(default)]
    pub(crate) each: Option<String>,
    #[serde(default)]
    pub(crate) look: Option<Looked>,
    #[serde(default)]
    pub(crate) read: Option<String>,
    #[serde(default)]
    pub(crate) with: toml::Table,
    #[serde(default)]
    pub(crate) all: Option<String>,
    #[serde(default)]
    pub(crate) any: Option<String>,
    #[serde(default)]
    pub(crate) none: Option<String>,
    /// The list that is to be empty.
    #[serde(default)]
    pub(crate) gone: Option<String>,
    #[serde(default)]
    pub(crate) absent: Option<Vec<String>>,
    #[serde(default)]
    pub(crate) equals: Option<toml::Value>,
    #[serde(default)]
    pub(crate) not: Option<toml::Value>,
    #[serde(default)]
    pub(crate) one_of: Option<Vec<String>>,
    #[serde(default)]
    pub(crate) at_least: Option<toml::Value>,
    #[serde(default)]
    pub(crate) again: u16,
    #[serde(default)]
    pub(crate) every_s: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Looked {
    There,
    Gone,
    Tags,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    #[serde(rename = "setting")]
    pub(crate) settings: Vec<Setting>,
    pub(crate) moves: Vec<Moves>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Setting {
    pub(crate) kind: String,
    pub(crate) path: String,
    /// Only where it was this.
    #[serde(default)]
    pub(crate) was: Option<Value>,
    /// Only these of an object.
    #[serde(default)]
    pub(crate) members: Vec<String>,
    /// With the others of the same call.
    #[serde(default)]
    pub(crate) together: bool,
    pub(crate) call: String,
    pub(crate) with: toml::Table,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Moves {
    pub(crate) paths: Vec<String>,
}

impl Table {
    pub(crate) fn shared() -> &'static Self {
        static SHARED: LazyLock<Table> =
            LazyLock::new(|| toml::from_str(include_str!("../data/steps.toml")).unwrap_or_default());
        &SHARED
    }

    pub(crate) fn row(&self, call: &str) -> Option<&Row> {
        self.steps.iter().find(|row| row.calls.iter().any(|one| one == call))
    }

    pub(crate) fn look(&self, kind: &str) -> Option<&Look> {
        self.looks.iter().find(|look| look.kind == kind)
    }
}

impl Settings {
    pub(crate) fn shared() -> &'static Self {
        static SHARED: LazyLock<Settings> =
            LazyLock::new(|| toml::from_str(include_str!("../data/settings.toml")).unwrap_or_default());
        &SHARED
    }

    pub(crate) fn moves(&self, path: &str) -> bool {
        self.moves.iter().flat_map(|moves| &moves.paths).any(|one| {
            path == one || path.strip_prefix(one.as_str()).is_some_and(|rest| rest.starts_with('.'))
        })
    }
}

#[cfg(test)]
mod tests;
