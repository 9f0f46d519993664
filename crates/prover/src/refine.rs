//! What one bundle allows and another does not, both ways, with the grants of both: for each effect, and for each rule or grant
//! that stands in the way in the other bundle, a request, decided again under both. Not here: what no rule decides
//! (environments, hours, roster, limits).

use std::collections::{BTreeMap, BTreeSet};

use cedar_policy::{Policy, RequestEnv};
use model::Digest;
use policy::{Bundle, Files, Replay, Scene};
use serde::Serialize;

use crate::{
    assumptions::Assumption,
    certificate::Counterexample,
    clock::Stopwatch,
    compose::{Granted, whole},
    found::{matches, scene_of},
    prove::{ProveError, assumed, familiar, made_with, millis},
    question::{Agenda, Ask, Must, Under, environments},
    run::{Answer, Schemas, ask_all, block_on, counterexample},
    shrink::{Familiar, shrink},
    solver::{SolverChoice, version},
};

/// The difference between two bundles, as far as rules decide. Nothing is newly allowed only if both lists and
/// `unanswered` say nothing of it.
#[derive(Clone, Debug, Serialize)]
pub struct Refinement {
    pub newly_allowed: Vec<Widening>,
    pub no_longer_allowed: Vec<Widening>,
    /// What no answer was found to, a sentence each; none of it may be taken for "the same".
    pub unanswered: Vec<String>,
}

/// A request of this effect that only one of the bundles allows.
#[derive(Clone, Debug, Serialize)]
pub struct Widening {
    pub effect: String,
    pub example: Counterexample,
    /// How the other bundle stops it.
    pub stopped: String,
}

/// A refinement, with what it was made of and with.
#[derive(Clone, Debug, Serialize)]
pub struct Comparison {
    /// `countersign.refinement/v1`.
    pub schema: &'static str,
    pub before: Digest,
    pub bundle: Digest,
    pub cedar_schema: Digest,
    pub made_with: BTreeMap<&'static str, String>,
    pub assumptions: Vec<String>,
    #[serde(flatten)]
    pub refinement: Refinement,
    pub took_ms: u64,
}

impl Refinement {
    /// Whether it is proved that the new bundle allows nothing that the old one does not.
    pub fn tightens(&self) -> bool {
        self.newly_allowed.is_empty() && self.unanswered.is_empty()
    }
}

impl Comparison {
    const SCHEMA: &'static str = "countersign.refinement/v1";

    pub fn all_answered(&self) -> bool {
        self.refinement.unanswered.is_empty()
    }
}

/// Reads both, whatever their examples say, and compares them: an edit is looked at before it is finished.
pub fn compare(before: &Files, files: &Files, choice: &SolverChoice) -> Result<Comparison, ProveError> {
    let watch = Stopwatch::start();
    let old = Bundle::draft(before).map_err(ProveError::LoadBefore)?;
    let new = Bundle::draft(files).map_err(ProveError::Load)?;
    let solver = block_on(version(choice))?;
    let assumptions = assumed(&[&old, &new]).map_err(ProveError::Unprovable)?;
    let refinement = refine(&old, &new, choice)?;
    Ok(Comparison {
        schema: Comparison::SCHEMA,
        before: old.digest(),
        bundle: new.digest(),
        cedar_schema: policy::schema_digest(),
        made_with: made_with(solver),
        assumptions: assumptions.into_iter().map(|it| it.says).collect(),
        refinement,
        took_ms: millis(watch.elapsed()),
    })
}

/// Compares two bundles.
pub fn refine(old: &Bundle, new: &Bundle, choice: &SolverChoice) -> Result<Refinement, ProveError> {
    let assumptions = assumed(&[old, new]).map_err(ProveError::Unprovable)?;
    let mut agenda = Agenda::default();
    let ways =
        [(new, old), (old, new)].map(|(allows, denies)| Way { allows, denies, assumptions: &assumptions });
    let mut tests = Vec::new();
    for way in &ways {
        tests.push(way.put_to(&mut agenda, &BTreeSet::new()).map_err(ProveError::Unprovable)?);
    }
    let schemas = Schemas { plain: new.schema(), doubled: new.schema() };
    let mut environments = environments(new.schema());
    environments.retain(|environment| environment.principal().basename() == "Agent");
    let answers = ask_all(&agenda, &schemas, &environments, choice)?;
    let names = familiar(&[new, old]);
    let mut lists = [Vec::new(), Vec::new()];
    let mut unanswered = Vec::new();
    for ((test, way), list) in tests.into_iter().zip(&ways).zip(&mut lists) {
        for (nth, environment) in environments.iter().enumerate() {
            let effect = environment.action().id().unescaped().to_owned();
            let search = Search { way, schemas: &schemas, environment, choice, names: &names };
            match answers.get(test).and_then(|answers| answers.get(nth)).map(|it| &it.answer) {
                Some(Answer::Holds) => {}
                Some(Answer::Fails) => {
                    if let Err(why) = search.examples(&effect, list) {
                        unanswered.push(format!("{effect}: {why}"));
                    }
                }
                Some(Answer::None(why)) => unanswered.push(format!("{effect}: {why}")),
                Some(Answer::Spared) | None => unanswered.push(format!("{effect}: it was not asked")),
            }
        }
    }
    let [newly_allowed, no_longer_allowed] = lists;
    Ok(Refinement { newly_allowed, no_longer_allowed, unanswered })
}

/// Why the other bundle stops a request.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Reason {
    Rule(String),
    NoAgentsGrant,
    NoOperatorsGrant,
}

/// What one bundle allows and the other denies.
struct Way<'a> {
    allows: &'a Bundle,
    denies: &'a Bundle,
    assumptions: &'a [Assumption],
}

/// More kinds of example of one effect than a person reads.
const MOST: usize = 8;

struct Search<'a> {
    way: &'a Way<'a>,
    schemas: &'a Schemas<'a>,
    environment: &'a RequestEnv,
    choice: &'a SolverChoice,
    names: &'a Familiar,
}

impl Search<'_> {
    /// One after the other, each of them stopped by something that stops none of those before.
    fn examples(&self, effect: &str, list: &mut Vec<Widening>) -> Result<(), String> {
        let mut told = BTreeSet::new();
        for nth in 0..MOST {
            let mut agenda = Agenda::default();
            let test = self.way.put_to(&mut agenda, &told)?;
            if nth > 0 && !self.fails(&agenda)? {
                return Ok(());
            }
            let found = counterexample(&agenda, test, self.schemas, self.environment, self.choice)?;
            let (example, stopped, reasons) = self.example(scene_of(&found)?, &told)?;
            list.push(Widening { effect: effect.to_owned(), example, stopped });
            if reasons.is_empty() {
                return Ok(());
            }
            told.extend(reasons);
        }
        Ok(())
    }

    fn fails(&self, agenda: &Agenda) -> Result<bool, String> {
        let here = std::slice::from_ref(self.environment);
        let answers = ask_all(agenda, self.schemas, here, self.choice).map_err(|err| err.to_string())?;
        match answers.first().and_then(|answers| answers.first()).map(|it| &it.answer) {
            Some(Answer::Fails) => Ok(true),
            Some(Answer::Holds) => Ok(false),
            Some(Answer::None(why)) => Err(format!("whether there is more is not known: {why}")),
            Some(Answer::Spared) | None => Err("whether there is more was not asked".to_owned()),
        }
    }

    fn example(
        &self,
        scene: Scene,
        told: &BTreeSet<Reason>,
    ) -> Result<(Counterexample, String, BTreeSet<Reason>), String> {
        let news = |stopped: &Replay| told.is_empty() || !reasons(stopped).is_subset(told);
        let still = |scene: &Scene| self.way.differ(scene).is_some_and(|stopped| news(&stopped));
        let smallest = shrink(scene, self.names, &still);
        let told = smallest.told();
        match self.way.differ(&smallest).filter(news) {
            Some(stopped) => {
                let (how, reasons) = (stopped.to_string(), reasons(&stopped));
                Ok((Counterexample { told, request: smallest, other: None }, how, reasons))
            }
            None => Err(format!("the solver found a request of which the decisions do not differ: {told}")),
        }
    }
}

fn reasons(stopped: &Replay) -> BTreeSet<Reason> {
    match stopped {
        Replay::Allowed | Replay::Fault(_) => BTreeSet::new(),
        Replay::Stopped { rules, ungranted } => {
            let grants = ungranted.iter().map(|who| match who.split_once(' ') {
                Some(("operator", _)) => Reason::NoOperatorsGrant,
                _ => Reason::NoAgentsGrant,
            });
            rules.iter().map(|rule| Reason::Rule(rule.id.to_string())).chain(grants).collect()
        }
    }
}

impl Way<'_> {
    /// Whether all that the one allows is allowed by the other, or stopped by nothing but `told`.
    fn put_to(&self, agenda: &mut Agenda, told: &BTreeSet<Reason>) -> Result<usize, String> {
        let granted = Granted {
            to_agents: told.contains(&Reason::NoAgentsGrant),
            by_operators: told.contains(&Reason::NoOperatorsGrant),
        };
        let [allows, mut denies] = [whole(self.allows, Granted::default())?, whole(self.denies, granted)?];
        denies.retain(|policy: &Policy| !told.contains(&Reason::Rule(policy.id().to_string())));
        let assumed = || self.assumptions.iter().flat_map(|it| &it.policies);
        let allows = agenda.set(allows.iter().chain(assumed()), Under::Schema)?;
        let denies = agenda.set(denies.iter().chain(assumed()), Under::Schema)?;
        Ok(agenda.test(Ask::Implies(allows, denies), Must::HoldEverywhere))
    }

    /// How the one bundle stops what the other allows.
    fn differ(&self, scene: &Scene) -> Option<Replay> {
        let (request, entities) = scene.posed(self.allows.schema()).ok()?;
        for assumed in self.assumptions.iter().flat_map(|it| &it.policies) {
            if matches(assumed, &request, &entities) != Ok(false) {
                return None;
            }
        }
        let stopped = self.denies.replay_decision(&request, &entities);
        let allowed = self.allows.replay_decision(&request, &entities) == Replay::Allowed;
        (allowed && stopped != Replay::Allowed).then_some(stopped)
    }
}
