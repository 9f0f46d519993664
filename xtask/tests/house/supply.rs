//! What comes in from outside: every entry of the workspace used, licences and bans as `deny.toml` says. Works without
//! the network and without cargo-deny, which checks more where it is installed.

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::Package;
use toml::{Table, Value};

use crate::tree::{files, metadata, none, read, stdout_of};

#[test]
fn every_shared_dependency_is_used() {
    let declared = table("Cargo.toml");
    let declared = declared["workspace"]["dependencies"].as_table().unwrap();
    let mut used = BTreeSet::new();
    for path in files().iter().filter(|path| path.ends_with("Cargo.toml")) {
        collect(&Value::Table(table(path)), &mut used);
    }
    let unused = declared.keys().filter(|name| !used.contains(*name));
    none("a dependency of the workspace that no crate uses goes", unused.cloned().collect());
}

#[test]
fn licences_are_on_the_list() {
    let deny = table("deny.toml");
    let allowed: BTreeSet<_> = words(&deny["licenses"]["allow"]);
    let mut findings = Vec::new();
    for package in foreign() {
        let licence = package.license.clone().unwrap_or_default();
        if !acceptable(&licence, &allowed) {
            findings.push(format!("{} {}: `{licence}`", package.name, package.version));
        }
    }
    none("every licence is one that deny.toml allows", findings);
}

#[test]
fn banned_crates_are_absent() {
    let deny = table("deny.toml");
    let bans = deny["bans"]["deny"].as_array().unwrap().iter();
    let banned: BTreeSet<_> = bans.map(|ban| ban["crate"].as_str().unwrap().to_owned()).collect();
    assert!(banned.contains("openssl"), "the list is read");
    let found = built().into_iter().map(|(name, _)| name).collect::<BTreeSet<_>>();
    let found = found.into_iter().filter(|name| banned.contains(name));
    none("crates that deny.toml bans are absent", found.collect());
}

#[test]
fn two_generations_of_a_crate_have_a_reason() {
    let deny = table("deny.toml");
    let skips = deny["bans"]["skip"].as_array().unwrap().iter();
    let skips: BTreeSet<_> = skips.map(|skip| skip["crate"].as_str().unwrap().to_owned()).collect();
    let mut generations = BTreeMap::<String, BTreeSet<String>>::new();
    for (name, version) in built() {
        generations.entry(name).or_default().insert(version);
    }
    let mut findings = Vec::new();
    for (name, versions) in generations.iter().filter(|(_, versions)| versions.len() > 1) {
        let unnamed = versions.iter().map(|version| format!("{name}@{}", generation(version)));
        let unnamed: Vec<_> = unnamed.filter(|version| !skips.contains(version)).collect();
        if unnamed.len() > 1 {
            findings.push(unnamed.join(" and "));
        }
    }
    none("a second generation of a crate is named in deny.toml with what keeps it", findings);
}

#[test]
fn nothing_comes_from_outside_the_registry() {
    let elsewhere =
        foreign().filter(|it| it.source.as_ref().is_none_or(|source| !source.repr.starts_with("registry+")));
    none("a dependency comes from the registry", elsewhere.map(|package| package.name.to_string()).collect());
}

fn foreign() -> impl Iterator<Item = &'static Package> {
    let ours = &metadata().workspace_members;
    metadata().packages.iter().filter(move |package| !ours.contains(&package.id))
}

/// Name and version of everything that is compiled for some target of deny.toml; the lock file also knows what no
/// feature of ours turns on, and systems that we do not build for.
fn built() -> BTreeSet<(String, String)> {
    let targets = words(&table("deny.toml")["graph"]["targets"]);
    let mut args = vec!["tree", "--workspace", "--prefix", "none"];
    args.extend(targets.iter().flat_map(|target| ["--target", target.as_str()]));
    let listed = stdout_of("cargo", &args);
    let words = listed.lines().map(|line| line.split(' ').map(str::to_owned));
    words.filter_map(|mut words| Some((words.next()?, words.next()?))).collect()
}

/// `v0.9.1` is of `0.9`, `v5.3.0` of `5`: what semantic versions call compatible.
fn generation(version: &str) -> String {
    let parts: Vec<_> = version.trim_start_matches('v').split('.').collect();
    match parts.as_slice() {
        ["0", minor, ..] => format!("0.{minor}"),
        [major, ..] => (*major).to_owned(),
        [] => String::new(),
    }
}

/// A licence expression holds if the terms joined by `AND` each offer one that is allowed. Parentheses group
/// alternatives in every expression met so far; one that nests deeper fails here and is then looked at.
fn acceptable(expression: &str, allowed: &BTreeSet<String>) -> bool {
    let terms = expression.replace(['(', ')'], "");
    let terms = terms.replace('/', " OR ");
    !terms.trim().is_empty()
        && terms.split(" AND ").all(|term| term.split(" OR ").any(|licence| allowed.contains(licence.trim())))
}

/// Every name that some manifest takes from the workspace.
fn collect(value: &Value, used: &mut BTreeSet<String>) {
    let Value::Table(table) = value else { return };
    for (name, inner) in table {
        if inner.get("workspace") == Some(&Value::Boolean(true)) {
            used.insert(name.clone());
        }
        collect(inner, used);
    }
}

fn table(path: impl AsRef<std::path::Path>) -> Table {
    read(path.as_ref()).parse().unwrap_or_else(|error| panic!("{}: {error}", path.as_ref().display()))
}

fn words(list: &Value) -> BTreeSet<String> {
    list.as_array().unwrap().iter().map(|word| word.as_str().unwrap().to_owned()).collect()
}

#[test]
fn licence_expressions_are_understood() {
    let allowed = BTreeSet::from(["MIT", "Unicode-3.0", "Apache-2.0"].map(str::to_owned));
    let check = |expression, expected| assert_eq!(acceptable(expression, &allowed), expected, "{expression}");
    check("MIT OR GPL-3.0", true);
    check("(MIT OR Apache-2.0) AND Unicode-3.0", true);
    check("MIT/Apache-2.0", true);
    check("MIT AND GPL-3.0", false);
    check("GPL-3.0", false);
    check("", false);
}
