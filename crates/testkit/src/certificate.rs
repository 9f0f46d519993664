//! A certificate as the prover would write it of a bundle of which everything is proved, and a comparison in which it found no
//! difference. Nobody signs either, so a test can; the prover itself is tried where the solver is.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::Cli;

/// What `policy check` says of the bundle in this folder.
pub fn checked(bundle: &Path) -> Result<Value> {
    let bundle = bundle.to_str().context("a path that is not text")?;
    Cli::run(["policy", "check", "--bundle", bundle, "--output", "json"])?.expect(0)?.json()
}

/// Written beside the bundle in this folder.
pub fn certificate(bundle: &Path) -> Result<PathBuf> {
    let told = checked(bundle)?;
    let mut ids =
        ["no-rule-can-err", "agreement/constitution", "agreement/grants"].map(str::to_owned).to_vec();
    let mut files = BTreeMap::new();
    for file in files_below(bundle)? {
        let name = file.strip_prefix(bundle)?.to_str().context("a path that is not text")?.to_owned();
        let Some(path) = name.strip_suffix(".cedar") else { continue };
        let text = fs::read(&file)?;
        let mut hex = String::new();
        for byte in Sha256::digest(&text) {
            write!(hex, "{byte:02x}")?;
        }
        if let Some(invariant) = path.strip_prefix("constitution/invariants/") {
            ids.push(format!("invariant/{invariant}"));
        }
        ids.extend(marked(&String::from_utf8(text)?));
        files.insert(name, hex);
    }
    let results: Vec<_> = ids.iter().map(|id| json!({ "id": id, "judgement": "proved" })).collect();
    let written = json!({
        "schema": "countersign.certificate/v1",
        "bundle": told.get("bundle"),
        "cedar_schema": told.get("cedar_schema"),
        "files": files,
        "made_with": { "cvc5": "1.0.3" },
        "passed": ids.len(),
        "failed": 0,
        "results": results,
    });
    let file = bundle.with_extension("certificate.json");
    fs::write(&file, written.to_string())?;
    Ok(file)
}

/// With the bundle of this digest; written beside the bundle in this folder.
pub fn comparison(before: &str, bundle: &Path) -> Result<PathBuf> {
    let told = checked(bundle)?;
    let written = json!({
        "schema": "countersign.refinement/v1",
        "before": before,
        "bundle": told.get("bundle"),
        "cedar_schema": told.get("cedar_schema"),
        "made_with": { "cvc5": "1.0.3" },
        "newly_allowed": [],
        "no_longer_allowed": [],
        "unanswered": [],
    });
    let file = bundle.with_extension("comparison.json");
    fs::write(&file, written.to_string())?;
    Ok(file)
}

/// What is to be proved of the annotations of one file's rules.
fn marked(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    // A rule ends with a line that does, and its annotations stand before it, each on a line.
    for rule in text.split(";\n") {
        let lines = || rule.lines().map(str::trim);
        let id = lines().find_map(|line| line.strip_prefix("@id(\"")?.strip_suffix("\")"));
        for (mark, what) in [("@absolute", "absolute"), ("@breakglass", "breakglass")] {
            if let Some(id) = id.filter(|_| lines().any(|line| line.starts_with(mark))) {
                found.push(format!("{what}/{id}"));
            }
        }
    }
    found
}

/// Every file in a folder and in those below it.
pub fn files_below(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(&next)? {
            let path = entry?.path();
            if path.is_dir() { open.push(path) } else { found.push(path) }
        }
    }
    Ok(found)
}
