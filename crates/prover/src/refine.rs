//! What one bundle allows and another does not, both ways, with the grants of both: for each effect a request, decided
//! again under both bundles. Not here: what no rule decides (environments, hours, roster, limits).

use policy::{Bundle, Replay};
use serde::Serialize;

use crate::{
    assumptions::Assumption,
    certificate::Counterexample,
    compose::whole,
    prove::{ProveError, assumed, familiar},
    question::{Agenda, Ask, Must, Under, environments},
    run::{Answer, Schemas, ask_all, counterexample},
    scene::{Scene, matches},
    shrink::{Familiar, shrink},
    solver::SolverChoice,
    theorems::outcome,
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
}

impl Refinement {
    /// Whether it is proved that the new bundle allows nothing that the old one does not.
    pub fn tightens(&self) -> bool {
        self.newly_allowed.is_empty() && self.unanswered.is_empty()
    }
}

/// Compares two bundles that have both been loaded.
pub fn refine(old: &Bundle, new: &Bundle, choice: &SolverChoice) -> Result<Refinement, ProveError> {
    let assumptions = assumed(&[old, new]).map_err(ProveError::Unprovable)?;
    let mut agenda = Agenda::default();
    let tests = agenda_of(&mut agenda, old, new, &assumptions).map_err(ProveError::Unprovable)?;
    let schemas = Schemas { plain: new.schema(), doubled: new.schema() };
    let mut environments = environments(new.schema());
    environments.retain(|environment| environment.principal().basename() == "Agent");
    let answers = ask_all(&agenda, &schemas, &environments, choice)?;
    let names = familiar(&[new, old]);
    let mut found =
        Refinement { newly_allowed: Vec::new(), no_longer_allowed: Vec::new(), unanswered: Vec::new() };
    for (test, (allows, denies)) in tests.into_iter().zip([(new, old), (old, new)]) {
        for (nth, environment) in environments.iter().enumerate() {
            let effect = environment.action().id().unescaped().to_owned();
            match answers.get(test).and_then(|answers| answers.get(nth)).map(|it| &it.answer) {
                Some(Answer::Holds) => {}
                Some(Answer::Fails) => {
                    let told = Comparison { allows, denies, assumptions: &assumptions }.example(
                        || {
                            counterexample(&agenda, test, &schemas, environment, choice)
                                .and_then(|env| Scene::of(&env))
                        },
                        &names,
                    );
                    let list =
                        if test == 0 { &mut found.newly_allowed } else { &mut found.no_longer_allowed };
                    match told {
                        Ok(example) => list.push(Widening { effect, example }),
                        Err(why) => found.unanswered.push(format!("{effect}: {why}")),
                    }
                }
                Some(Answer::None(why)) => found.unanswered.push(format!("{effect}: {why}")),
                Some(Answer::Spared) | None => found.unanswered.push(format!("{effect}: it was not asked")),
            }
        }
    }
    Ok(found)
}

/// New within old, then old within new.
fn agenda_of(
    agenda: &mut Agenda,
    old: &Bundle,
    new: &Bundle,
    assumptions: &[Assumption],
) -> Result<[usize; 2], String> {
    let assumed = || assumptions.iter().flat_map(|it| &it.policies);
    let [old, new] = [whole(old)?, whole(new)?];
    let old = agenda.set(old.iter().chain(assumed()), Under::Schema)?;
    let new = agenda.set(new.iter().chain(assumed()), Under::Schema)?;
    Ok([(new, old), (old, new)]
        .map(|(one, other)| agenda.test(Ask::Implies(one, other), Must::HoldEverywhere)))
}

struct Comparison<'a> {
    allows: &'a Bundle,
    denies: &'a Bundle,
    assumptions: &'a [Assumption],
}

impl Comparison<'_> {
    fn example(
        &self,
        find: impl FnOnce() -> Result<Scene, String>,
        familiar: &Familiar,
    ) -> Result<Counterexample, String> {
        let smallest = shrink(find()?, familiar, &|scene| self.differ(scene).is_some());
        match self.differ(&smallest) {
            Some(stopped) => Ok(Counterexample {
                told: format!("{}; the other bundle: {stopped}", smallest.told()),
                request: smallest,
                other: None,
            }),
            None => Err(format!(
                "the solver found a request of which the decisions do not differ: {}",
                smallest.told()
            )),
        }
    }

    /// How the one bundle stops what the other allows.
    fn differ(&self, scene: &Scene) -> Option<String> {
        let (request, entities) = scene.posed(self.allows.schema()).ok()?;
        for assumed in self.assumptions.iter().flat_map(|it| &it.policies) {
            if matches(assumed, &request, &entities) != Ok(false) {
                return None;
            }
        }
        let stopped = self.denies.replay_decision(&request, &entities);
        let allowed = self.allows.replay_decision(&request, &entities) == Replay::Allowed;
        (allowed && stopped != Replay::Allowed).then(|| outcome(&stopped))
    }
}
