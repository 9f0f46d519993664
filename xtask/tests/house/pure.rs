//! What pure means: no runtime, no sockets, no files, no clock, no randomness, neither in the code nor in what it
//! links.

use std::path::Path;

use crate::tree::{none, sources, stdout_of};

const PURE: [&str; 15] = [
    "model",
    "policy",
    "approval",
    "tlog",
    "classify-aws",
    "notify",
    "spec",
    "audit",
    "trail",
    "witness",
    "snapshot",
    "findings",
    "inventory",
    "plan",
    "agent",
];

/// Crates that do what a pure crate must not.
const OUTSIDE_WORLD: [&str; 8] =
    ["tokio", "hyper", "axum", "rusqlite", "reqwest", "getrandom", "mio", "socket2"];

/// Linked but not used: who, what, why.
const DRAGGED: [(&str, &str, &str); 2] = [
    ("approval", "getrandom", "the elliptic curves bring it for making keys; we only verify"),
    ("audit", "getrandom", "through approval"),
];

/// The auditor's program reads files for the library beside it, and links what that links.
const PROGRAM: &str = "crates/audit/src/bin/countersign-verify";

/// Modules of the standard library that reach outside.
const REACHES: [&str; 6] =
    ["std::fs", "std::net", "std::process", "std::thread", "std::env", "std::time::Instant"];

#[test]
fn pure_crates_link_nothing_that_reaches_outside() {
    let mut findings = Vec::new();
    let mut seen = Vec::new();
    for name in PURE {
        let linked =
            stdout_of("cargo", &["tree", "--edges", "normal", "--prefix", "none", "--package", name]);
        for reached in linked.lines().filter_map(|line| line.split(' ').next()) {
            if !OUTSIDE_WORLD.contains(&reached) {
                continue;
            }
            match DRAGGED.iter().find(|(who, what, _)| (*who, *what) == (name, reached)) {
                Some(known) => seen.push(known),
                None => findings.push(format!("{name} links {reached}")),
            }
        }
    }
    for exception in DRAGGED.iter().filter(|known| !seen.contains(known)) {
        findings.push(format!("the exception {exception:?} is no longer needed"));
    }
    none("a pure crate links nothing that reaches outside", findings);
}

#[test]
fn pure_crates_name_nothing_that_reaches_outside() {
    let mut findings = Vec::new();
    for (path, text) in sources() {
        let pure = PURE.iter().any(|name| path.starts_with(Path::new("crates").join(name).join("src")));
        if !pure || path.starts_with(PROGRAM) {
            continue;
        }
        let shipped = text.split("#[cfg(test)]").next().unwrap_or_default();
        for reach in REACHES.iter().filter(|reach| shipped.contains(**reach)) {
            findings.push(format!("{}: {reach}", path.display()));
        }
    }
    none("a pure crate names nothing that reaches outside", findings);
}
