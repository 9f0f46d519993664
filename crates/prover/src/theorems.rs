//! The sentences that are proved of a bundle, each with the questions that prove it. Where one fails, the sentence knows
//! what a counterexample must be, so that it can be decided again ([`Theorem::refuted_by`]).

use cedar_policy::{Effect as Stance, Policy};
use policy::{Bundle, Claim, Part, Provable, Replay, Scene};

use crate::{
    assumptions::Assumption,
    found::matches,
    question::{Agenda, Ask, Must, SetIndex, Under, permit_all},
    rewrite::{again, parts_of, reading_again},
};

/// One sentence.
#[derive(Debug)]
pub(crate) struct Theorem {
    pub(crate) id: String,
    pub(crate) says: String,
    pub(crate) file: Option<String>,
    /// Its questions, as indexes into the agenda; empty where it is refuted without a solver.
    pub(crate) tests: Vec<usize>,
    pub(crate) about: About,
    /// Known without asking anybody.
    pub(crate) wrong: Option<String>,
}

#[derive(Debug)]
pub(crate) enum About {
    Errors,
    Invariant(Box<Policy>),
    /// More agreement never turns yes into no.
    Agreement,
    GrantAgreement(Vec<Policy>),
    /// The rule of this id, and what can be varied without an effect on it.
    Fixed(String, &'static [&'static str]),
    /// Refuted before anything is asked.
    Nothing,
}

/// What a requirement is searched over, hours apart.
const AGREEMENT: &[&str] = &["approvals", "evidence"];
/// What `@absolute` says is of no use.
const LIFTS_NOTHING: &[&str] = &["approvals", "evidence", "standing", "within_budget"];
/// What breaking the glass must leave alone.
const PEOPLE: &[&str] = &["approvals"];
/// Everything that a second copy is made of.
pub(crate) const DOUBLED: &[&str] = LIFTS_NOTHING;

/// Every theorem of a bundle, its questions put on the agenda.
pub(crate) fn theorems(
    bundle: &Bundle,
    assumptions: &[Assumption],
    agenda: &mut Agenda,
) -> Result<Vec<Theorem>, String> {
    let rules = bundle.provable();
    let constitution: Vec<&Policy> =
        rules.iter().filter(|it| it.part == Part::Constitution).map(|it| it.policy).collect();
    let mut builder = Builder::new(&constitution, assumptions, agenda)?;
    let mut found = vec![builder.no_rule_errs(&rules)];
    if bundle.invariants().is_empty() {
        found.push(no_invariants());
    }
    for invariant in bundle.invariants() {
        found.push(builder.invariant(invariant)?);
    }
    found.push(builder.agreement(&constitution)?);
    let grants: Vec<_> = rules.iter().filter(|it| it.part != Part::Constitution).collect();
    found.push(builder.grants_agree(&grants)?);
    for rule in rules.iter().filter(|it| it.absolute) {
        let says = format!(
            "`{}` is absolute: no person, no evidence and nothing allowed ahead of time satisfies it",
            rule.rule.id
        );
        found.push(builder.fixed(rule, "absolute", says, LIFTS_NOTHING)?);
    }
    for rule in rules.iter().filter(|it| it.breakglass) {
        let says = format!("`{}` counts nobody: breaking the glass waives no number of people", rule.rule.id);
        found.push(builder.fixed(rule, "breakglass", says, PEOPLE)?);
    }
    Ok(found)
}

fn no_invariants() -> Theorem {
    Theorem {
        id: "invariants".to_owned(),
        says: "the bundle says what its constitution must keep".to_owned(),
        file: None,
        tests: Vec::new(),
        about: About::Nothing,
        wrong: Some(
            "constitution/invariants/ is empty, so that nothing is claimed; `countersign init` writes some"
                .to_owned(),
        ),
    }
}

struct Builder<'a> {
    agenda: &'a mut Agenda,
    assumed: Vec<&'a Policy>,
    permit_all: Policy,
    /// {permit all} ∪ constitution, of what is assumed.
    enforced: SetIndex,
    /// {permit all}, of what is assumed.
    anything: SetIndex,
}

impl<'a> Builder<'a> {
    fn new(
        constitution: &[&'a Policy],
        assumptions: &'a [Assumption],
        agenda: &'a mut Agenda,
    ) -> Result<Self, String> {
        let assumed: Vec<_> = assumptions.iter().flat_map(|it| &it.policies).collect();
        let permit_all = permit_all()?;
        let all = || std::iter::once(&permit_all).chain(assumed.iter().copied());
        let enforced = agenda.set(all().chain(constitution.iter().copied()), Under::Schema)?;
        let anything = agenda.set(all(), Under::Schema)?;
        Ok(Self { assumed, enforced, anything, agenda, permit_all: permit_all.clone() })
    }

    fn no_rule_errs(&mut self, rules: &[Provable<'_>]) -> Theorem {
        let never = |it: &Provable<'_>| Ask::NeverErrs(Box::new(it.policy.clone()));
        let tests = rules.iter().map(|it| self.agenda.test(never(it), Must::HoldEverywhere)).collect();
        Theorem {
            id: "no-rule-can-err".to_owned(),
            says: format!("none of the {} rules, constitution and grants, can err", rules.len()),
            file: None,
            tests,
            about: About::Errors,
            wrong: None,
        }
    }

    fn invariant(&mut self, invariant: &policy::Invariant) -> Result<Theorem, String> {
        let mine = &invariant.policy;
        let mut tests = Vec::new();
        match invariant.claim() {
            Claim::Never => {
                let bad = [&self.permit_all, mine];
                let bad = self.agenda.set(bad, Under::Schema)?;
                tests.push(self.agenda.test(Ask::Implies(self.enforced, bad), Must::HoldEverywhere));
                // A sentence about no request at all would always hold.
                tests.push(self.agenda.test(Ask::Differs(self.anything, bad), Must::HoldSomewhere));
            }
            Claim::NeverInTheWay => {
                let good = std::iter::once(mine).chain(self.assumed.iter().copied());
                let good = self.agenda.set(good, Under::Schema)?;
                let nothing = self.agenda.set([], Under::Schema)?;
                tests.push(self.agenda.test(Ask::Implies(good, self.enforced), Must::HoldEverywhere));
                tests.push(self.agenda.test(Ask::Differs(good, nothing), Must::HoldSomewhere));
            }
        }
        Ok(Theorem {
            id: format!("invariant/{}", invariant.id),
            says: invariant.says.clone(),
            file: Some(invariant.file.clone()),
            tests,
            about: About::Invariant(Box::new(mine.clone())),
            wrong: None,
        })
    }

    fn agreement(&mut self, constitution: &[&Policy]) -> Result<Theorem, String> {
        let more = more_agreement()?;
        let first = std::iter::once(&self.permit_all)
            .chain(self.assumed.iter().copied())
            .chain(constitution.iter().copied())
            .chain([&more]);
        let first = self.agenda.set(first, Under::Doubled)?;
        let again = constitution.iter().map(|policy| reading_again(policy, AGREEMENT));
        let again = again.collect::<Result<Vec<_>, _>>()?;
        let second = self.agenda.set(std::iter::once(&self.permit_all).chain(&again), Under::Doubled)?;
        Ok(Theorem {
            id: "agreement/constitution".to_owned(),
            says: "more people, more roles among them and more evidence never turn a yes of the constitution into a no"
                .to_owned(),
            file: None,
            tests: vec![self.agenda.test(Ask::Implies(first, second), Must::HoldEverywhere)],
            about: About::Agreement,
            wrong: None,
        })
    }

    /// Rule by rule: which of a grant's permits count depends on what the answer would show.
    fn grants_agree(&mut self, grants: &[&Provable<'_>]) -> Result<Theorem, String> {
        let more = more_agreement()?;
        let mut tests = Vec::new();
        for grant in grants {
            let mine = grant.policy;
            let again = reading_again(mine, AGREEMENT)?;
            let ask = if same_text(mine, &again)? {
                Ask::MatchImplies(Box::new(mine.clone()), Box::new(again), Under::Doubled)
            } else {
                let with = match mine.effect() {
                    Stance::Permit => None,
                    Stance::Forbid => Some(&self.permit_all),
                };
                let given = self.assumed.iter().copied().chain([&more, mine]).chain(with);
                let fewer = self.agenda.set(given, Under::Doubled)?;
                let more = self.agenda.set(std::iter::once(&again).chain(with), Under::Doubled)?;
                Ask::Implies(fewer, more)
            };
            tests.push(self.agenda.test(ask, Must::HoldEverywhere));
        }
        Ok(Theorem {
            id: "agreement/grants".to_owned(),
            says: format!(
                "nor do they turn a yes of one of the {} rules of the grants into a no",
                grants.len()
            ),
            file: None,
            tests,
            about: About::GrantAgreement(grants.iter().map(|it| it.policy.clone()).collect()),
            wrong: None,
        })
    }

    fn fixed(
        &mut self,
        rule: &Provable<'_>,
        annotation: &str,
        says: String,
        members: &'static [&'static str],
    ) -> Result<Theorem, String> {
        let again = reading_again(rule.policy, members)?;
        let ask = if same_text(rule.policy, &again)? {
            Ask::MatchImplies(Box::new(rule.policy.clone()), Box::new(again), Under::Doubled)
        } else {
            // What the copy lets through, the rule itself lets through.
            let given = self.assumed.iter().copied().chain([&self.permit_all, &again]);
            let spared = self.agenda.set(given, Under::Doubled)?;
            let rule = self.agenda.set([&self.permit_all, rule.policy], Under::Doubled)?;
            Ask::Implies(spared, rule)
        };
        Ok(Theorem {
            id: format!("{annotation}/{}", rule.rule.id),
            says,
            file: Some(rule.rule.file.clone()),
            tests: vec![self.agenda.test(ask, Must::HoldEverywhere)],
            about: About::Fixed(rule.rule.id.to_string(), members),
            wrong: None,
        })
    }
}

/// Forbids every request whose copy does not have at least as much agreement.
fn more_agreement() -> Result<Policy, String> {
    let mut conditions = Vec::new();
    for member in AGREEMENT {
        for (part, kind) in parts_of(member)? {
            let (less, more) =
                (format!("context[{member:?}][{part:?}]"), format!("context[{:?}][{part:?}]", again(member)));
            conditions.push(match kind.as_str() {
                "Long" => format!("{less} <= {more}"),
                "Bool" | "Boolean" => format!("(!{less} || {more})"),
                "Set" => format!("{more}.containsAll({less})"),
                other => {
                    return Err(format!("what is more of `{member}.{part}`, a {other}, nobody has said"));
                }
            });
        }
    }
    crate::question::parse(
        "(more agreement)",
        &format!("forbid (principal, action, resource) unless {{ {} }};", conditions.join(" && ")),
    )
}

/// Whether the rule reads nothing that was renamed: then there is nothing to vary.
fn same_text(one: &Policy, other: &Policy) -> Result<bool, String> {
    let json = |policy: &Policy| policy.to_json().map_err(|err| err.to_string());
    Ok(json(one)? == json(other)?)
}

/// A request, or two that differ in what a theorem varies.
pub(crate) type Pair = (Scene, Option<Scene>);

impl Theorem {
    /// Which members of the context the counterexample has twice.
    pub(crate) fn doubled(&self) -> &'static [&'static str] {
        match &self.about {
            About::Errors | About::Invariant(_) | About::Nothing => &[],
            About::Agreement | About::GrantAgreement(_) => AGREEMENT,
            About::Fixed(_, members) => members,
        }
    }

    /// Whether it says only what is not to be in the way: a request that is stopped all the same is no danger.
    pub(crate) fn leaves_alone(&self) -> bool {
        match &self.about {
            About::Invariant(policy) => policy.effect() == Stance::Permit,
            About::Errors
            | About::Agreement
            | About::GrantAgreement(_)
            | About::Fixed(..)
            | About::Nothing => false,
        }
    }

    /// Whether the decision agrees that this refutes it: says how the request comes out, and the other; `None` where it
    /// does not.
    pub(crate) fn refuted_by(
        &self,
        bundle: &Bundle,
        assumptions: &[Assumption],
        pair: &Pair,
    ) -> Option<(String, Option<String>)> {
        let schema = bundle.schema();
        let (request, entities) = pair.0.posed(schema).ok()?;
        for assumed in assumptions.iter().flat_map(|it| &it.policies) {
            if matches(assumed, &request, &entities) != Ok(false) {
                return None;
            }
        }
        let first = bundle.replay_constitution(&request, &entities);
        let second = || {
            let (request, entities) = pair.1.as_ref()?.posed(schema).ok()?;
            Some((bundle.replay_constitution(&request, &entities), request, entities))
        };
        match &self.about {
            About::Errors => match first {
                Replay::Fault(_) => Some((first.to_string(), None)),
                Replay::Allowed | Replay::Stopped { .. } => None,
            },
            About::Invariant(policy) => {
                let speaks = matches(policy, &request, &entities) == Ok(true);
                let wrong = match policy.effect() {
                    Stance::Forbid => first == Replay::Allowed,
                    Stance::Permit => first != Replay::Allowed,
                };
                (speaks && wrong).then(|| (first.to_string(), None))
            }
            About::Agreement => {
                let (second, ..) = second()?;
                let refuted = first == Replay::Allowed && second != Replay::Allowed;
                (refuted && self.has_more(pair)).then(|| (first.to_string(), Some(second.to_string())))
            }
            About::GrantAgreement(policies) => {
                let (_, other, others) = second()?;
                let turned = policies.iter().find(|policy| {
                    let permits = policy.effect() == Stance::Permit;
                    matches(policy, &request, &entities) == Ok(permits)
                        && matches(policy, &other, &others) == Ok(!permits)
                })?;
                let told = |yes| format!("`{}` {yes}", turned.annotation("id").unwrap_or("a rule"));
                self.has_more(pair).then(|| (told("says yes"), Some(told("says no"))))
            }
            About::Fixed(rule, _) => {
                let (second, ..) = second()?;
                let stops = |replay: &Replay| match replay {
                    Replay::Stopped { rules, .. } => rules.iter().any(|it| it.id.as_str() == rule),
                    Replay::Allowed | Replay::Fault(_) => false,
                };
                (stops(&first) && !stops(&second)).then(|| (first.to_string(), Some(second.to_string())))
            }
            About::Nothing => None,
        }
    }

    /// Whether the second of the pair has at least the agreement of the first.
    fn has_more(&self, pair: &Pair) -> bool {
        let Some(second) = &pair.1 else { return false };
        self.doubled().iter().all(|member| no_less(pair.0.context.get(member), second.context.get(member)))
    }
}

fn no_less(less: Option<&serde_json::Value>, more: Option<&serde_json::Value>) -> bool {
    use serde_json::Value as Json;
    match (less, more) {
        (Some(Json::Object(less)), Some(Json::Object(more))) => {
            less.iter().all(|(part, value)| no_less(Some(value), more.get(part)))
        }
        (Some(Json::Bool(less)), Some(Json::Bool(more))) => !less || *more,
        (Some(Json::Number(less)), Some(Json::Number(more))) => less.as_i64() <= more.as_i64(),
        (Some(Json::Array(less)), Some(Json::Array(more))) => less.iter().all(|item| more.contains(item)),
        _ => false,
    }
}
