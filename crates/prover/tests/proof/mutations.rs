//! Every rule of the default constitution is removed, or made slightly wrong, one at a time. What nobody notices is a
//! hole in the examples and invariants; there is none.

use std::fmt::Write as _;

use cedar_policy::Policy;
use policy::{Bundle, Files, Part, Profile};
use prover::{SolverChoice, broken, same};

use crate::{
    mutants::{Mutant, mutants},
    world::{files, solver_is_there},
};

/// One change of one rule.
struct Change {
    rule: String,
    file: String,
    /// `None`: removed.
    mutant: Option<Mutant>,
}

#[test]
fn whatever_weakens_a_rule_is_caught() {
    if !solver_is_there() {
        return;
    }
    let files = files(Profile::Standard);
    let bundle = Bundle::load(&files).unwrap();
    let (mut table, mut survivors) = (String::new(), Vec::new());
    let (mut by_examples, mut by_proof, mut idle, mut all) = (0, 0, 0, 0);
    for change in changes(&bundle) {
        let done = change.mutant.as_ref().map_or("removed", |it| it.done.as_str());
        let seen = examples(&files, &change);
        let proved = proof(&bundle, &change);
        all += 1;
        by_examples += usize::from(seen.is_some());
        by_proof += usize::from(proved.is_some());
        // What another rule says as well may be said twice.
        let says_the_same = seen.is_none() && proved.is_none() && changes_nothing(&bundle, &change);
        idle += usize::from(says_the_same);
        let line = format!(
            "{:<32} {:<44} {:<34} {}",
            change.rule,
            done,
            seen.as_deref().unwrap_or("-"),
            proved.as_deref().unwrap_or(if says_the_same { "(proved to change nothing)" } else { "-" })
        );
        writeln!(table, "{line}").unwrap();
        if seen.is_none() && proved.is_none() && !says_the_same {
            survivors.push(line);
        }
    }
    println!("{:<32} {:<44} {:<34} invariants\n{table}", "rule", "change", "examples");
    println!(
        "{all} changes: {by_examples} caught by examples, {by_proof} by proofs, {} by neither; {idle} change nothing",
        survivors.len()
    );
    assert!(all > 100, "only {all} changes");
    assert!(survivors.is_empty(), "nobody notices:\n{}", survivors.join("\n"));
}

fn changes(bundle: &Bundle) -> Vec<Change> {
    let mut found = Vec::new();
    for rule in bundle.provable().into_iter().filter(|it| it.part == Part::Constitution) {
        let (id, file) = (rule.rule.id.to_string(), rule.rule.file.clone());
        let change = |mutant| Change { rule: id.clone(), file: file.clone(), mutant };
        found.push(change(None));
        found.extend(mutants(rule.policy).into_iter().map(|mutant| change(Some(mutant))));
    }
    found
}

/// The first example that comes out otherwise. A removed rule goes with its own examples.
fn examples(files: &Files, change: &Change) -> Option<String> {
    let mut files = files.clone();
    match &change.mutant {
        None => {
            files.remove(&change.file);
            files.remove(&change.file.replace(".cedar", ".examples.toml"));
        }
        Some(mutant) => {
            files.insert(change.file.clone(), mutant.policy.to_cedar().unwrap().into_bytes());
        }
    }
    match Bundle::test(&files) {
        Ok(results) => {
            let failed: Vec<_> = results.iter().filter(|it| !it.passed).collect();
            let first =
                failed.first()?.file.trim_start_matches("constitution/").trim_end_matches(".examples.toml");
            Some(format!("{} of {first}", failed.len()))
        }
        Err(err) => {
            let message = &err.problems[0].message;
            Some(format!("refused: {}", message.chars().take(24).collect::<String>()))
        }
    }
}

/// The invariants that one request breaks.
fn proof(bundle: &Bundle, change: &Change) -> Option<String> {
    let constitution = constitution(bundle, change);
    let broken =
        broken(&constitution, bundle.invariants(), bundle.schema(), &SolverChoice::default()).unwrap()?;
    Some(broken.invariants.iter().map(|id| id.to_string()).collect::<Vec<_>>().join(", "))
}

fn changes_nothing(bundle: &Bundle, change: &Change) -> bool {
    let as_it_is: Vec<Policy> = rules(bundle).map(|it| it.1).collect();
    same(&as_it_is, &constitution(bundle, change), bundle.schema(), &SolverChoice::default()).unwrap()
}

fn constitution(bundle: &Bundle, change: &Change) -> Vec<Policy> {
    let kept = |(file, policy)| {
        if file == change.file { change.mutant.as_ref().map(|it| it.policy.clone()) } else { Some(policy) }
    };
    rules(bundle).filter_map(kept).collect()
}

fn rules(bundle: &Bundle) -> impl Iterator<Item = (String, Policy)> {
    let all = bundle.provable().into_iter().filter(|it| it.part == Part::Constitution);
    all.map(|it| (it.rule.file.clone(), it.policy.clone()))
}
