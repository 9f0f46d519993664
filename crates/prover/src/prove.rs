//! From a bundle's files to its certificate.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use cedar_policy::RequestEnv;
use model::Digest;
use policy::{Bundle, Files, LoadError, Scene};

use crate::{
    assumptions::{Assumption, assumptions},
    certificate::{Certificate, Counterexample, Judgement, Outcome},
    clock::Stopwatch,
    found::scene_of,
    question::{Agenda, Must, environments},
    rewrite::doubled_schema,
    run::{Answer, Answered, Schemas, ask_all, block_on, counterexample},
    shrink::{Familiar, shrink, split},
    solver::{SolverChoice, SolverError, version},
    theorems::{DOUBLED, Theorem, theorems},
};

/// Why there is no certificate at all; a sentence that is not proved is none of these.
#[derive(Debug, thiserror::Error)]
pub enum ProveError {
    #[error("the bundle does not load:\n{0}")]
    Load(#[source] LoadError),
    /// Of two that are compared, the one that the other would replace.
    #[error("the bundle before does not load:\n{0}")]
    LoadBefore(#[source] LoadError),
    #[error(transparent)]
    Solver(#[from] SolverError),
    /// A rule, or the schema, in a form that nothing can be proved of.
    #[error("it cannot be put to a solver: {0}")]
    Unprovable(String),
}

/// The exact version that the manifest pins.
pub(crate) const SYMCC: &str = "0.8.1";

/// Loads the bundle, examples and all, and proves what can be proved of it.
pub fn prove(files: &Files, choice: &SolverChoice) -> Result<Certificate, ProveError> {
    let watch = Stopwatch::start();
    let bundle = Bundle::load(files).map_err(ProveError::Load)?;
    let solver = block_on(version(choice))?;
    let assumptions = assumed(&[&bundle]).map_err(ProveError::Unprovable)?;
    let mut agenda = Agenda::default();
    let theorems = theorems(&bundle, &assumptions, &mut agenda).map_err(ProveError::Unprovable)?;
    let doubled = doubled_schema(DOUBLED).map_err(ProveError::Unprovable)?;
    let schemas = Schemas { plain: bundle.schema(), doubled: &doubled };
    let environments = environments(bundle.schema());
    let answers = ask_all(&agenda, &schemas, &environments, choice)?;
    let run = Run {
        bundle: &bundle,
        assumptions: &assumptions,
        agenda: &agenda,
        schemas: &schemas,
        environments: &environments,
        answers: &answers,
        choice,
        familiar: familiar(&[&bundle]),
    };
    let results: Vec<_> = theorems.iter().map(|theorem| run.outcome(theorem)).collect();
    let passed = results.iter().filter(|it| it.passed()).count();
    let warned = results.iter().filter(|it| it.warned()).count();
    Ok(Certificate {
        schema: Certificate::SCHEMA,
        bundle: bundle.digest(),
        profile: bundle.profile().to_string(),
        cedar_schema: policy::schema_digest(),
        files: read_files(files),
        made_with: made_with(solver),
        request_environments: environments.len(),
        claimed: Certificate::CLAIMED,
        assumptions: assumptions.iter().map(|it| it.says.clone()).collect(),
        not_claimed: Certificate::NOT_CLAIMED,
        passed,
        warned,
        failed: results.len().saturating_sub(passed).saturating_sub(warned),
        results,
        took_ms: millis(watch.elapsed()),
    })
}

pub(crate) fn made_with(solver: String) -> BTreeMap<&'static str, String> {
    BTreeMap::from([
        ("countersign", env!("CARGO_PKG_VERSION").to_owned()),
        ("cedar-policy", cedar_policy::get_sdk_version().to_string()),
        ("cedar-policy-symcc", SYMCC.to_owned()),
        ("cvc5", solver),
    ])
}

pub(crate) fn assumed(bundles: &[&Bundle]) -> Result<Vec<Assumption>, String> {
    let rules: Vec<_> =
        bundles.iter().flat_map(|bundle| bundle.provable()).map(|it| it.policy.clone()).collect();
    let invariants = bundles.iter().flat_map(|bundle| bundle.invariants()).map(|it| &it.policy);
    assumptions(rules.iter().chain(invariants))
}

pub(crate) fn familiar(bundles: &[&Bundle]) -> Familiar {
    let agents = bundles.iter().flat_map(|it| it.roster().agents.keys()).map(ToString::to_string);
    let people = bundles.iter().flat_map(|it| &it.roster().people);
    let operators = people.filter(|(_, person)| person.operator).map(|(name, _)| name.to_string());
    let unique = |names: BTreeSet<String>| names.into_iter().collect();
    Familiar { agents: unique(agents.collect()), operators: unique(operators.collect()) }
}

fn read_files(files: &Files) -> BTreeMap<String, Digest> {
    let read = files.iter().filter(|(path, _)| path.ends_with(".cedar"));
    read.map(|(path, content)| (path.clone(), Digest::of(content))).collect()
}

struct Run<'a> {
    bundle: &'a Bundle,
    assumptions: &'a [Assumption],
    agenda: &'a Agenda,
    schemas: &'a Schemas<'a>,
    environments: &'a [RequestEnv],
    answers: &'a [Vec<Answered>],
    choice: &'a SolverChoice,
    familiar: Familiar,
}

impl Run<'_> {
    fn outcome(&self, theorem: &Theorem) -> Outcome {
        let took: Duration = theorem.tests.iter().flat_map(|test| self.of(*test)).map(|it| it.took).sum();
        let (judgement, detail, counterexample) = self.judged(theorem);
        Outcome {
            id: theorem.id.clone(),
            says: theorem.says.clone(),
            file: theorem.file.clone(),
            judgement,
            detail,
            counterexample,
            took_ms: millis(took),
        }
    }

    fn of(&self, test: usize) -> &[Answered] {
        self.answers.get(test).map_or(&[], Vec::as_slice)
    }

    fn judged(&self, theorem: &Theorem) -> (Judgement, String, Option<Counterexample>) {
        if let Some(wrong) = &theorem.wrong {
            return (Judgement::Refuted, wrong.clone(), None);
        }
        let mut unanswered = None;
        for test in &theorem.tests {
            let answers = self.of(*test);
            let Some(must) = self.agenda.tests.get(*test).map(|test| test.must) else {
                return (Judgement::Unproved, "it was not asked".to_owned(), None);
            };
            let first = |wanted: &Answer| answers.iter().position(|it| it.answer == *wanted);
            let none = answers.iter().find_map(|it| match &it.answer {
                Answer::None(why) => Some(why.clone()),
                Answer::Holds | Answer::Fails | Answer::Spared => None,
            });
            match must {
                Must::HoldEverywhere => {
                    if let Some(nth) = first(&Answer::Fails) {
                        let (judgement, detail, found) = self.refuted(theorem, *test, nth);
                        // What is only stricter is no failure; what nobody answered is.
                        return match none.filter(|_| judgement == Judgement::Stricter) {
                            Some(why) => (Judgement::Unproved, why, None),
                            None => (judgement, detail, found),
                        };
                    }
                    let spared = first(&Answer::Spared).map(|_| "it was not asked everywhere".to_owned());
                    unanswered = unanswered.or(none).or(spared);
                }
                Must::HoldSomewhere if first(&Answer::Holds).is_some() => {}
                Must::HoldSomewhere => match none {
                    Some(why) => unanswered = unanswered.or(Some(why)),
                    None => {
                        let nothing = "it speaks of no request that can be, and so says nothing";
                        return (Judgement::Refuted, nothing.to_owned(), None);
                    }
                },
            }
            if answers.len() != self.environments.len() || answers.is_empty() {
                return (Judgement::Unproved, "it was not asked of every kind of request".to_owned(), None);
            }
        }
        match unanswered {
            Some(why) => (Judgement::Unproved, why, None),
            None if theorem.tests.is_empty() => (Judgement::Unproved, "nothing was asked".to_owned(), None),
            None => (Judgement::Proved, String::new(), None),
        }
    }

    fn refuted(
        &self,
        theorem: &Theorem,
        test: usize,
        nth: usize,
    ) -> (Judgement, String, Option<Counterexample>) {
        let unproved = |why: String| (Judgement::Unproved, why, None);
        let Some(environment) = self.environments.get(nth) else {
            return unproved("it was not asked".to_owned());
        };
        let found = counterexample(self.agenda, test, self.schemas, environment, self.choice);
        let scene = match found.and_then(|env| scene_of(&env)) {
            Ok(scene) => scene,
            Err(why) => {
                return unproved(format!(
                    "it does not hold for `{}`, and {why}",
                    environment.action().id().unescaped()
                ));
            }
        };
        let agrees = |scene: &Scene| {
            let pair = split(scene, theorem.doubled()).ok()?;
            let told = theorem.refuted_by(self.bundle, self.assumptions, &pair)?;
            Some((pair, told))
        };
        let smallest = shrink(scene, &self.familiar, &|scene| agrees(scene).is_some());
        match agrees(&smallest) {
            Some(((request, other), (first, second))) => {
                let mut told = format!("{}: {first}", request.told());
                if let (Some(other), Some(second)) = (&other, second) {
                    told.push_str(&format!("; {}: {second}", other.told_besides(&request)));
                }
                let (judgement, detail) = match theorem.leaves_alone() {
                    true => (Judgement::Stricter, format!("stricter than this sentence: {told}")),
                    false => (Judgement::Refuted, told.clone()),
                };
                (judgement, detail, Some(Counterexample { told, request, other }))
            }
            None => {
                let told = split(&smallest, theorem.doubled()).map_or_else(|why| why, |pair| pair.0.told());
                unproved(format!("the solver found a request that the decision does not confirm: {told}"))
            }
        }
    }
}

pub(crate) fn millis(took: Duration) -> u64 {
    u64::try_from(took.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_certificate_names_the_version_that_is_built_in() {
        let manifest = include_str!("../../../Cargo.toml");
        assert!(manifest.contains(&format!("cedar-policy-symcc = {{ version = \"={}\"", super::SYMCC)));
    }
}
