//! A crate may depend only on floors below its own.

use std::collections::BTreeMap;

use cargo_metadata::DependencyKind;

use crate::tree::{metadata, none};

/// As in ARCHITECTURE.md. A new crate gets its floor here before it gets a dependency.
const FLOORS: [(&str, u8); 28] = [
    ("model", 0),
    ("policy", 1),
    ("approval", 1),
    ("tlog", 1),
    ("classify-aws", 1),
    ("notify", 1),
    ("oidc", 1),
    ("spec", 1),
    ("snapshot", 1),
    ("findings", 2),
    ("inventory", 2),
    ("store", 2),
    ("ledger", 2),
    ("audit", 2),
    ("listener", 2),
    ("llm", 2),
    ("trail", 2),
    ("credentials", 2),
    ("witness", 2),
    ("prover", 2),
    ("plan", 3),
    ("engine", 3),
    ("agent", 4),
    ("gateway-aws", 4),
    ("api", 4),
    ("console", 5),
    ("mcp", 5),
    ("countersign", 6),
];

/// For developers only: they may use anything, and nothing that ships may use them.
const WORKBENCH: [&str; 3] = ["synth", "testkit", "xtask"];

#[test]
fn arrows_point_down() {
    let floors = BTreeMap::from(FLOORS);
    let mut findings = Vec::new();
    for package in metadata().workspace_packages() {
        let name = package.name.as_str();
        if WORKBENCH.contains(&name) {
            continue;
        }
        let Some(floor) = floors.get(name) else {
            findings.push(format!("{name} has no floor"));
            continue;
        };
        for dependency in package.dependencies.iter().filter(|it| it.kind != DependencyKind::Development) {
            let used = dependency.name.as_str();
            if WORKBENCH.contains(&used) {
                findings.push(format!("{name} would ship {used}"));
            } else if floors.get(used).is_some_and(|below| below >= floor) {
                findings.push(format!("{name} (floor {floor}) uses {used} of the same floor or one above"));
            }
        }
    }
    none("a crate uses only floors below its own", findings);
}

/// What somebody has to read who trusts neither us nor our servers.
#[test]
fn the_auditors_program_rests_on_three_crates_of_ours() {
    let packages = metadata();
    let ours = packages.workspace_packages();
    let audit = ours.iter().find(|it| it.name.as_str() == "audit").expect("the crate `audit`");
    let mut used: Vec<_> = audit
        .dependencies
        .iter()
        .filter(|it| it.kind == DependencyKind::Normal && it.path.is_some())
        .map(|it| it.name.as_str())
        .collect();
    used.sort_unstable();
    assert_eq!(used, ["approval", "model", "tlog"]);
}

/// What plants causes may not know how they are looked for: otherwise the bench measures agreement with itself.
#[test]
fn synthetic_accounts_know_no_analyzer() {
    let packages = metadata().workspace_packages();
    let synth = packages.iter().find(|package| package.name.as_str() == "synth").unwrap();
    let used: Vec<_> = synth.dependencies.iter().map(|it| it.name.clone()).collect();
    assert!(used.iter().any(|name| name == "snapshot"), "the list is read");
    let known = ["findings", "classify-aws", "countersign", "testkit"];
    none(
        "synth imports no analyzer",
        used.into_iter().filter(|name| known.contains(&name.as_str())).collect(),
    );
}

#[test]
fn folders_are_named_like_their_crates_and_share_the_lints() {
    let mut findings = Vec::new();
    for package in metadata().workspace_packages() {
        let folder = package.manifest_path.parent().and_then(|folder| folder.file_name());
        if folder != Some(package.name.as_str()) {
            findings.push(format!("{} stands in {folder:?}", package.name));
        }
        let manifest = std::fs::read_to_string(&package.manifest_path).unwrap();
        if !manifest.contains("[lints]\nworkspace = true") {
            findings.push(format!("{} does not take the lints of the workspace", package.name));
        }
    }
    none("a crate is where its name says and under the common lints", findings);
}
