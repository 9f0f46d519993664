//! Every rule of the default constitution is removed, or made slightly wrong, one at a time. What nobody notices is a
//! hole in the examples and invariants; there is none.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

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

/// What became of one.
struct Fate {
    examples: Option<String>,
    invariants: Option<String>,
    /// Proved to let through the very same: what another rule says as well may be said twice.
    idle: bool,
}

#[test]
fn whatever_weakens_a_rule_is_caught() {
    check(Profile::Standard, |_| true);
}

/// What it has of its own; the rest is the same in all.
#[test]
fn whatever_weakens_a_rule_of_strict_is_caught() {
    check(Profile::Strict, |rule| {
        ["one-person-at-night", "one-person-to-destroy-what-others-made", "two-people-to-destroy"]
            .contains(&rule)
    });
}

fn check(profile: Profile, of: impl Fn(&str) -> bool) {
    if !solver_is_there() {
        return;
    }
    let files = files(profile);
    let bundle = Bundle::load(&files).unwrap();
    let changes: Vec<Change> = changes(&bundle).into_iter().filter(|it| of(&it.rule)).collect();
    let fates = fates(&files, &bundle, &changes);
    let (mut table, mut survivors) = (String::new(), Vec::new());
    for (change, fate) in changes.iter().zip(&fates) {
        let line = format!(
            "{:<38} {:<44} {:<34} {}",
            change.rule,
            change.mutant.as_ref().map_or("removed", |it| it.done.as_str()),
            fate.examples.as_deref().unwrap_or("-"),
            fate.invariants.as_deref().unwrap_or(if fate.idle { "(proved to change nothing)" } else { "-" })
        );
        writeln!(table, "{line}").unwrap();
        if fate.examples.is_none() && fate.invariants.is_none() && !fate.idle {
            survivors.push(line);
        }
    }
    let count = |is: fn(&Fate) -> bool| fates.iter().filter(|fate| is(fate)).count();
    println!("{:<38} {:<44} {:<34} invariants\n{table}", "rule", "change", "examples");
    println!(
        "{profile}: {} changes: {} caught by examples, {} by proofs, {} by neither; {} change nothing",
        fates.len(),
        count(|it| it.examples.is_some()),
        count(|it| it.invariants.is_some()),
        survivors.len(),
        count(|it| it.idle),
    );
    assert!(changes.len() > 20, "only {} changes", changes.len());
    assert!(survivors.is_empty(), "nobody notices:\n{}", survivors.join("\n"));
}

/// Two at a time, with one solver each.
fn fates(files: &Files, bundle: &Bundle, changes: &[Change]) -> Vec<Fate> {
    let next = AtomicUsize::new(0);
    let found = Mutex::new(BTreeMap::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some((nth, change)) = {
                    let nth = next.fetch_add(1, Ordering::Relaxed);
                    changes.get(nth).map(|change| (nth, change))
                } {
                    let examples = examples(files, change);
                    let invariants = proof(bundle, change);
                    let unseen = examples.is_none() && invariants.is_none();
                    let idle = unseen && changes_nothing(bundle, change);
                    found.lock().unwrap().insert(nth, Fate { examples, invariants, idle });
                }
            });
        }
    });
    found.into_inner().unwrap().into_values().collect()
}

fn choice() -> SolverChoice {
    SolverChoice { processes: 1, ..SolverChoice::default() }
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
    let broken = broken(&constitution, bundle.invariants(), bundle.schema(), &choice()).unwrap()?;
    Some(broken.invariants.iter().map(|id| id.to_string()).collect::<Vec<_>>().join(", "))
}

fn changes_nothing(bundle: &Bundle, change: &Change) -> bool {
    let as_it_is: Vec<Policy> = rules(bundle).map(|it| it.1).collect();
    same(&as_it_is, &constitution(bundle, change), bundle.schema(), &choice()).unwrap()
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
