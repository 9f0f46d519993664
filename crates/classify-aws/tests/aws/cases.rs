//! The cases as data, `cases/*.toml`: a set-up, what is done, and what else must be as it was.
//!
//! A call is `{ _ = "service:Operation", … }` with its parameters as `call::build` takes them. `_save` keeps members of
//! the answer by the name of the leaf (`Id/`: what stands after its last slash), and `<name>` stands for what was kept.

use std::{collections::BTreeMap, path::Path};

use classify_aws::{call::Call, params::json};
use serde::Deserialize;

pub(crate) const REGION: &str = "us-east-1";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Case {
    /// Named set-ups of `base.toml`, carried out first.
    #[serde(default)]
    base: Vec<String>,
    #[serde(default)]
    pub(crate) setup: Vec<toml::Table>,
    #[serde(rename = "do")]
    pub(crate) action: toml::Table,
    /// Read beside what the tables read.
    #[serde(default)]
    pub(crate) look: Vec<toml::Table>,
    /// Compare nothing but `look`: what the tables read goes by an identifier that is made anew.
    #[serde(default)]
    pub(crate) look_only: bool,
    /// Leaves that may differ afterwards.
    #[serde(default)]
    pub(crate) except: Vec<String>,
    /// What a thing that is removed leaves behind for a while, as a piece of a `path=value`.
    pub(crate) leaves: Option<String>,
    /// No undo may be captured here.
    #[serde(default)]
    pub(crate) none: bool,
}

/// What the mock cannot do, and how it says so.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Lack {
    #[serde(default)]
    base: Vec<String>,
    #[serde(default)]
    pub(crate) setup: Vec<toml::Table>,
    /// The call that it fails: the operation's, its undo's, or a read's.
    pub(crate) call: toml::Table,
    /// The entry that is not proved for it, or the one of its ways that is not.
    pub(crate) entry: String,
    pub(crate) undo: Option<String>,
    pub(crate) status: u16,
    pub(crate) says: String,
}

/// A call whose target must be read and shown, each fact of it known.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Look {
    #[serde(default)]
    base: Vec<String>,
    #[serde(default)]
    pub(crate) setup: Vec<toml::Table>,
    pub(crate) call: toml::Table,
}

/// All of it.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
    #[serde(default)]
    base: BTreeMap<String, Vec<toml::Table>>,
    #[serde(default)]
    pub(crate) case: Vec<Case>,
    #[serde(default)]
    pub(crate) lack: Vec<Lack>,
    #[serde(default)]
    pub(crate) look: Vec<Look>,
}

/// All files of the folder, in the order of their names.
pub(crate) fn all() -> File {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/aws/cases");
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let mut all = File::default();
    for path in paths {
        let text = std::fs::read_to_string(&path).unwrap();
        let file: File = toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        all.base.extend(file.base);
        all.case.extend(file.case);
        all.lack.extend(file.lack);
        all.look.extend(file.look);
    }
    let base = std::mem::take(&mut all.base);
    let build = |names: &[String], setup: &mut Vec<toml::Table>| {
        let below: Vec<_> = names.iter().flat_map(|name| base[name].iter().cloned()).collect();
        setup.splice(..0, below);
    };
    all.case.iter_mut().for_each(|one| build(&one.base, &mut one.setup));
    all.lack.iter_mut().for_each(|one| build(&one.base, &mut one.setup));
    all.look.iter_mut().for_each(|one| build(&one.base, &mut one.setup));
    all
}

/// The operation that a call names.
pub(crate) fn named(call: &toml::Table) -> &str {
    call.get("_").and_then(toml::Value::as_str).unwrap()
}

/// The call with what was kept put in.
pub(crate) fn call(written: &toml::Table, kept: &BTreeMap<String, String>) -> Call {
    let (service, operation) = named(written).split_once(':').unwrap();
    let mut parameters = written.clone();
    parameters.retain(|name, _| name != "_" && name != "_save");
    let mut text = serde_json::to_string(&parameters).unwrap();
    for (name, value) in kept {
        // As it stands within a JSON text.
        let quoted = serde_json::to_string(value).unwrap();
        text = text.replace(&format!("<{name}>"), quoted.trim_matches('"'));
    }
    Call {
        service: service.to_owned(),
        operation: operation.to_owned(),
        region: REGION.to_owned(),
        parameters: json::parse(text.as_bytes()).unwrap(),
    }
}

/// Name to keep it under → leaf of the answer.
pub(crate) fn saves(written: &toml::Table) -> Vec<(String, String)> {
    let table = written.get("_save").and_then(toml::Value::as_table).cloned().unwrap_or_default();
    table.into_iter().map(|(name, leaf)| (name, leaf.as_str().unwrap().to_owned())).collect()
}
