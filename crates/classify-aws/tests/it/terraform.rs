//! How much of what Terraform's AWS provider calls most the tables understand. `terraform.tsv` lists the operations,
//! each with a resource that calls it, from what its common resources do on create, read, update and delete.

use std::fmt::Write as _;

use classify_aws::{
    classify::effects,
    gather::{has_inverse, is_additive},
    table::{Class, Table},
};
use model::Operation;
use serde::Deserialize;

#[derive(Deserialize)]
struct Observed {
    observe: Vec<Names>,
}

#[derive(Deserialize)]
struct Names {
    service: String,
    operations: String,
}

/// In what way a table knows the operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Known {
    Read,
    Inverse,
    Additive,
    /// Its target is read and shown before two people are asked.
    Observed,
    No,
}

#[test]
fn the_covered_share_of_what_terraform_calls_is_the_one_promised() {
    let observed: Observed = toml::from_str(include_str!("../../data/observe.toml")).unwrap();
    let is_observed = |service: &str, name: &str| {
        let names = |entry: &Names| entry.operations.split_whitespace().any(|one| one == name);
        observed.observe.iter().any(|entry| entry.service == service && names(entry))
    };
    let known = |name: &str| {
        let (service, operation) = name.split_once(':').unwrap();
        let row = Table::shared().get(service, operation).unwrap_or_else(|| panic!("{name} does not exist"));
        let judged = effects::of(row);
        let named = Operation::new(service, operation);
        match () {
            () if row.class == Class::Read => Known::Read,
            () if has_inverse(&named) => Known::Inverse,
            () if is_additive(&named) || judged.additive => Known::Additive,
            () if is_observed(service, operation) => Known::Observed,
            () => Known::No,
        }
    };
    let listed: Vec<&str> =
        include_str!("terraform.tsv").lines().skip(1).map(|line| line.split('\t').next().unwrap()).collect();
    let found: Vec<Known> = listed.iter().map(|name| known(name)).collect();
    let count = |wanted: Known| found.iter().filter(|one| **one == wanted).count();
    let (reads, changes) = (count(Known::Read), listed.len() - count(Known::Read));
    let open: Vec<&str> =
        listed.iter().zip(&found).filter(|(_, one)| **one == Known::No).map(|(name, _)| *name).collect();
    let mut sentence = String::new();
    write!(
        sentence,
        "Of the {} operations that Terraform's AWS provider calls most, {reads} read; of the other {changes}, {} have an \
         inverse, {} only add, and of {} more the target is read and shown: {} in 100 are covered.",
        listed.len(),
        count(Known::Inverse),
        count(Known::Additive),
        count(Known::Observed),
        (listed.len() - open.len()) * 100 / listed.len(),
    )
    .unwrap();
    assert!(promised().contains(&sentence), "SPECIFICATION.md does not say: {sentence}\nopen: {open:?}");
}

#[derive(Deserialize)]
struct Undone {
    inverse: Vec<Names>,
    tags: Vec<toml::Table>,
}

#[test]
fn the_number_of_inverses_is_the_one_promised() {
    let undone: Undone = toml::from_str(include_str!("../../data/inverse.toml")).unwrap();
    let operations: usize =
        undone.inverse.iter().map(|entry| entry.operations.split_whitespace().count()).sum();
    let sentence =
        format!("{operations} operations and {} pairs of tagging calls have an inverse", undone.tags.len());
    assert!(promised().contains(&sentence), "SPECIFICATION.md does not say: {sentence}");
}

fn promised() -> String {
    let text = include_str!("../../../../SPECIFICATION.md");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
